"""What a device gives for a batch of images, and its comparison with the golden model."""

from dataclasses import dataclass

import numpy as np

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
        """Return what a device would give that runs the golden model."""
        ran_to_end = inference.decision_steps == inference.time_steps - 1
        spiked = inference.latencies < inference.time_steps
        reported = spiked | ran_to_end[:, None] if early_exit else np.ones_like(spiked)
        return cls(
            latencies=inference.latencies,
            potentials=np.where(reported, inference.potentials[-1], 0).astype(np.int32),
            reported=reported,
            classes=inference.classes,
            decision_steps=inference.decision_steps,
            spike_times=inference.spike_times,
        )


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
