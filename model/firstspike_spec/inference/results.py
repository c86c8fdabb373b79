"""The results of a device for a batch of images, and their comparison with the golden model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..common.errors import InputError
from ..network.encoder import SPIKE_TIME_TYPE
from .comparison import Comparison
from .inference import Inference


@dataclass(frozen=True, eq=False)
class Results:
    """The results of a device for a batch of images.

    Attributes
    ----------
    latencies : ndarray of int16, shape (batch, outputs)
        First-spike latencies: the step of each output's spike, or ``T`` for none before the inference ended.
    potentials : ndarray of int32, shape (batch, outputs)
        Potential of each output at its spike, or after the last step; 0 where ``reported`` is false.
    reported : ndarray of bool, shape (batch, outputs)
        Whether the potential is known: the output spiked, or the inference ran to its last step.
    classes, decision_steps : ndarray of int16, shape (batch,)
    cycles : ndarray of int64, shape (batch,), or None
        Clock cycles from an image's first token to its decision; ``None`` from a device that has no clock.
    spike_times : tuple of ndarray of int16, or None
        Spike times of the inputs and all layers, from a device that shows them.
    """

    latencies: np.ndarray
    potentials: np.ndarray
    reported: np.ndarray
    classes: np.ndarray
    decision_steps: np.ndarray
    cycles: np.ndarray | None = None
    spike_times: tuple[np.ndarray, ...] | None = None

    @classmethod
    def from_inference(cls, inference: Inference, *, early_exit: bool) -> "Results":
        """Return the results that a device must give for an inference of the golden model.

        Parameters
        ----------
        inference : Inference
        early_exit : bool
            Whether the device ends inferences early. If so, an inference that ran to its last step is cut at the decision
            step; the spikes until then are the same.
        """
        time_steps, decision_steps = inference.time_steps, inference.decision_steps
        spike_times = inference.spike_times
        if early_exit:
            spike_times = cut_at_decision(spike_times, decision_steps, time_steps)
        spiked = spike_times[-1] < time_steps
        reported = spiked | (decision_steps == time_steps - 1)[:, None] if early_exit else np.ones_like(spiked)
        return cls(
            latencies=spike_times[-1],
            potentials=np.where(reported, inference.potentials[-1], 0).astype(np.int32),
            reported=reported,
            classes=inference.classes,
            decision_steps=decision_steps,
            spike_times=spike_times,
        )


def with_hidden_spikes(results: Results, spike_times: tuple[np.ndarray, ...], *, early_exit: bool, time_steps: int) -> Results:
    """Return results together with the spike times of the inputs and the hidden layers.

    With early exit, it depends on the timing how far a device gets beyond the decision step, so later spikes do not count.
    """
    if early_exit:
        spike_times = cut_at_decision(spike_times, results.decision_steps, time_steps)
    return replace(results, spike_times=(*spike_times, results.latencies))


def join_results(parts: Sequence[Results]) -> Results:
    """Return the results of several batches, at least one, as those of one batch.

    Cycles or spike times that one of the batches does not have are ``None``.
    """
    cycles = [part.cycles for part in parts if part.cycles is not None]
    spike_times = [part.spike_times for part in parts if part.spike_times is not None]
    return Results(
        latencies=np.concatenate([part.latencies for part in parts]),
        potentials=np.concatenate([part.potentials for part in parts]),
        reported=np.concatenate([part.reported for part in parts]),
        classes=np.concatenate([part.classes for part in parts]),
        decision_steps=np.concatenate([part.decision_steps for part in parts]),
        cycles=np.concatenate(cycles) if len(cycles) == len(parts) else None,
        spike_times=tuple(map(np.concatenate, zip(*spike_times, strict=True))) if len(spike_times) == len(parts) else None,
    )


def cut_at_decision(
    spike_times: tuple[np.ndarray, ...], decision_steps: np.ndarray, time_steps: int
) -> tuple[np.ndarray, ...]:
    """Return spike times with ``T`` instead of those after each image's decision step."""
    kept = (np.where(times <= decision_steps[:, None], times, time_steps) for times in spike_times)
    return tuple(times.astype(SPIKE_TIME_TYPE) for times in kept)


def compare_results(expected: Results, got: Results, *, first: int = 0) -> Comparison:
    """Compare all of a device's results with the golden model's.

    Parameters
    ----------
    expected : Results
        The golden model's (`Results.from_inference`).
    got : Results
    first : int
        Number of the batch's first image, for the report.

    Returns
    -------
    Comparison
        Of latencies, classes, decision steps, which potentials are known, those potentials, and, if the device shows them,
        the spike times of all inputs and hidden neurons.

    Raises
    ------
    InputError
        If the shapes differ, or only the device's results have spike times.
    """
    comparison = Comparison()
    for name in ("latencies", "reported", "classes", "decision_steps"):
        comparison.compare(name.replace("_", " "), getattr(expected, name), getattr(got, name), first=first)
    both = expected.reported & got.reported
    comparison.compare("potential", expected.potentials, got.potentials, both, first=first)
    if got.spike_times is not None:
        if expected.spike_times is None:
            raise InputError("the expected results have no spike times to compare with")
        for index, (wanted, found) in enumerate(zip(expected.spike_times[:-1], got.spike_times[:-1], strict=True)):
            name = "spike time of input" if index == 0 else f"spike time in layer {index - 1}"
            comparison.compare(name, wanted, found, first=first)
    return comparison
