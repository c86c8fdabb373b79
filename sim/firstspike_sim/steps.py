"""The comparison of a stream of tokens with expected spike times, step by step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from firstspike_spec.common.words import Word
from firstspike_spec.compiler.tokens import token_ports

from .scoreboard import Scoreboard
from .streams import Transfer


@dataclass(frozen=True)
class Expected:
    """What some neurons do in a row of inferences.

    A place without a neuron counts as one that never spikes; it has a column after those of the neurons.

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
    lane : int, optional
        For the report, if all of them are of one lane.
    neurons : ndarray of int, shape (places,), optional
        Their numbers for the report; 0, 1 and so on by default.
    """

    layer: int
    addresses: np.ndarray
    steps: np.ndarray
    times: np.ndarray
    potentials: np.ndarray | None = None
    until: np.ndarray | None = None
    lane: int | None = None
    neurons: np.ndarray | None = None


def compare_tokens(scoreboard: Scoreboard, expected: Expected, word: Word, transfers: Sequence[Transfer]) -> None:
    """Compare the tokens that a lane, a layer or a probe gave, for every neuron in every step.

    Parameters
    ----------
    scoreboard : Scoreboard
    expected : Expected
    word : Word
        The tokens' fields: those of `firstspike_hw.lib.layouts.token_layout`, ``lane_layout`` or ``verdict_layout``. Verdicts
        must come by rising address within a step.
    transfers : sequence of Transfer
    """
    fields = word.unpack(np.array([transfer.word for transfer in transfers], np.uint64))
    fields["address"], fields["valid"] = _spikes(fields)
    ends, where = np.flatnonzero(fields["end"]), {"layer": expected.layer, "lane": expected.lane}
    scoreboard.compare("ends of steps", int(expected.steps.sum()), len(ends), **where)
    scoreboard.compare("tokens after the last end", 0, len(transfers) - (ends[-1] + 1 if len(ends) else 0), **where)
    means_something = fields["valid"].any(axis=1) | (fields["end"] == 1)
    scoreboard.compare("tokens without spike or end", 0, len(transfers) - np.count_nonzero(means_something), **where)
    first, step_ends = 0, iter(ends)
    for image, steps in enumerate(expected.steps):
        for step in range(steps):
            end = next(step_ends, None)
            if end is None:
                return
            here = {"image": image, **where, "step": step}
            last = int(fields["last"][end])
            scoreboard.compare("last", int(step == steps - 1), last, cycle=transfers[end].cycle, **here)
            if expected.until is None or step <= expected.until[image]:
                _compare_step(scoreboard, expected, fields, transfers, range(first, end + 1), here)
            first = end + 1


def _spikes(fields: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the addresses of each token's spikes, a lane's neurons, and which there are: arrays of shape (tokens, ports)."""
    for name in ("neuron", "address"):
        if name in fields:
            return fields[name][:, None], 1 - fields["end"][:, None]
    return token_ports(fields)


def _compare_step(scoreboard: Scoreboard, expected: Expected, fields: dict, transfers, tokens: range, where: dict) -> None:
    image, step = where["image"], where["step"]
    by_address: dict[int, list[int]] = {}
    for token, port in np.argwhere(fields["valid"][tokens.start : tokens.stop]).tolist():
        token += tokens.start
        by_address.setdefault(int(fields["address"][token, port]), []).append(token)
    if expected.potentials is not None:
        in_order = int(list(by_address) == sorted(by_address))
        scoreboard.compare("verdicts by rising address", 1, in_order, cycle=transfers[tokens[-1]].cycle, **where)
    is_last = step == expected.steps[image] - 1
    for place, address in enumerate(expected.addresses):
        mine = by_address.pop(int(address), [])
        neuron = place if expected.neurons is None else expected.neurons[place]
        at = {**where, "neuron": neuron, "cycle": transfers[mine[0] if mine else tokens[-1]].cycle}
        time = int(expected.times[image, place])
        if expected.potentials is None:
            scoreboard.compare("spikes", int(time == step), len(mine), **at)
            continue
        silent = is_last and time == expected.steps[image]
        scoreboard.compare("reports", int(time == step or silent), len(mine), **at)
        scoreboard.compare("spikes", int(time == step), sum(int(fields["fired"][token]) for token in mine), **at)
        if mine and (time == step or silent):
            potential = int(expected.potentials[image, place])
            scoreboard.compare("potential minus threshold", potential, int(fields["potential"][mine[0]]), **at)
    for address, mine in by_address.items():
        scoreboard.compare(f"spikes of address {address}, where no neuron is", 0, len(mine), **where)
