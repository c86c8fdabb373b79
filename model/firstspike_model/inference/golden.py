"""The golden model in PyTorch: all steps of an inference at once, on integer tensors.

It computes the same numbers as `firstspike_spec.infer` in another way, so that each checks the other. Potentials have no leak
and no reset: they are the initial potentials plus one matrix product for all steps. A neuron spikes at its first crossing of
the threshold. Early exit only hides what happens after the decision step.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from firstspike_spec import Inference, Layer, Network
from firstspike_spec.inference.golden import check_spike_times

#: Potentials of one layer that are computed at once: this limits the memory of a large batch.
CHUNK_POTENTIALS = 1 << 23


def infer(network: Network, images: np.ndarray, *, early_exit: bool = True, device: str | torch.device = "cpu") -> Inference:
    """Run a network on a batch of images.

    Parameters
    ----------
    network : Network
    images : ndarray of uint8, shape (batch, \\*input_shape) or (batch, inputs)
    early_exit : bool
        End each inference after the first step in which an output spikes.
    device : str or torch.device
        Where PyTorch computes; the numbers do not depend on it.

    Returns
    -------
    Inference
        Equal to that of `firstspike_spec.infer`, value by value.

    Raises
    ------
    InputTypeError, InputError
        If the images are not ``uint8``, or have another shape.
    """
    return infer_spikes(network, network.spike_times(images), early_exit=early_exit, device=device)


def infer_spikes(
    network: Network, spike_times: np.ndarray, *, early_exit: bool = True, device: str | torch.device = "cpu"
) -> Inference:
    """Run a network on a batch of input spike times, as `infer` does on images.

    Parameters
    ----------
    spike_times : ndarray of int16, shape (batch, inputs)
        Steps ``0 .. T - 1``, or ``T`` for no spike.
    """
    check_spike_times(network, spike_times)
    layers = [_LayerTensors(layer, device) for layer in network.layers]
    widest = max(network.inputs, *(layer.targets for layer in network.layers))
    chunk = max(1, CHUNK_POTENTIALS // (network.time_steps * widest))
    with torch.no_grad():
        parts = [
            _infer_chunk(network.time_steps, layers, part, early_exit)
            for part in torch.tensor(spike_times, dtype=torch.int16, device=device).split(chunk)
        ]
    return Inference(
        time_steps=network.time_steps,
        spike_times=_joined([part.spike_times for part in parts]),
        potentials=_joined([part.potentials for part in parts]),
        classes=_array([part.classes for part in parts]),
        decision_steps=_array([part.decision_steps for part in parts]),
        spikes=_array([part.spikes for part in parts]),
        synaptic_operations=_array([part.synaptic_operations for part in parts]),
    )


class _LayerTensors:
    """The numbers of a layer on a device, in a floating-point type in which their products and sums are exact."""

    def __init__(self, layer: Layer, device: str | torch.device):
        self.maps = maps = layer.maps
        weights = layer.dense().astype(np.int64)
        # Every partial sum, in any order, lies between the sum of all negative and that of all positive weights.
        each = maps.pooling**2  # spikes that one tap can count
        largest = each * max(int(np.maximum(sign * weights, 0).sum(axis=1).max()) for sign in (1, -1))
        # The process may have chosen a lower precision, on CPUs (bfloat16) or GPUs (TF32).
        exact = largest < 1 << 24 and torch.get_float32_matmul_precision() == "highest"
        self.weights = torch.tensor(weights, dtype=torch.float32 if exact else torch.float64, device=device)
        self.initial_potentials = torch.tensor(layer.initial_potentials, dtype=torch.int64, device=device)
        self.operations = torch.tensor(layer.operations, dtype=torch.int64, device=device)
        self.threshold = layer.threshold

    def potentials(self, source_times: torch.Tensor, time_steps: int) -> torch.Tensor:
        """Return ``V`` after every step, int64, shape (T, batch, targets), from times of shape (batch, sources)."""
        steps = torch.arange(time_steps, dtype=source_times.dtype, device=source_times.device)
        present = (source_times <= steps[:, None, None]).to(self.weights.dtype)
        if self.maps.is_flat:
            return functional.linear(present, self.weights).to(torch.int64) + self.initial_potentials
        maps = present.reshape(-1, *self.maps.source_shape)
        pooled = functional.avg_pool2d(maps, self.maps.pooling, ceil_mode=True, divisor_override=1)
        # A matrix product, since some algorithms for convolutions are not exact for whole numbers.
        kernel = self.maps.kernel_height, self.maps.kernel_width
        windows = functional.unfold(pooled, kernel, padding=self.maps.padding, stride=self.maps.stride)
        potentials = (self.weights @ windows).to(torch.int64) + self.initial_potentials[:, None]
        return potentials.reshape(time_steps, len(source_times), len(self.initial_potentials) * self.maps.positions)


class _Chunk(NamedTuple):
    """The fields of `Inference` for some images, as tensors."""

    spike_times: list[torch.Tensor]
    potentials: list[torch.Tensor]
    classes: torch.Tensor
    decision_steps: torch.Tensor
    spikes: torch.Tensor
    synaptic_operations: torch.Tensor


def _infer_chunk(time_steps: int, layers: list[_LayerTensors], source_times: torch.Tensor, early_exit: bool) -> _Chunk:
    times, all_potentials = [source_times], []
    for layer in layers:
        potentials = layer.potentials(times[-1], time_steps)
        crossings = potentials >= layer.threshold
        first = crossings.to(torch.uint8).argmax(dim=0)
        times.append(torch.where(crossings.any(dim=0), first, time_steps).to(torch.int16))
        all_potentials.append(potentials)

    decision_steps = times[-1].amin(dim=1).clamp(max=time_steps - 1)
    ends = decision_steps if early_exit else torch.full_like(decision_steps, time_steps - 1)
    times = [torch.where(layer_times <= ends[:, None], layer_times, time_steps) for layer_times in times]
    final = [
        potentials.gather(0, torch.minimum(layer_times, ends[:, None])[None].long())[0]
        for potentials, layer_times in zip(all_potentials, times[1:], strict=True)
    ]
    earliest = times[-1] == times[-1].amin(dim=1, keepdim=True)
    classes = torch.where(earliest, final[-1], torch.iinfo(torch.int64).min).argmax(dim=1)

    fired = [layer_times < time_steps for layer_times in times]
    nothing = torch.zeros_like(decision_steps, dtype=torch.int64)
    spikes = sum((layer_fired.sum(dim=1) for layer_fired in fired), nothing)
    operations = sum(((fires * layer.operations).sum(dim=1) for fires, layer in zip(fired[:-1], layers, strict=True)), nothing)
    final = [potentials.to(torch.int32) for potentials in final]
    return _Chunk(times, final, classes.to(torch.int16), decision_steps, spikes, operations)


def _joined(parts: Sequence[list[torch.Tensor]]) -> tuple[np.ndarray, ...]:
    """Return, for each layer, the tensors of all chunks as one array."""
    return tuple(_array(layer_parts) for layer_parts in zip(*parts, strict=True))


def _array(parts: Sequence[torch.Tensor]) -> np.ndarray:
    """Return the tensors of all chunks as one array."""
    array: np.ndarray = torch.cat(list(parts)).cpu().numpy()
    return array
