"""The self-test: is the device what it says, and does it do what it should?"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from firstspike_spec.errors import DeviceError
from firstspike_spec.golden import infer_spikes
from firstspike_spec.network import Network
from firstspike_spec.protocol import Kind
from firstspike_spec.results import Results, compare_results

from .devices import Device
from .devices.linked import LinkedDevice

#: Small requests that go over the link and back, and images.
_REQUESTS, _IMAGES = 200, 10

#: Names of differing memory words that are told.
_NAMED = 5


@dataclass(frozen=True)
class Check:
    """One check of a self-test.

    Attributes
    ----------
    name : str
    passed : bool
    told : str
        What was found.
    """

    name: str
    passed: bool
    told: str


def selftest(device: Device, network: Network, progress: Callable[[int], None] = lambda done: None) -> list[Check]:
    """Check a device, as `Accelerator.selftest` describes. One without a link has fewer checks."""
    checks: dict[str, Callable[[], Check]] = {}
    if isinstance(device, LinkedDevice):
        checks["identity"] = lambda: _identity(device)
        checks["link"] = lambda: _link(device)
        checks["memories"] = lambda: _memories(device)
    checks["images"] = lambda: _images(device, network)
    found = []
    for done, (name, check) in enumerate(checks.items(), 1):
        try:
            found.append(check())
        except DeviceError as error:
            return [*found, Check(name, False, str(error))]
        progress(done)
    return found


def _identity(device: LinkedDevice) -> Check:
    identity, again = device.identity, device.link.connect()
    same = (again.shape, again.board) == (identity.shape, identity.board)
    lanes = " and ".join(str(layer.lanes) for layer in again.shape.layers) or "no"
    clock = f", {again.clock_hz / 1e6:g} MHz" if again.clock_hz else ""
    return Check("identity", same, f"{again.board}, {lanes} lanes{clock}, engine {again.shape.digest[:12]}")


def _link(device: LinkedDevice) -> Check:
    before, resent = device.counters(), device.link.resent
    answers = list(device.link.exchange([(Kind.COUNTERS, b"")] * _REQUESTS))
    after = device.counters()
    lost = device.link.resent - resent + device.link.strays
    damaged = after["damaged_frames"] - before["damaged_frames"] + device.link.damaged
    passed = len(answers) == _REQUESTS and lost == damaged == 0
    return Check("link", passed, f"{_REQUESTS} requests there and back, {lost} lost, {damaged} frames damaged")


def _memories(device: LinkedDevice) -> Check:
    wrong = list(device.differences())
    if wrong:
        named = "; ".join(wrong[:_NAMED])
        return Check("memories", False, f"{len(wrong)} words are wrong: {named}; load the network again")
    return Check("memories", True, "every word reads back as it was loaded")


def _images(device: Device, network: Network) -> Check:
    # Known to both sides: the same on every machine, from empty to full.
    levels = np.linspace(0, 255, _IMAGES)[:, None]
    images = (np.random.default_rng(0).random((_IMAGES, network.inputs)) * levels).astype(np.uint8)
    times = network.spike_times(images)
    results = device.run(times, early_exit=False)
    comparison = compare_results(Results.from_inference(infer_spikes(network, times), early_exit=False), results)
    told = f"{_IMAGES} images, {comparison.compared_values} values compared with golden, {comparison.mismatches} differ"
    return Check("images", comparison.passed, "; ".join([told, *comparison.named[:1]]))
