"""A layered network, as training sees it."""

from typing import Any

import torch
from torch import nn

from ..layers.synapses import gradient_type
from .encoder import SpikeSource
from .folding import Levels
from .forward import run_layer
from .modules import Synapses
from .structure import LayerPlan, read_layers


class Sequential(nn.Sequential):
    """Modules one after the other: a whole network if it begins with `LatencyEncoder` or `SpikeTimes`, else a part of one.

    A part runs its modules one after the other. A whole network runs layer by layer: ``network(images)`` returns the scores of
    the classes.

    - While weights are floats, it computes what its modules say.
    - Once quantised (`firstspike_model.nn.quantise`), ``train()`` rounds weights in every forward pass, with batch
      normalisation folded in. Once statistics are frozen (`firstspike_model.nn.freeze_statistics`), initial potentials are
      rounded too.
    - A quantised network in ``eval()`` computes the whole numbers that `firstspike_model.nn.export` writes, exactly. Scores
      are the output layer's potentials times its unit.

    Parameters
    ----------
    *modules : Module
        For each layer ``[AvgPool2d] [Flatten] Conv2d, Linear or Residual, [MaxPool2d] [BatchNorm] [MaxPool2d] Spikes``; the
        last layer has no `Spikes`. A `Sequential` may contain others.

    Attributes
    ----------
    kind : torch.dtype
        Of spikes and sums in training, and in ``eval()`` while weights are floats: bfloat16 where the processor is fast at it,
        else float32. May be set. The output layer always computes in float32.

    Raises
    ------
    InputTypeError, InputError
        If a whole network's modules do not form layers; the message names the module and says what is possible.
    """

    def __init__(self, *modules: Any):
        super().__init__(*modules)
        self.kind: torch.dtype | None = None
        self._read: tuple[tuple[int, ...], SpikeSource, tuple[LayerPlan, ...]] | None = None
        if not self._is_part:
            self._plan()

    @property
    def source(self) -> SpikeSource:
        """The network's `LatencyEncoder` or `SpikeTimes`."""
        return self._plan()[0]

    @property
    def layers(self) -> tuple[LayerPlan, ...]:
        """The modules of each layer."""
        return self._plan()[1]

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the scores of the classes.

        Parameters
        ----------
        inputs : Tensor
            As the network's first module takes them: for `LatencyEncoder`, images of uint8, shape (batch, \\*shape).

        Returns
        -------
        Tensor of float32, shape (batch, classes)
        """
        if self._is_part:
            part: torch.Tensor = super().forward(inputs)
            return part
        return self.run(inputs)[-1].values.flatten(1)

    def run(self, inputs: torch.Tensor) -> list[Levels]:
        """Return the spikes of the input and of each layer, and last the scores: for each, what each spike counts."""
        source, layers = self._plan()
        kind = gradient_type(self.layers[0].anchor.weight.device.type) if self.kind is None else self.kind
        values = source.levels(inputs)
        values = values.reshape(-1, *source.maps_shape).contiguous(memory_format=torch.channels_last)
        spikes = [Levels(values, source.scale, int(source.kernel[0]), source.offset if source.is_centred else None)]
        for layer in layers:
            values, scale = run_layer(layer, spikes, kind, self.training)
            spikes.append(Levels(values, scale, 0 if layer.spikes is None else int(layer.spikes.kernel[0])))
        return spikes

    @torch.no_grad()
    def operation_counts(self, inputs: torch.Tensor, batch: int = 500) -> dict[Synapses, torch.Tensor]:
        """Return how often each weight is added to a potential for one of the inputs, on average, in ``eval()``.

        As costs of a pruning optimiser (`firstspike_model.pruning.Rewiring.set_costs`), these make it save synaptic
        operations.

        Parameters
        ----------
        inputs : Tensor
            As for `forward`.
        batch : int
            How many inputs are run at once.

        Returns
        -------
        dict of Tensor of float32
            For each `Conv2d` and `Linear`, of the shape (1, ...) that broadcasts to its weights: all weights of a tap are
            added equally often.
        """
        training = self.training
        self.eval()
        rates: list[torch.Tensor] = []
        for part in inputs.split(batch):
            spikes = [(levels.values > 0).sum(0, dtype=torch.float64) for levels in self.run(part)]
            rates = spikes if not rates else [total + more for total, more in zip(rates, spikes, strict=True)]
        self.train(training)
        counts: dict[Synapses, torch.Tensor] = {}
        for layer in self.layers:
            for branch in layer.branches:
                if branch.synapses is not None:
                    rate = rates[branch.source].flatten()[None].cpu().numpy() / len(inputs)
                    weight = branch.synapses.weight
                    taps = torch.tensor(branch.maps.windows(rate).sum(axis=1), dtype=torch.float32, device=weight.device)
                    counts[branch.synapses] = taps.reshape(1, *weight.shape[1:])
        return counts

    @property
    def _is_part(self) -> bool:
        return not (len(self) and isinstance(self[0], SpikeSource))

    def _plan(self) -> tuple[SpikeSource, tuple[LayerPlan, ...]]:
        """Read the layers, again if modules have changed."""
        parts = tuple(id(module) for module in self.modules())
        if self._read is None or self._read[0] != parts:
            self._read = (parts, *read_layers(self))
        return self._read[1:]
