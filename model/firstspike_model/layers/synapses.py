"""Sums of weights: what the spikes of all sources add to all targets, at every step. Training spends most of its time here.

There is no leak and no reset, so a potential after a step is the initial potential plus the weights of all sources that have
spiked by then: one matrix product covers all steps. This module chooses the number format that the processor computes fastest.
"""

import functools

import torch
from torch.autograd.function import FunctionCtx
from torch.nn import functional

from firstspike_spec import Maps


def synaptic_input(present: torch.Tensor, weights: torch.Tensor, whole: bool = False) -> torch.Tensor:
    """Return the summed weights of the sources that have spiked.

    Parameters
    ----------
    present : Tensor of int8 or float, shape (..., sources)
        1 for a source that has spiked, else 0; after pooling, the number that have spiked, at most 127. An int8 tensor
        takes no gradient.
    weights : Tensor of float, shape (targets, sources)
    whole : bool
        Whether the weights are whole numbers in -128 .. 127; the sums are then exact. Other weights may be rounded to eight
        significant bits, on processors with fast products of that precision.

    Returns
    -------
    Tensor of float32, shape (..., targets)
        With gradients to both. They are computed in bfloat16 where the processor is fast at it.
    """
    flat = present.reshape(-1, present.shape[-1])
    sums: torch.Tensor = _SynapticInput.apply(flat, weights, whole)
    return sums.reshape(*present.shape[:-1], len(weights))


class _SynapticInputContext(FunctionCtx):
    saved_tensors: tuple[torch.Tensor, torch.Tensor]
    needs_input_grad: tuple[bool, ...]


class _SynapticInput(torch.autograd.Function):
    @staticmethod
    def forward(context: _SynapticInputContext, present: torch.Tensor, weights: torch.Tensor, whole: bool) -> torch.Tensor:
        context.save_for_backward(present, weights)
        if whole and present.device.type == "cpu":
            return torch._int_mm(present.to(torch.int8), weights.to(torch.int8).t()).float()
        kind = torch.float32 if whole else gradient_type(present.device.type)
        return (present.to(kind) @ weights.to(kind).t()).float()

    @staticmethod
    def backward(context: _SynapticInputContext, gradient: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor, None]:
        present, weights = context.saved_tensors
        kind = gradient_type(gradient.device.type)
        gradient = gradient.to(kind)
        to_present = (gradient @ weights.to(kind)).to(present.dtype) if context.needs_input_grad[0] else None
        return to_present, (gradient.t() @ present.to(kind)).float(), None


def map_input(
    present: torch.Tensor, weights: torch.Tensor, maps: Maps, whole: bool = False, offsets: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the summed weights of the sources that have spiked, for a layer with maps.

    Parameters
    ----------
    present : Tensor of int8 or float, shape (..., *maps.source_shape)
        As for `synaptic_input`.
    weights : Tensor of float, shape (channels, maps.taps)
    maps : Maps
    whole : bool
        As for `synaptic_input`.
    offsets : Tensor of float, shape (channels,), optional
        Added to the sums of each channel; whole numbers where the weights are.

    Returns
    -------
    Tensor of float, shape (..., channels, target height, target width)
        Of type float32 where the sums are exact or the layer sees whole maps, otherwise of `gradient_type`.
    """
    # Channels stay innermost in memory from the first convolution to the last.
    pooled = present.reshape(-1, *maps.source_shape).to(gradient_type(present.device.type), memory_format=torch.channels_last)
    if maps.pooling > 1:
        pooled = _Pool.apply(pooled, maps.pooling)
    if maps.sees_all:
        sums = synaptic_input(pooled.flatten(1), weights, whole)
        sums = (sums if offsets is None else sums + offsets)[:, :, None, None]
    else:
        kernels = weights.reshape(-1, maps.channels, maps.kernel_height, maps.kernel_width)
        sums = _MapInput.apply(pooled, kernels, offsets, maps.stride, maps.padding, whole)
    return sums.unflatten(0, present.shape[:-3])


class _PoolContext(FunctionCtx):
    size: torch.Size
    pooling: int


class _Pool(torch.autograd.Function):
    """Sums over squares of ``pooling`` by ``pooling`` places; squares at the bottom and right edges may be smaller.

    Average pooling is this sum times a factor, which the weights of the layer contain.
    """

    @staticmethod
    def forward(context: _PoolContext, present: torch.Tensor, pooling: int) -> torch.Tensor:
        context.size, context.pooling = present.shape[2:], pooling
        missing = [-size % pooling for size in context.size]
        if any(missing):
            present = functional.pad(present, (0, missing[1], 0, missing[0]))
        # By far the fastest way in PyTorch where channels are innermost.
        ones = torch.ones(present.shape[1], 1, pooling, pooling, dtype=present.dtype, device=present.device)
        return functional.conv2d(present, ones, stride=pooling, groups=len(ones))

    @staticmethod
    def backward(context: _PoolContext, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        height, width = context.size
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        return functional.interpolate(gradient, scale_factor=context.pooling)[:, :, :height, :width], None


class _MapInputContext(FunctionCtx):
    saved_tensors: tuple[torch.Tensor, torch.Tensor]
    needs_input_grad: tuple[bool, ...]
    window: tuple[int, int]


class _MapInput(torch.autograd.Function):
    @staticmethod
    def forward(
        context: _MapInputContext,
        present: torch.Tensor,
        kernels: torch.Tensor,
        offsets: torch.Tensor | None,
        stride: int,
        padding: int,
        whole: bool,
    ) -> torch.Tensor:
        context.save_for_backward(present, kernels)
        context.window = stride, padding
        kind = torch.float32 if whole else present.dtype
        offsets = None if offsets is None else offsets.to(kind)
        sums = functional.conv2d(present.to(kind), kernels.to(kind), offsets, stride=stride, padding=padding)
        return sums.round_() if whole else sums  # some convolution algorithms are not exact for whole numbers

    @staticmethod
    def backward(
        context: _MapInputContext, gradient: torch.Tensor
    ) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor | None, None, None, None]:
        present, kernels = context.saved_tensors
        stride, padding = context.window
        to_present, to_kernels, to_offsets = torch.ops.aten.convolution_backward(
            gradient.to(present.dtype, memory_format=torch.channels_last),
            present,
            kernels.to(present.dtype, memory_format=torch.channels_last),
            [len(kernels)],
            [stride] * 2,
            [padding] * 2,
            [1, 1],
            False,
            [0, 0],
            1,
            [context.needs_input_grad[0], True, context.needs_input_grad[2]],
        )
        return to_present, to_kernels.float(), None if to_offsets is None else to_offsets.float(), None, None, None


@functools.cache
def gradient_type(device: str) -> torch.dtype:
    """Return the number format of training on a device (``"cpu"`` or ``"cuda"``): the fastest that is precise enough.

    On processors with AMX, convolutions in bfloat16 take half the time or less. With AVX-512's bfloat16 instructions alone
    they take half as long again as in float32.
    """
    fast = device == "cpu" and torch.backends.mkldnn.is_available() and torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if fast else torch.float32
