"""A stack of first-spike layers, as training sees it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

import torch
from torch import nn

from firstspike_spec import Maps

from .layer import FirstSpikeLayer
from .neuron import single_spikes, spiked
from .surrogate import Surrogate


class LayerList(nn.ModuleList):
    """A `torch.nn.ModuleList` whose members are all `FirstSpikeLayer`, so that type checkers know them."""

    if TYPE_CHECKING:

        def __iter__(self) -> Iterator[FirstSpikeLayer]: ...

        @overload
        def __getitem__(self, index: slice) -> "LayerList": ...

        @overload
        def __getitem__(self, index: int) -> FirstSpikeLayer: ...

        def __getitem__(self, index: int | slice) -> "FirstSpikeLayer | LayerList": ...


class FirstSpikeClassifier(nn.Module):
    """A stack of first-spike layers. The neurons of the last one are the classes.

    Parameters
    ----------
    layers : sequence of (Maps, int)
        For each layer: its maps (how sources and neurons lie) and its number of target channels.
    time_steps : int
    generator : torch.Generator
    surrogate : Surrogate
        For the hidden neurons.
    dropout : float
        At least 0 and below 1: the share of hidden neurons that training silences, drawn again for each image. The spikes of
        the others count more in proportion.
    **settings
        Further arguments of each `FirstSpikeLayer`.

    Attributes
    ----------
    layers : LayerList
    """

    def __init__(
        self,
        layers: Sequence[tuple[Maps, int]],
        time_steps: int,
        generator: torch.Generator,
        surrogate: Surrogate,
        *,
        dropout: float = 0.0,
        **settings: Any,
    ):
        super().__init__()
        self.surrogate, self.dropout, self._generator = surrogate, dropout, generator
        self.layers = LayerList(
            FirstSpikeLayer(maps, channels, time_steps, generator, **settings) for maps, channels in layers
        )

    def forward(self, present: torch.Tensor) -> torch.Tensor:
        """Return the margins of the output layer, as `FirstSpikeLayer.forward` does."""
        *hidden, last = self.layers
        gain = 1.0
        for layer in hidden:
            present = spiked(layer(present, gain), self.surrogate)
            if self.training and self.dropout:
                kept = torch.empty(present.shape[1:]).bernoulli_(1 - self.dropout, generator=self._generator)
                present, gain = present * kept.to(present), 1 / (1 - self.dropout)
        margins: torch.Tensor = last(present, gain)
        return margins

    def present_at_end(self, present: torch.Tensor) -> list[torch.Tensor]:
        """Return which sources of each layer have spiked by the last step: for each, a tensor of shape (batch, sources)."""
        ends = [present[-1].flatten(1)]
        for layer in self.layers[:-1]:
            present = spiked(layer(present), self.surrogate)
            ends.append(present[-1].flatten(1))
        return ends

    def spikes(self, margins: torch.Tensor, forced: bool = False) -> torch.Tensor:
        """Return the output spikes for margins from `forward` (`firstspike_model.layers.neuron.single_spikes`)."""
        return single_spikes(margins, self.surrogate, forced)

    @torch.no_grad()
    def connectivity(self) -> float:
        """Return the share of connections that are kept and whose (quantised) weight is not 0, 0 .. 1."""
        weights = [layer.connected_weights() if layer.scale is None else layer.integer_weights() for layer in self.layers]
        return sum(int(torch.count_nonzero(weight)) for weight in weights) / sum(weight.numel() for weight in weights)
