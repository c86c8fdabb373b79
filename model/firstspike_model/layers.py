"""Fully connected layers of first-spike neurons, as training sees them."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from .initialisation import initialise_weights
from .neuron import single_spikes


class FirstSpikeLayer(nn.Module):
    """A fully connected layer whose quantised forward pass is the integer dynamics of the golden model.

    Weights and start potentials are kept in units of the threshold. While ``scale`` is ``None`` they are used as they
    are, with the threshold 1. With a scale, the forward pass uses the integers that are exported (`integer_weights`,
    `integer_start_potentials`, `integer_threshold`): the scale divides all three alike, so it needs no multiplier in
    hardware. Gradients pass straight through the rounding.

    Parameters
    ----------
    sources, targets : int
    time_steps : int
        ``T``, for the initialisation.
    weight_bits : int
        2 .. 8: quantised weights are in ``-(2 ** (bits - 1) - 1) .. 2 ** (bits - 1) - 1``.
    width : float
        Of the surrogate gradient, in units of the threshold.
    generator : torch.Generator

    Attributes
    ----------
    weights : Parameter, shape (targets, sources)
    start_potentials : Parameter, shape (targets,)
    mask : Tensor of bool, shape (targets, sources)
        False where a connection has been cut.
    scale : float or None
        What an integer weight of 1 stands for, in units of the threshold.
    """

    def __init__(
        self, sources: int, targets: int, time_steps: int, weight_bits: int, width: float, generator: torch.Generator
    ):
        super().__init__()
        self.weight_bits = weight_bits
        self.width = width
        self.scale: float | None = None
        self.weights = nn.Parameter(torch.empty(targets, sources))
        initialise_weights(self.weights, time_steps, generator)
        self.start_potentials = nn.Parameter(torch.zeros(targets))
        self.register_buffer("mask", torch.ones(targets, sources, dtype=torch.bool))

    @property
    def largest_weight(self) -> int:
        """The largest magnitude of a quantised weight."""
        return (1 << (self.weight_bits - 1)) - 1

    def forward(self, present: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the layer's spikes and potentials at every step.

        There is no leak and no reset, so the potential after a step is the start potential plus the weights of all
        sources that have spiked by then, and one matrix product serves all steps.

        Parameters
        ----------
        present : Tensor of float, shape (T, batch, sources)
            1 from the step on at which a source spiked, 0 before.

        Returns
        -------
        spikes : Tensor of float, shape (T, batch, targets)
            At most one 1 along the steps.
        margins : Tensor of float, shape (T, batch, targets)
            Potential minus threshold, in units of the threshold.
        """
        if self.scale is None:
            weights = self.weights * self.mask
            margins = functional.linear(present, weights, self.start_potentials - 1)
        else:
            margins = self.scale * self.integer_margins(present)
        return single_spikes(margins, self.width), margins

    def integer_margins(self, present: torch.Tensor) -> torch.Tensor:
        """Return ``V - theta`` in whole numbers, as floats that hold them exactly (below ``2 ** 24``)."""
        return functional.linear(present, self.integer_weights(), self.integer_start_potentials() - self.integer_threshold)

    def integer_weights(self) -> torch.Tensor:
        """Return the weights as whole numbers, shape (targets, sources), with gradient."""
        weights = (self.weights / self.scale).clamp(-self.largest_weight, self.largest_weight)
        return _round(weights) * self.mask

    def integer_start_potentials(self) -> torch.Tensor:
        """Return the start potentials as whole numbers, shape (targets,), with gradient."""
        return _round(self.start_potentials / self.scale)

    @property
    def integer_threshold(self) -> int:
        """``theta``, at least 1."""
        return max(1, round(1 / self.scale))

    @torch.no_grad()
    def fit_scale(self) -> None:
        """Choose the scale whose quantised weights are nearest to the connected weights (smallest mean squared error)."""
        weights = self.weights[self.mask & (self.weights != 0)]
        largest = float(weights.abs().max()) if weights.numel() else 1.0
        candidates = [largest / self.largest_weight * share / 100 for share in range(20, 101)]

        def error(scale: float) -> float:
            rounded = (weights / scale).clamp(-self.largest_weight, self.largest_weight).round() * scale
            return float((rounded - weights).square().sum())

        self.scale = min(candidates, key=error)


def _round(values: torch.Tensor) -> torch.Tensor:
    """Round, with the gradient of the identity (straight through)."""
    return values + (values.round() - values).detach()


class FirstSpikeClassifier(nn.Module):
    """A stack of fully connected first-spike layers; the last one's neurons are the classes.

    Parameters
    ----------
    sizes : sequence of int
        Inputs, hidden neurons of each layer, classes.
    time_steps, weight_bits, width, generator
        As for `FirstSpikeLayer`.
    """

    def __init__(self, sizes: list[int], time_steps: int, weight_bits: int, width: float, generator: torch.Generator):
        super().__init__()
        self.layers = nn.ModuleList(
            FirstSpikeLayer(sources, targets, time_steps, weight_bits, width, generator)
            for sources, targets in pairwise(sizes)
        )

    def forward(self, present: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the output layer's spikes and margins, as `FirstSpikeLayer` does."""
        *hidden, last = self.layers
        for layer in hidden:
            spikes, _ = layer(present)
            present = spikes.cumsum(dim=0)
        return last(present)
