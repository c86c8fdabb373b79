"""A layered network of whole numbers as a module of PyTorch: the golden model on tensors."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from firstspike_spec import Inference, InputError, InputTypeError, LayeredNetwork, Maps
from firstspike_spec.layered.layer import LayeredLayer

from .exact import exact_sums, exact_type, largest_sum
from .spikes import counted_levels, reached

#: Potentials of one layer that are computed at once.
CHUNK_POTENTIALS = 1 << 22


class IntegerNetwork(nn.Module):
    """The exact network of whole numbers, computed on tensors.

    It computes the same numbers as `firstspike_spec.infer` in another way, so that each checks the other: sums of floats that
    are whole numbers, in a type in which every partial sum is exact.

    Parameters
    ----------
    network : LayeredNetwork

    Attributes
    ----------
    network : LayeredNetwork

    Raises
    ------
    InputTypeError
        If the network is of another kind.
    """

    def __init__(self, network: LayeredNetwork):
        super().__init__()
        if not isinstance(network, LayeredNetwork):
            raise InputTypeError(
                f"IntegerNetwork takes a LayeredNetwork, not {type(network).__name__}; firstspike_model.inference.golden runs "
                "step-by-step networks"
            )
        self.network = network
        self._input_shape = network.layers[0].projections[0].maps.source_shape
        highest = [int(network.input_code.kernel[0])] + [int(network.kernel[0])] * len(network.layers)
        self.layers = _LayerList(_IntegerLayer(layer, highest) for layer in network.layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the outputs' potentials, whose largest is the class (of equal ones, the first).

        Parameters
        ----------
        images : Tensor of uint8, shape (batch, \\*input_shape) or (batch, inputs)
            Of a network without a code for images, the spike times: integers.

        Returns
        -------
        Tensor of float32 or float64, shape (batch, classes)
            Whole numbers.

        Raises
        ------
        InputTypeError, InputError
            If the images are of another type or shape.
        """
        outputs = [run.potentials[-1] for run in self._runs(self._input_times(images.cpu().numpy()))]
        return torch.cat(outputs) if outputs else torch.zeros(0, self.network.layers[-1].targets)

    def infer(self, images: np.ndarray) -> Inference:
        """Return every spike time and potential, as `firstspike_spec.infer` does.

        Parameters
        ----------
        images : ndarray of uint8, shape (batch, \\*input_shape) or (batch, inputs)

        Raises
        ------
        InputTypeError, InputError
            If the images are of another type or shape, or the network has no code for images.
        """
        return self.infer_spikes(self.network.spike_times(images))

    def infer_spikes(self, times: np.ndarray) -> Inference:
        """Return every spike time and potential for input spikes, as `firstspike_spec.infer_spikes` does.

        Parameters
        ----------
        times : ndarray of int16, shape (batch, inputs)
            Steps ``0 .. T - 1`` of the input's kernel, or ``T`` for no spike.
        """
        runs = list(self._runs(self._check_times(times)))
        return Inference(
            time_steps=self.network.time_steps,
            spike_times=_joined([run.times for run in runs]),
            potentials=tuple(part.astype(np.int32) for part in _joined([run.potentials for run in runs])),
            classes=_array([run.classes for run in runs]),
            decision_steps=_array([run.decision_steps for run in runs]),
            spikes=_array([run.spikes for run in runs]),
            synaptic_operations=_array([run.operations for run in runs]),
        )

    def _input_times(self, images: np.ndarray) -> np.ndarray:
        if self.network.input_code.thresholds is None:
            return self._check_times(images.reshape(len(images), -1))
        return self.network.spike_times(images)

    def _check_times(self, times: np.ndarray) -> np.ndarray:
        inputs, steps = self.network.layers[0].projections[0].sources, len(self.network.input_code.kernel)
        if not np.issubdtype(times.dtype, np.integer):
            raise InputTypeError(f"spike times must be integers, not {times.dtype}")
        if times.ndim != 2 or times.shape[1] != inputs:
            raise InputError(f"spike times must have the shape (batch, {inputs}), not {times.shape}")
        if times.size and not 0 <= times.min() <= times.max() <= steps:
            raise InputError(f"spike times must be in 0 .. {steps}, not {times.min()} .. {times.max()}")
        return times

    @torch.no_grad()
    def _runs(self, times: np.ndarray) -> Iterator["_Run"]:
        """Yield the results of some inputs after the other."""
        network = self.network
        widest = max(times.shape[1], *(layer.targets for layer in network.layers))
        device = next(self.buffers()).device
        for part in torch.tensor(times.astype(np.int16), device=device).split(max(1, CHUNK_POTENTIALS // widest)):
            yield self._run(part)

    def _run(self, input_times: torch.Tensor) -> "_Run":
        steps, kernel = len(self.network.input_code.kernel), self.network.kernel
        values = counted_levels(steps - input_times, self.network.input_code.kernel, torch.float32)
        levels = [values.reshape(-1, *self._input_shape).contiguous(memory_format=torch.channels_last)]
        times, potentials = [input_times], []
        spikes = (input_times < steps).sum(1)
        operations = torch.zeros_like(spikes)
        for layer in self.layers:
            sums = layer(levels)
            pooled = functional.max_pool2d(sums, layer.max_pooling) if layer.max_pooling > 1 else sums
            counts = reached(pooled, layer.thresholds)
            operations += layer.count_operations(levels)
            spikes += counts.bool().sum((1, 2, 3))
            times.append(len(kernel) - counts.flatten(1).to(torch.int16))
            potentials.append(sums.flatten(1))
            levels.append(counted_levels(counts, kernel, torch.float32))
        outputs, last = times[-1], potentials[-1]
        earliest = outputs.amin(1, keepdim=True)
        classes = torch.where(outputs == earliest, last, -torch.inf).argmax(1).to(torch.int16)
        decision_steps = earliest[:, 0].clamp(max=self.network.time_steps - 1)
        return _Run(times, potentials, classes, decision_steps, spikes, operations)


class _LayerList(nn.ModuleList):
    """A `torch.nn.ModuleList` whose members are all `_IntegerLayer`, so that type checkers know them."""

    if TYPE_CHECKING:

        def __iter__(self) -> Iterator["_IntegerLayer"]: ...


class _Run(NamedTuple):
    """The fields of `Inference` for some inputs, as tensors."""

    times: list[torch.Tensor]
    potentials: list[torch.Tensor]
    classes: torch.Tensor
    decision_steps: torch.Tensor
    spikes: torch.Tensor
    operations: torch.Tensor


class _IntegerLayer(nn.Module):
    """The integers of a layer. ``highest`` is what a spike of each source counts at most."""

    initial_potentials: torch.Tensor

    def __init__(self, layer: LayeredLayer, highest: Sequence[int]):
        super().__init__()
        self.thresholds, self.max_pooling = layer.thresholds.tolist(), layer.max_pooling
        self._projections: list[tuple[int, Maps]] = []
        weights = []
        for number, projection in enumerate(layer.projections):
            weights.append(torch.tensor(projection.dense(), dtype=torch.int32))
            self._projections.append((projection.source, projection.maps))
            self.register_buffer(f"weights_{number}", weights[-1], persistent=False)
            self.register_buffer(f"operations_{number}", torch.tensor(projection.operations).double(), persistent=False)
        self.register_buffer("initial_potentials", torch.tensor(layer.initial_potentials, dtype=torch.int32), persistent=False)
        most = [maps.pooling**2 * highest[source] for source, maps in self._projections]
        self._largest = largest_sum(weights, most, self.initial_potentials)

    def forward(self, levels: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the potentials, (batch, channels, height, width), from the levels of the input and of earlier layers."""
        kind = exact_type(self._largest, self.initial_potentials.device)
        total = self.initial_potentials.to(kind)[:, None, None]
        for number, (source, maps) in enumerate(self._projections):
            values = levels[source]
            if values.shape[1:] != maps.source_shape:  # without maps, sources have numbers only
                values = values.reshape(-1, *maps.source_shape)
            total = total + exact_sums(values, getattr(self, f"weights_{number}").to(kind), maps)
        return total

    def count_operations(self, levels: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the number of weights that each input adds, int64, shape (batch,)."""
        total = torch.zeros(len(levels[0]), dtype=torch.float64, device=self.initial_potentials.device)
        for number, (source, _) in enumerate(self._projections):
            spikes = (levels[source] > 0).movedim(1, -1).flatten(1).double()  # as they lie in memory
            channels, height, width = levels[source].shape[1:]
            operations = getattr(self, f"operations_{number}").view(channels, height, width)
            total += spikes @ operations.movedim(0, -1).flatten()
        return total.long()


def _joined(parts: Sequence[list[torch.Tensor]]) -> tuple[np.ndarray, ...]:
    """Return, for each layer, the tensors of all chunks as one array."""
    return tuple(_array(layer_parts) for layer_parts in zip(*parts, strict=True))


def _array(parts: Sequence[torch.Tensor]) -> np.ndarray:
    """Return the tensors of all chunks as one array."""
    array: np.ndarray = torch.cat(list(parts)).cpu().numpy()
    return array
