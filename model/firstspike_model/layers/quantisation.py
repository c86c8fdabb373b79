"""Whole-number weights with one scale per layer, and gradients straight through the rounding."""

import torch
from torch.autograd.function import FunctionCtx

#: The number of bits that means no quantisation: float32.
FLOAT_BITS = 32


def largest_weight(bits: int) -> int:
    """Return the largest magnitude of a quantised weight, ``2 ** (bits - 1) - 1``: the range is symmetric."""
    return (1 << (bits - 1)) - 1


def quantise(values: torch.Tensor, scale: float, largest: int | None = None, smallest: int = 0) -> torch.Tensor:
    """Return ``values / scale`` rounded to whole numbers (as floats), of magnitude at most ``largest``.

    With a ``smallest`` of 1, values other than 0 do not become 0: no kept connection is lost, so that a network has exactly
    the connections that its budget allows.

    Within the limits the gradient is that of the division alone, outside it is 0 (the straight-through estimator, Bengio et
    al. 2013, arXiv 1308.3432).
    """
    quantised: torch.Tensor = _Quantise.apply(values, scale, largest, smallest)
    return quantised


class _QuantiseContext(FunctionCtx):
    saved_tensors: tuple[torch.Tensor]
    scale: float
    largest: int | None


class _Quantise(torch.autograd.Function):
    @staticmethod
    def forward(
        context: _QuantiseContext, values: torch.Tensor, scale: float, largest: int | None, smallest: int
    ) -> torch.Tensor:
        scaled = values / scale
        context.scale, context.largest = scale, largest
        context.save_for_backward(scaled)
        rounded = scaled.abs().round_().clamp_(min=smallest).mul_(scaled.sign()) if smallest else scaled.round()
        return rounded if largest is None else rounded.clamp_(-largest, largest)

    @staticmethod
    def backward(context: _QuantiseContext, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        (scaled,) = context.saved_tensors
        gradient = gradient / context.scale
        if context.largest is not None:
            # 1 within the limits, 0 outside. Several times as fast as a comparison.
            gradient.mul_((scaled.abs() - context.largest).sign_().neg_().add_(1).clamp_(0, 1))
        return gradient, None, None, None


@torch.no_grad()
def best_scale(weights: torch.Tensor, bits: int, smallest: int = 0) -> float:
    """Return the scale that quantises the connected weights with the smallest mean squared error.

    Parameters
    ----------
    weights : Tensor of float, any shape
        Zeros stand for missing connections and do not count.
    bits : int
        2 .. 8.
    smallest : int
        As for `quantise`.
    """
    weights = weights[weights != 0]
    largest = largest_weight(bits)
    extreme = float(weights.abs().max()) if weights.numel() else 1.0
    candidates = [extreme / largest * share / 100 for share in range(20, 101)]

    def error(scale: float) -> float:
        return float((quantise(weights, scale, largest, smallest) * scale - weights).square().sum())

    return min(candidates, key=error)
