"""What a device gives for a batch of images, and its comparison with the golden model."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from ..network.encoder import SPIKE_TIME_TYPE
from .comparison import Comparison
from .inference import Inference


@dataclass(frozen=True, eq=False)
class Results:
    """What a device gives for a batch of images.

    Attributes
    ----------
    latencies : ndarray of int16, shape (batch, outputs)
        First-spike latencies: the step of each output's spike, or ``T`` for no spike (with early exit: none until then).
    potentials : ndarray of int32, shape (batch, outputs)
        Potential of each output at its spike, or after the last step; 0 where it was not ``reported``.
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
        """Return what a device gives according to an inference.

        Parameters
        ----------
        inference : Inference
        early_exit : bool
            Whether the device ends inferences early. An inference that was run to its last step is then cut at the
            decision step here: the spikes until then are the same.
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

    With early exit, how much of the step after the decision was still run depends on the timing, so spikes after the
    decision step do not count.
    """
    if early_exit:
        spike_times = cut_at_decision(spike_times, results.decision_steps, time_steps)
    return replace(results, spike_times=(*spike_times, results.latencies))


def join_results(parts: Sequence[Results]) -> Results:
    """Return the results of several batches, at least one, as those of one batch. What one does not have, none has."""

    def joined(values):
        if any(value is None for value in values):
            return None
        if isinstance(values[0], tuple):
            return tuple(joined(layer) for layer in zip(*values, strict=True))
        return np.concatenate(values)

    return Results(*(joined([getattr(part, field.name) for part in parts]) for field in fields(Results)))


def cut_at_decision(
    spike_times: tuple[np.ndarray, ...], decision_steps: np.ndarray, time_steps: int
) -> tuple[np.ndarray, ...]:
    """Return spike times without the spikes after each image's decision step (they read ``T``)."""
    kept = (np.where(times <= decision_steps[:, None], times, time_steps) for times in spike_times)
    return tuple(times.astype(SPIKE_TIME_TYPE) for times in kept)


def compare_results(expected: Results, got: Results, *, first: int = 0) -> Comparison:
    """Compare every value that a device gave with the golden model's.

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
        Of latencies, classes, decision steps, which potentials are known, those potentials, and, from a device that shows
        them, the spike times of all inputs and hidden neurons.
    """
    comparison = Comparison()
    for name in ("latencies", "reported", "classes", "decision_steps"):
        comparison.compare(name.replace("_", " "), getattr(expected, name), getattr(got, name), first=first)
    both = expected.reported & got.reported
    comparison.compare("potential", expected.potentials, got.potentials, both, first=first)
    if got.spike_times is not None:
        for index, (wanted, found) in enumerate(zip(expected.spike_times[:-1], got.spike_times[:-1], strict=True)):
            name = "spike time of input" if index == 0 else f"spike time in layer {index - 1}"
            comparison.compare(name, wanted, found, first=first)
    return comparison
