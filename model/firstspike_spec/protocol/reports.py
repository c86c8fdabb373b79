"""The reports and decisions in result words, and what is wrong with them whatever the network is."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..common.errors import InputError
from ..common.words import RESULT_WORD
from ..inference.decision import decide
from ..inference.results import Results
from ..network.encoder import SPIKE_TIME_TYPE


class ImpossibleResults(InputError):
    """Results for an image contradict each other or the network.

    Attributes
    ----------
    image : int
        The number of the image.
    """

    def __init__(self, image: int, message: str) -> None:
        super().__init__(message)
        self.image = image


@dataclass(frozen=True, eq=False)
class Reports:
    """What result words say of a batch.

    Attributes
    ----------
    latencies, values : ndarray of int64, shape (batch, places)
        The step of each output's spike, ``T`` if it had none; and what its report says of its potential.
    reported : ndarray of bool, shape (batch, places)
        Whether there was a report.
    neurons, steps, fired, cycles : ndarray of int64, shape (batch,)
        Of the decisions.
    """

    latencies: np.ndarray
    values: np.ndarray
    reported: np.ndarray
    neurons: np.ndarray
    steps: np.ndarray
    fired: np.ndarray
    cycles: np.ndarray

    def results(self, outputs: int, potentials: np.ndarray) -> Results:
        """Return the results for the first ``outputs`` places, with potentials of shape (batch, places)."""
        return Results(
            latencies=self.latencies[:, :outputs].astype(SPIKE_TIME_TYPE),
            potentials=potentials[:, :outputs].astype(np.int32),
            reported=self.reported[:, :outputs],
            classes=self.neurons.astype(np.int16),
            decision_steps=self.steps.astype(SPIKE_TIME_TYPE),
            cycles=self.cycles,
        )


def read_reports(words: np.ndarray, *, batch: int, places: int, time_steps: int) -> Reports:
    """Return what result words say.

    Parameters
    ----------
    words : ndarray of uint64
        `RESULT_WORD` words: the reports of each inference, then its decision.
    batch : int
        Number of inferences.
    places : int
        Outputs that can be reported, those without a neuron included.
    time_steps : int
        ``T``.

    Raises
    ------
    InputError
        If the words are not of ``batch`` inferences.
    ImpossibleResults
        If a step or a neuron does not exist, or a neuron is reported twice.
    """
    fields = RESULT_WORD.unpack(words)
    is_decision = fields["decision"] == 1
    if np.count_nonzero(is_decision) != batch or (len(words) and not is_decision[-1]):
        raise InputError(f"the engine gave {np.count_nonzero(is_decision)} decisions for {batch} images")
    number = np.cumsum(is_decision) - is_decision
    beyond = np.asarray(words, np.uint64) >> np.uint64(RESULT_WORD.bits) != 0
    if beyond.any():
        raise ImpossibleResults(int(number[np.argmax(beyond)]), f"a result word has more than {RESULT_WORD.bits} bits")
    number = number[~is_decision]
    neuron, step, fired, value = (fields[name][~is_decision] for name in ("neuron", "step", "fired", "value"))

    def check(wrong: np.ndarray, message: Callable[[int], str]) -> None:
        if wrong.any():
            at = int(np.argmax(wrong))
            raise ImpossibleResults(int(number[at]), message(at))

    check(neuron >= places, lambda at: f"it reported output {neuron[at]}, of {places}")
    check(step >= time_steps, lambda at: f"it reported output {neuron[at]} in step {step[at]}, of {time_steps}")
    check(
        (fired == 0) & (step != time_steps - 1),
        lambda at: f"it reported that output {neuron[at]} did not spike, in step {step[at]}, not the last one",
    )
    counts = np.bincount(number * places + neuron, minlength=batch * places)
    check(counts[number * places + neuron] > 1, lambda at: f"it reported output {neuron[at]} twice")
    latencies = np.full((batch, places), time_steps)
    latencies[number, neuron] = np.where(fired == 1, step, time_steps)
    values = np.zeros((batch, places), np.int64)
    values[number, neuron] = value
    decisions = (fields[name][is_decision] for name in ("neuron", "step", "fired", "value"))
    return Reports(latencies, values, counts.reshape(batch, places) == 1, *decisions)


def check_decisions(found: Reports, time_steps: int, early_exit: bool) -> None:
    """Refuse decisions that do not follow from the reports, and missing or unexpected reports."""
    latencies, step, fired = found.latencies, found.steps, found.fired
    first = latencies.min(axis=1)
    wanted_steps, spiked = np.minimum(first, time_steps - 1), first < time_steps
    refuse(
        (step != wanted_steps) | (fired != spiked),
        lambda at: (
            f"it decided in step {step[at]}{'' if fired[at] else ' without a spike'}, but its reports decide in step "
            f"{wanted_steps[at]}{'' if spiked[at] else ' without a spike'}"
        ),
    )
    # After the last step all outputs are reported; after an earlier one, only those that spiked in the decision step.
    to_the_end = (step == time_steps - 1) | (not early_exit)
    wanted = (latencies == step[:, None]) | to_the_end[:, None]
    refuse(
        found.reported != wanted,
        lambda at: (
            f"it {'reported' if found.reported[at] else 'did not report'} output {at[1]}, with a decision in step "
            f"{step[at[0]]} of {time_steps} {'with' if early_exit else 'without'} early exit"
        ),
    )
    classes = decide(latencies, found.values)
    refuse(
        found.neurons != classes,
        lambda at: f"it decided for output {found.neurons[at]}, but its reports are for {classes[at]}",
    )
    refuse(found.cycles < 0, lambda at: f"it took {found.cycles[at]} cycles")


def refuse(wrong: np.ndarray, message: Callable[[tuple[int, ...]], str]) -> None:
    """Raise `ImpossibleResults` about the first wrong place of an array, whose first dimension is the image."""
    if wrong.any():
        at = tuple(map(int, np.argwhere(wrong)[0]))
        raise ImpossibleResults(at[0], message(at))
