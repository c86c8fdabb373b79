"""Layers of first-spike neurons, fully connected or convolutions, as training sees them."""

from collections.abc import Sequence

import torch
from torch import nn

from firstspike_spec import Maps

from .initialisation import INITIALISATIONS
from .neuron import single_spikes, spiked
from .normalisation import normalise_weights
from .quantisation import FLOAT_BITS, best_scale, largest_weight, quantise
from .surrogate import Surrogate
from .synapses import map_input, synaptic_input


class FirstSpikeLayer(nn.Module):
    """A layer whose quantised forward pass is the integer dynamics of the golden model.

    Weights and initial potentials are kept in units of the threshold. While ``scale`` is ``None`` they are used as they
    are, with the threshold 1. With a scale, the forward pass uses the integers that are exported (`integer_weights`,
    `integer_initial_potentials`, `integer_threshold`): the scale divides all three alike, so it needs no multiplier in
    hardware. Gradients pass straight through the rounding.

    Parameters
    ----------
    maps : Maps
        How sources and neurons lie.
    channels : int
        Target channels; of a fully connected layer, neurons.
    time_steps : int
        ``T``, for the initialisation and the normalisation.
    generator : torch.Generator
        Draws the weights.
    weight_bits : int
        2 .. 8: quantised weights are in ``-(2 ** (bits - 1) - 1) .. 2 ** (bits - 1) - 1``; 32: never quantised.
    initialisation : str
        One of `firstspike_model.layers.initialisation.INITIALISATIONS`.
    normalised : bool
        Whether the weights are normalised (`firstspike_model.layers.normalisation`).
    keep_connected : bool
        Whether the quantised weight of a connection is never 0.

    Attributes
    ----------
    weights : Parameter, shape (channels, taps)
        Before normalisation; 0 where there is no connection.
    initial_potentials : Parameter, shape (channels,)
    gains : Parameter, shape (channels,), or None
        Of the normalisation.
    mask : Tensor of float, shape (channels, taps)
        0 where a connection has been cut for good (`cut`), else 1: its weight is 0 and gets no gradient.
    scale : float or None
        What an integer weight of 1 stands for, in units of the threshold.
    """

    def __init__(
        self,
        maps: Maps,
        channels: int,
        time_steps: int,
        generator: torch.Generator,
        *,
        weight_bits: int = 4,
        initialisation: str = "ettfs",
        normalised: bool = False,
        keep_connected: bool = False,
    ):
        super().__init__()
        self.maps, self.time_steps, self.weight_bits = maps, time_steps, weight_bits
        self.smallest_weight = 1 if keep_connected else 0
        self.scale: float | None = None
        self.weights = nn.Parameter(torch.empty(channels, maps.taps))
        INITIALISATIONS[initialisation](self.weights, time_steps, generator, maps.pooling)
        self.initial_potentials = nn.Parameter(torch.zeros(channels))
        self.gains = nn.Parameter(torch.ones(channels)) if normalised else None
        self.register_buffer("mask", torch.ones(channels, maps.taps))
        self._is_cut = False
        self.weights.register_hook(lambda gradient: gradient * self.mask if self._is_cut else None)

    def get_extra_state(self) -> tuple[float, bool]:
        """What `state_dict` would else leave out: the scale (0 where there is none), and whether connections are cut."""
        return self.scale or 0.0, self._is_cut

    def set_extra_state(self, state: tuple[float, bool]) -> None:
        self.scale, self._is_cut = state[0] or None, state[1]

    def forward(self, present: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
        """Return the potentials at every step, less the threshold.

        Parameters
        ----------
        present : Tensor of int8 or float, shape (T, batch, sources) or (T, batch, *maps.source_shape)
            1 from the step on at which a source spiked, 0 before.
        gain : float
            What a spike counts for: more than 1 where dropout left out others.

        Returns
        -------
        Tensor of float, shape (T, batch, channels), or with maps of neurons (T, batch, channels, height, width)
            In units of the threshold; at least 0 where a neuron that has not spiked spikes.
        """
        if self.scale is None:
            return self._margins(present, self.connected_weights(), self.initial_potentials - 1, gain)
        return self.scale * self.integer_margins(present, gain)

    def integer_margins(self, present: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
        """Return ``V - theta``, with a gain of 1 in whole numbers, as floats that hold them exactly (below ``2 ** 24``)."""
        offsets = self.integer_initial_potentials() - self.integer_threshold
        return self._margins(present, self.integer_weights(), offsets, gain, whole=True)

    def _margins(
        self, present: torch.Tensor, weights: torch.Tensor, offsets: torch.Tensor, gain: float, whole: bool = False
    ) -> torch.Tensor:
        if self.maps.is_flat:
            return gain * synaptic_input(present.flatten(2), weights, whole) + offsets
        present = present.reshape(*present.shape[:2], *self.maps.source_shape)
        if gain == 1:  # a convolution adds the offsets on its way
            margins = map_input(present, weights, self.maps, whole, offsets)
        else:
            sums = gain * map_input(present, weights, self.maps, whole)
            margins = sums + offsets[:, None, None].to(sums.dtype)
        return margins if self.maps.is_convolution else margins.flatten(2)

    def connected_weights(self) -> torch.Tensor:
        """Return the weights as the forward pass has them before quantisation, shape (channels, taps), with gradient."""
        if self.gains is None:
            return self.weights
        return normalise_weights(self.weights, self.gains, self.time_steps, self.maps.pooling)

    def integer_weights(self) -> torch.Tensor:
        """Return the weights as whole numbers, shape (channels, taps), with gradient."""
        return quantise(self.connected_weights(), self.scale, largest_weight(self.weight_bits), self.smallest_weight)

    def integer_initial_potentials(self) -> torch.Tensor:
        """Return the initial potentials as whole numbers, shape (channels,), with gradient."""
        return quantise(self.initial_potentials, self.scale)

    @property
    def integer_threshold(self) -> int:
        """``theta``, at least 1."""
        return max(1, round(1 / self.scale))

    @torch.no_grad()
    def cut(self, mask: torch.Tensor) -> None:
        """Keep only the connections where ``mask`` (float, shape (channels, taps)) is 1, for good."""
        self.mask.copy_(mask)
        self.weights.mul_(mask)
        self._is_cut = True

    @torch.no_grad()
    def fit_scale(self) -> None:
        """Choose the scale that fits the weights best; from now on they are quantised, unless they stay float."""
        if self.weight_bits != FLOAT_BITS:
            self.scale = best_scale(self.connected_weights(), self.weight_bits, self.smallest_weight)


class FirstSpikeClassifier(nn.Module):
    """A stack of first-spike layers; the last one's neurons are the classes.

    Parameters
    ----------
    layers : sequence of (Maps, int)
        Of each layer: how sources and neurons lie, and the number of target channels.
    time_steps : int
    generator : torch.Generator
    surrogate : Surrogate
        Of the hidden neurons.
    dropout : float
        0 .. 1 (not 1): the share of hidden neurons whose spikes are left out, drawn anew for each image in training; the
        others count for as much more.
    **settings
        Of each `FirstSpikeLayer`.
    """

    def __init__(
        self,
        layers: Sequence[tuple[Maps, int]],
        time_steps: int,
        generator: torch.Generator,
        surrogate: Surrogate,
        *,
        dropout: float = 0.0,
        **settings,
    ):
        super().__init__()
        self.surrogate, self.dropout, self._generator = surrogate, dropout, generator
        self.layers = nn.ModuleList(
            FirstSpikeLayer(maps, channels, time_steps, generator, **settings) for maps, channels in layers
        )

    def forward(self, present: torch.Tensor) -> torch.Tensor:
        """Return the output layer's margins, as `FirstSpikeLayer` does."""
        *hidden, last = self.layers
        gain = 1.0
        for layer in hidden:
            present = spiked(layer(present, gain), self.surrogate)
            if self.training and self.dropout:
                kept = torch.empty(present.shape[1:]).bernoulli_(1 - self.dropout, generator=self._generator)
                present, gain = present * kept.to(present), 1 / (1 - self.dropout)
        return last(present, gain)

    def present_at_end(self, present: torch.Tensor) -> list[torch.Tensor]:
        """Return, for each layer, which of its sources have spiked by the last step, shape (batch, sources)."""
        ends = [present[-1].flatten(1)]
        for layer in self.layers[:-1]:
            present = spiked(layer(present), self.surrogate)
            ends.append(present[-1].flatten(1))
        return ends

    def spikes(self, margins: torch.Tensor, forced: bool = False) -> torch.Tensor:
        """Return the output spikes of the margins that `forward` gave (`firstspike_model.layers.neuron.single_spikes`)."""
        return single_spikes(margins, self.surrogate, forced)
