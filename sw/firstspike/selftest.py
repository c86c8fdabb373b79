"""The self-test: is the device what it claims to be, and does it work as it should?"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import numpy as np

from firstspike_spec.common.errors import UserError
from firstspike_spec.inference.comparison import Comparison
from firstspike_spec.inference.golden import infer_spikes
from firstspike_spec.inference.results import Results, compare_results
from firstspike_spec.layered.network import LayeredNetwork
from firstspike_spec.network.encoder import SPIKE_TIME_TYPE
from firstspike_spec.protocol.messages import Kind
from firstspike_spec.protocol.shapes import kind_of, lanes_of

from .devices import Device
from .devices.kinds import AnyNetwork, ends_early
from .devices.linked import LinkedDevice

#: Small requests that test the link, and images that are run.
_REQUESTS, _IMAGES = 200, 10

#: Most wrong memory words that are searched for, and most that are named.
_MOST_WRONG, _NAMED = 500, 5


@dataclass(frozen=True)
class Check:
    """One check of a self-test.

    Attributes
    ----------
    name : str
    passed : bool
    told : str
        The result in words.
    """

    name: str
    passed: bool
    told: str


def selftest(device: Device, network: AnyNetwork, progress: Callable[[int], None] = lambda done: None) -> list[Check]:
    """Check a device, as `Accelerator.selftest` describes. A device without a link has fewer checks."""
    checks: dict[str, Callable[[], Check]] = {}
    if isinstance(device, LinkedDevice):
        checks["identity"] = lambda: _identity(device)
        checks["link"] = lambda: _link(device)
        checks["memories"] = lambda: _memories(device)
    checks["images"] = lambda: _images(device, network)
    results: list[Check] = []
    for done, (name, check) in enumerate(checks.items(), 1):
        try:
            results.append(check())
        except UserError as error:  # such as when the device gives an unusable identity
            return [*results, Check(name, False, str(error))]
        progress(done)
    return results


def _identity(device: LinkedDevice) -> Check:
    identity, again = device.identity, device.link.connect()
    same = (again.shape, again.board) == (identity.shape, identity.board)
    lanes = " and ".join(map(str, lanes_of(again.shape))) or "no"
    clock = f", {again.clock_hz / 1e6:g} MHz" if again.clock_hz else ""
    return Check("identity", same, f"{again.board}, {lanes} lanes{clock}, {kind_of(again.shape)} {again.shape.digest[:12]}")


def _link(device: LinkedDevice) -> Check:
    link = device.link
    before, losses, damages = device.counters(), link.resent + link.strays, link.damaged
    answers = list(link.exchange([(Kind.COUNTERS, b"")] * _REQUESTS))
    after = device.counters()
    lost = link.resent + link.strays - losses
    damaged = after["damaged_frames"] - before["damaged_frames"] + link.damaged - damages
    passed = len(answers) == _REQUESTS and lost == damaged == 0
    return Check("link", passed, f"{_REQUESTS} requests answered, {lost} lost, {damaged} frames damaged")


def _memories(device: LinkedDevice) -> Check:
    wrong = list(islice(device.differences(), _MOST_WRONG))
    if wrong:
        named, count = "; ".join(wrong[:_NAMED]), f"{len(wrong)}{' or more' if len(wrong) == _MOST_WRONG else ''}"
        return Check("memories", False, f"{count} words are wrong: {named}; load the network again")
    return Check("memories", True, "every word reads back as it was loaded")


def _images(device: Device, network: AnyNetwork) -> Check:
    times, comparison = _spike_times(network), Comparison()
    # One golden inference to the last step serves both runs; for early exit it is cut at the decision.
    inference = infer_spikes(network, times, early_exit=False)
    exits = (True, False) if ends_early(network, True) else (False,)
    for early_exit in exits:
        expected = Results.from_inference(inference, early_exit=early_exit)
        comparison.add(compare_results(expected, device.run(times, early_exit=early_exit)))
    found = (
        f"{_IMAGES} images{', with early exit and to the last step' if len(exits) > 1 else ''}: "
        f"{comparison.compared_values:,} values compared with golden, {comparison.mismatches} differ"
    )
    return Check("images", comparison.passed, "; ".join([found, *comparison.named[:1]]))


def _spike_times(network: AnyNetwork) -> np.ndarray:
    """Return input spike times of images from empty to full, the same on every machine."""
    levels = np.linspace(0, 255, _IMAGES)[:, None]
    values = np.random.default_rng(0).random((_IMAGES, network.inputs)) * levels
    if isinstance(network, LayeredNetwork) and network.input_code.channels is None:
        steps = network.input_time_steps
        return (steps - values * (steps + 1) / 256).astype(SPIKE_TIME_TYPE)
    return network.spike_times(values.astype(np.uint8))
