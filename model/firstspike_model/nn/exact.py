"""Sums of whole numbers in floating point, without rounding."""

from collections.abc import Sequence
from operator import attrgetter

import torch
from torch.nn import functional

from firstspike_spec import Maps

#: Which types PyTorch may use for products of float32 on a CPU: of everything, of matrices, and of convolutions.
_precisions = attrgetter("fp32_precision", "mkldnn.matmul.fp32_precision", "mkldnn.conv.fp32_precision")

#: Every whole number below this is a float32.
FLOAT32_WHOLE = 1 << 24


def exact_type(largest: int, device: torch.device) -> torch.dtype:
    """Return the type of tensors in which sums are exact whose partial sums are at most ``largest`` in magnitude.

    float32 only if PyTorch is not set to compute float32 products in shorter types.
    """
    precise = device.type == "cpu" and all(setting in ("none", "ieee") for setting in _precisions(torch.backends))
    return torch.float32 if precise and largest < FLOAT32_WHOLE else torch.float64


def exact_sums(levels: torch.Tensor, weights: torch.Tensor, maps: Maps) -> torch.Tensor:
    """Return the sums of weights times levels that one projection adds to each neuron.

    Parameters
    ----------
    levels : Tensor of float, shape (batch, C, H, W)
        What each source's spike counts.
    weights : Tensor of float, shape (channels, maps.taps)
        Whole numbers, of the type of `exact_type`.
    maps : Maps

    Returns
    -------
    Tensor of the weights' type, shape (batch, channels, target height, target width)
    """
    levels = pooled_levels(levels.to(weights.dtype), maps.pooling)
    if maps.sees_all:
        return functional.linear(levels.flatten(1), weights)[:, :, None, None]
    kernels = weights.reshape(-1, maps.channels, maps.kernel_height, maps.kernel_width)
    kernels = kernels.contiguous(memory_format=torch.channels_last)
    with torch.backends.nnpack.flags(enabled=False):  # its fast algorithms round; all others add products
        return functional.conv2d(levels, kernels, stride=maps.stride, padding=maps.padding)


def pooled_levels(levels: torch.Tensor, pooling: int) -> torch.Tensor:
    """Return the sums of squares of levels, shape (batch, C, ceil(H / pooling), ceil(W / pooling))."""
    return functional.avg_pool2d(levels, pooling, ceil_mode=True, divisor_override=1) if pooling > 1 else levels


def largest_sum(weights: Sequence[torch.Tensor], largest_levels: Sequence[int], initial_potentials: torch.Tensor) -> int:
    """Return a bound on the magnitude of all partial sums of a layer.

    Parameters
    ----------
    weights : sequence of Tensor, each of shape (channels, taps)
        Of each projection.
    largest_levels : sequence of int
        The most that the spikes at one tap of each projection count.
    initial_potentials : Tensor, shape (channels,)
    """
    total = initial_potentials.abs().double()
    for weight, level in zip(weights, largest_levels, strict=True):
        total = total + weight.abs().sum(1, dtype=torch.float64) * level
    return int(total.max())
