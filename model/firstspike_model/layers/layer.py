"""A layer of first-spike neurons, fully connected or a convolution, as training sees it."""

import torch
from torch import nn

from firstspike_spec import Maps

from .initialisation import INITIALISATIONS
from .normalisation import normalise_weights
from .quantisation import FLOAT_BITS, best_scale, largest_weight, quantise
from .synapses import map_input, synaptic_input


class FirstSpikeLayer(nn.Module):
    """A layer whose quantised forward pass computes the same integers as the golden model.

    Weights and initial potentials are in units of the threshold. While ``scale`` is ``None``, the forward pass uses these
    floats, with a threshold of 1. With a scale, it uses the integers that are exported (`integer_weights`,
    `integer_initial_potentials`, `integer_threshold`). The scale divides all three alike, so the hardware needs no multiplier
    for it. Gradients pass straight through the rounding.

    Parameters
    ----------
    maps : Maps
        How sources and neurons lie.
    channels : int
        Target channels; in a fully connected layer, neurons.
    time_steps : int
        ``T``, for the initialisation and the normalisation.
    generator : torch.Generator
        Draws the weights.
    weight_bits : int
        2 .. 8: quantised weights lie in ``-(2 ** (bits - 1) - 1) .. 2 ** (bits - 1) - 1``. 32: never quantised.
    initialisation : str
        One of `firstspike_model.layers.initialisation.INITIALISATIONS`.
    normalised : bool
        Whether the weights are normalised (`firstspike_model.layers.normalisation`).
    keep_connected : bool
        Whether quantisation keeps every connection: no weight other than 0 becomes 0.

    Attributes
    ----------
    weights : Parameter, shape (channels, taps)
        Before normalisation; 0 where there is no connection.
    initial_potentials : Parameter, shape (channels,)
    gains : Parameter, shape (channels,), or None
        Those of the normalisation, if there is one.
    mask : Tensor of float, shape (channels, taps)
        0 where a connection has been cut permanently (`cut`), else 1. The weight of a cut connection is 0 and gets no
        gradient.
    scale : float or None
        The value of an integer weight of 1, in units of the threshold.
    """

    mask: torch.Tensor

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
        """Return what `state_dict` would leave out: the scale (0 if there is none), and whether connections are cut."""
        return self.scale or 0.0, self._is_cut

    def set_extra_state(self, state: tuple[float, bool]) -> None:
        """Take what `get_extra_state` returned."""
        self.scale, self._is_cut = state[0] or None, state[1]

    def forward(self, present: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
        """Return the margins: the potentials minus the threshold, at every step.

        Parameters
        ----------
        present : Tensor of int8 or float, shape (T, batch, sources) or (T, batch, *maps.source_shape)
            0 before the spike of a source, and 1 from the step of its spike on.
        gain : float
            Factor of every spike: above 1 where dropout silenced others.

        Returns
        -------
        Tensor of float, shape (T, batch, channels), or with maps of neurons (T, batch, channels, height, width)
            In units of the threshold. A neuron that has not spiked does so where its margin is at least 0.
        """
        if self.scale is None:
            return self._margins(present, self.connected_weights(), self.initial_potentials - 1, gain)
        return self.scale * self.integer_margins(present, gain)

    def integer_margins(self, present: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
        """Return ``V - theta`` as floats; with a gain of 1, exact whole numbers (below ``2 ** 24``)."""
        offsets = self.integer_initial_potentials() - self.integer_threshold
        return self._margins(present, self.integer_weights(), offsets, gain, whole=True)

    def _margins(
        self, present: torch.Tensor, weights: torch.Tensor, offsets: torch.Tensor, gain: float, whole: bool = False
    ) -> torch.Tensor:
        if self.maps.is_flat:
            return gain * synaptic_input(present.flatten(2), weights, whole) + offsets
        present = present.reshape(*present.shape[:2], *self.maps.source_shape)
        if gain == 1:  # the convolution adds the offsets itself
            margins = map_input(present, weights, self.maps, whole, offsets)
        else:
            sums = gain * map_input(present, weights, self.maps, whole)
            margins = sums + offsets[:, None, None].to(sums.dtype)
        return margins if self.maps.is_convolution else margins.flatten(2)

    def connected_weights(self) -> torch.Tensor:
        """Return the weights that the forward pass uses before quantisation, shape (channels, taps), with gradient."""
        if self.gains is None:
            return self.weights
        return normalise_weights(self.weights, self.gains, self.time_steps, self.maps.pooling)

    def integer_weights(self) -> torch.Tensor:
        """Return the weights as whole numbers, shape (channels, taps), with gradient."""
        return quantise(self.connected_weights(), self._fitted_scale, largest_weight(self.weight_bits), self.smallest_weight)

    def integer_initial_potentials(self) -> torch.Tensor:
        """Return the initial potentials as whole numbers, shape (channels,), with gradient."""
        return quantise(self.initial_potentials, self._fitted_scale)

    @property
    def integer_threshold(self) -> int:
        """``theta``, at least 1."""
        return max(1, round(1 / self._fitted_scale))

    @property
    def _fitted_scale(self) -> float:
        if self.scale is None:
            raise RuntimeError("a layer without a scale has no integers; call fit_scale first")
        return self.scale

    @torch.no_grad()
    def cut(self, mask: torch.Tensor) -> None:
        """Cut permanently all connections but those where ``mask`` (float, shape (channels, taps)) is 1."""
        self.mask.copy_(mask)
        self.weights.mul_(mask)
        self._is_cut = True

    @torch.no_grad()
    def fit_scale(self) -> None:
        """Choose the best scale for the weights. From now on they are quantised, unless ``weight_bits`` says float."""
        if self.weight_bits != FLOAT_BITS:
            self.scale = best_scale(self.connected_weights(), self.weight_bits, self.smallest_weight)
