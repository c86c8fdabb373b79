"""The results of an inference, in the form that every implementation returns."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Inference:
    """The results of a batch of inferences.

    Attributes
    ----------
    time_steps : int
        ``T``; it means *no spike* in every array of spike times. Only the inputs of a layered network may have another number.
    spike_times : tuple of ndarray of int16, each of shape (batch, neurons)
        Of the inputs, then of each layer. With early exit, ``T`` for a neuron that had not spiked by the decision step.
    potentials : tuple of ndarray of int32, each of shape (batch, neurons)
        Of each layer: the potential ``V`` at the neuron's spike, or after the last step that was run.
    classes : ndarray of int16, shape (batch,)
    decision_steps : ndarray of int16, shape (batch,)
        The step of the first output spike, or ``T - 1`` if there was none.
    spikes : ndarray of int64, shape (batch,)
        Number of spikes of all inputs and layers.
    synaptic_operations : ndarray of int64, shape (batch,)
        Number of additions of a weight to a potential.
    """

    time_steps: int
    spike_times: tuple[np.ndarray, ...]
    potentials: tuple[np.ndarray, ...]
    classes: np.ndarray
    decision_steps: np.ndarray
    spikes: np.ndarray
    synaptic_operations: np.ndarray

    @property
    def latencies(self) -> np.ndarray:
        """First-spike latencies: the spike times of the last layer, shape (batch, outputs)."""
        return self.spike_times[-1]
