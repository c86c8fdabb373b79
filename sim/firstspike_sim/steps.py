"""The comparison of a stream of tokens with expected spike times, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from firstspike_spec.words import Word

from .scoreboard import Scoreboard
from .streams import Transfer


@dataclass(frozen=True)
class Expected:
    """What a layer's neurons do in a row of inferences.

    A place without a neuron counts as one that never spikes; it has a column behind those of the neurons.

    Attributes
    ----------
    layer : int
        For the report.
    addresses : ndarray of int, shape (places,)
    steps : ndarray of int, shape (batch,)
        Number of steps of each inference.
    times : ndarray of int, shape (batch, places)
        Spike times; the inference's number of steps for no spike.
    potentials : ndarray of int, shape (batch, places), or None
        Potentials minus the threshold, at the spike or after the last step, of a layer that reports them.
    until : ndarray of int, shape (batch,), or None
        Compare nothing that happens after this step.
    """

    layer: int
    addresses: np.ndarray
    steps: np.ndarray
    times: np.ndarray
    potentials: np.ndarray | None = None
    until: np.ndarray | None = None


def compare_tokens(scoreboard: Scoreboard, expected: Expected, word: Word, transfers: Sequence[Transfer]) -> None:
    """Compare the tokens that a lane, a layer or a tap gave, for every neuron in every step.

    Parameters
    ----------
    scoreboard : Scoreboard
    expected : Expected
    word : Word
        The tokens' fields: ``address``, ``end``, perhaps ``last``, and, of a layer that reports, ``potential`` and ``fired``.
    transfers : sequence of Transfer
    """
    fields = word.unpack(np.array([transfer.word for transfer in transfers], np.uint64))
    ends = np.flatnonzero(fields["end"])
    scoreboard.compare("ends of steps", int(expected.steps.sum()), len(ends), layer=expected.layer)
    scoreboard.compare("tokens behind the last end", 0, len(transfers) - (ends[-1] + 1 if len(ends) else 0))
    first, step_ends = 0, iter(ends)
    for image, steps in enumerate(expected.steps):
        for step in range(steps):
            end = next(step_ends, None)
            if end is None:
                return
            where = {"image": image, "layer": expected.layer, "step": step}
            if "last" in fields:
                last = int(fields["last"][end])
                scoreboard.compare("last", int(step == steps - 1), last, cycle=transfers[end].cycle, **where)
            if expected.until is None or step <= expected.until[image]:
                _compare_step(scoreboard, expected, fields, transfers, range(first, end), where)
            first = end + 1


def _compare_step(scoreboard: Scoreboard, expected: Expected, fields: dict, transfers, tokens: range, where: dict) -> None:
    image, step = where["image"], where["step"]
    by_address: dict[int, list[int]] = {}
    for token in tokens:
        by_address.setdefault(int(fields["address"][token]), []).append(token)
    is_last = step == expected.steps[image] - 1
    for neuron, address in enumerate(expected.addresses):
        mine = by_address.pop(int(address), [])
        at = {**where, "neuron": neuron, "cycle": transfers[mine[0]].cycle if mine else transfers[tokens.stop].cycle}
        time = int(expected.times[image, neuron])
        if expected.potentials is None:
            scoreboard.compare("spikes", int(time == step), len(mine), **at)
            continue
        silent = is_last and time == expected.steps[image]
        scoreboard.compare("reports", int(time == step or silent), len(mine), **at)
        scoreboard.compare("spikes", int(time == step), sum(int(fields["fired"][token]) for token in mine), **at)
        if mine and (time == step or silent):
            potential = int(expected.potentials[image, neuron])
            scoreboard.compare("potential minus threshold", potential, int(fields["potential"][mine[0]]), **at)
    for address, mine in by_address.items():
        scoreboard.compare(f"tokens of address {address}, where no neuron is", 0, len(mine), **where)
