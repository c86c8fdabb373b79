"""Results from an engine's result words. Words that no engine with this network can give are refused."""

from collections.abc import Callable

import numpy as np

from ..common.errors import InputError
from ..common.words import RESULT_WORD
from ..compiler.contents import EngineContents
from ..inference.decision import decide
from ..inference.results import Results
from ..network.encoder import SPIKE_TIME_TYPE


class ImpossibleResults(InputError):
    """An engine's results for an image contradict each other or the network.

    Attributes
    ----------
    image : int
        The number of the image.
    """

    def __init__(self, image: int, message: str) -> None:
        super().__init__(message)
        self.image = image


def read_results(contents: EngineContents, words: np.ndarray, *, batch: int, early_exit: bool) -> Results:
    """Return the results in an engine's result words.

    Parameters
    ----------
    contents : EngineContents
        The contents of the engine.
    words : ndarray of uint64
        `RESULT_WORD` words: the reports of each inference, then its decision.
    batch : int
        Number of inferences.
    early_exit : bool
        Whether the inferences ended early.

    Raises
    ------
    InputError
        If the words are not of ``batch`` inferences.
    ImpossibleResults
        If no inference of this network can give them: a step, a neuron or a potential is impossible, a report is missing or
        unexpected, or the decision does not follow from the reports.
    """
    network = contents.network
    fields = RESULT_WORD.unpack(words)
    is_decision = fields["decision"] == 1
    if np.count_nonzero(is_decision) != batch or (len(words) and not is_decision[-1]):
        raise InputError(f"the engine gave {np.count_nonzero(is_decision)} decisions for {batch} images")
    number = np.cumsum(is_decision) - is_decision
    beyond = np.asarray(words, np.uint64) >> np.uint64(RESULT_WORD.bits) != 0
    if beyond.any():
        raise ImpossibleResults(int(number[np.argmax(beyond)]), f"a result word has more than {RESULT_WORD.bits} bits")
    number = number[~is_decision]
    reports = {name: fields[name][~is_decision] for name in ("neuron", "step", "fired", "value")}
    decisions = {name: fields[name][is_decision] for name in ("neuron", "step", "fired", "value")}

    latencies, values, reported = _reports(contents, number, batch, **reports)
    _check_reports(contents, latencies, values, reported)
    _check_decisions(latencies, values, reported, network.time_steps, early_exit, **decisions)

    outputs = slice(network.outputs)
    potentials = np.where(reported, values + network.layers[-1].threshold, 0)
    return Results(
        latencies=latencies[:, outputs].astype(SPIKE_TIME_TYPE),
        potentials=potentials[:, outputs].astype(np.int32),
        reported=reported[:, outputs],
        classes=decisions["neuron"].astype(np.int16),
        decision_steps=decisions["step"].astype(SPIKE_TIME_TYPE),
        cycles=decisions["value"],
    )


def _reports(
    contents: EngineContents,
    number: np.ndarray,
    batch: int,
    *,
    neuron: np.ndarray,
    step: np.ndarray,
    fired: np.ndarray,
    value: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return latencies, potentials minus threshold, and whether there was a report, each of shape (batch, places).

    An engine with room for more outputs also reports its places without a neuron.
    """
    places, time_steps = contents.shape.output.neurons, contents.network.time_steps

    def refuse(wrong: np.ndarray, message: Callable[[int], str]) -> None:
        if wrong.any():
            at = int(np.argmax(wrong))
            raise ImpossibleResults(int(number[at]), message(at))

    refuse(neuron >= places, lambda at: f"it reported output {neuron[at]}, of {places}")
    refuse(step >= time_steps, lambda at: f"it reported output {neuron[at]} in step {step[at]}, of {time_steps}")
    refuse(
        (fired == 0) & (step != time_steps - 1),
        lambda at: f"it reported that output {neuron[at]} did not spike, in step {step[at]}, not the last one",
    )
    counts = np.bincount(number * places + neuron, minlength=batch * places)
    refuse(counts[number * places + neuron] > 1, lambda at: f"it reported output {neuron[at]} twice")
    latencies = np.full((batch, places), time_steps)
    latencies[number, neuron] = np.where(fired == 1, step, time_steps)
    values = np.zeros((batch, places), np.int64)
    values[number, neuron] = value
    return latencies, values, counts.reshape(batch, places) == 1


def _check_reports(contents: EngineContents, latencies: np.ndarray, values: np.ndarray, reported: np.ndarray) -> None:
    """Refuse potentials that an output cannot have: they contradict its spike, or are out of its range."""
    layer, places = contents.network.layers[-1], contents.shape.output.neurons
    lowest = np.full(places, contents.shape.output.lowest_potential)  # a place without a neuron keeps it
    highest = lowest.copy()
    lowest[: layer.targets], highest[: layer.targets] = layer.potential_range
    spiked = latencies < contents.network.time_steps
    _refuse(
        reported & (spiked != (values >= 0)),
        lambda at: (
            f"output {at[1]} {'spiked' if spiked[at] else 'did not spike'} with a potential of {values[at]:+} "
            "from the threshold"
        ),
    )
    _refuse(
        reported & ((values < lowest) | (values > highest)),
        lambda at: f"output {at[1]} has a potential of {values[at]:+} from the threshold, which its weights cannot give",
    )


def _check_decisions(
    latencies: np.ndarray,
    values: np.ndarray,
    reported: np.ndarray,
    time_steps: int,
    early_exit: bool,
    *,
    neuron: np.ndarray,
    step: np.ndarray,
    fired: np.ndarray,
    value: np.ndarray,
) -> None:
    """Refuse decisions that do not follow from the reports, and missing or unexpected reports."""
    first = latencies.min(axis=1)
    wanted_steps, spiked = np.minimum(first, time_steps - 1), first < time_steps
    _refuse(
        (step != wanted_steps) | (fired != spiked),
        lambda at: (
            f"it decided in step {step[at]}{'' if fired[at] else ' without a spike'}, but its reports decide in step "
            f"{wanted_steps[at]}{'' if spiked[at] else ' without a spike'}"
        ),
    )
    # After the last step all outputs are reported; after an earlier one, only those that spiked in the decision step.
    to_the_end = (step == time_steps - 1) | (not early_exit)
    wanted = (latencies == step[:, None]) | to_the_end[:, None]
    _refuse(
        reported != wanted,
        lambda at: (
            f"it {'reported' if reported[at] else 'did not report'} output {at[1]}, with a decision in step "
            f"{step[at[0]]} of {time_steps} {'with' if early_exit else 'without'} early exit"
        ),
    )
    classes = decide(latencies, values)
    _refuse(neuron != classes, lambda at: f"it decided for output {neuron[at]}, but its reports are for {classes[at]}")
    _refuse(value < 0, lambda at: f"it took {value[at]} cycles")


def _refuse(wrong: np.ndarray, message: Callable[[tuple[int, ...]], str]) -> None:
    """Raise an error about the first wrong place of an array, whose first dimension is the image."""
    if wrong.any():
        at = tuple(map(int, np.argwhere(wrong)[0]))
        raise ImpossibleResults(at[0], message(at))
