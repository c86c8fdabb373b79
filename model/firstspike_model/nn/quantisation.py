"""Rounding to whole numbers in units that can be learned."""

import torch
from torch.autograd.function import FunctionCtx


def round_to_unit(values: torch.Tensor, unit: torch.Tensor, largest: int | None = None, smallest: int = 0) -> torch.Tensor:
    """Return ``values / unit`` rounded to whole numbers (as floats), of magnitude at most ``largest``.

    Within the limits, the gradients are those of the division alone; outside, they are 0. If the result is multiplied by the
    unit, the gradient to the unit is that of LSQ (Esser et al. 2020, arXiv 1902.08153).

    Parameters
    ----------
    values : Tensor of float, any shape
    unit : Tensor of float, scalar
        Above 0.
    largest : int, optional
    smallest : int
        With 1, values other than 0 do not become 0.
    """
    rounded: torch.Tensor = _RoundToUnit.apply(values, unit, largest, smallest)
    return rounded


class _RoundContext(FunctionCtx):
    saved_tensors: tuple[torch.Tensor, torch.Tensor]
    needs_input_grad: tuple[bool, ...]
    largest: int | None


class _RoundToUnit(torch.autograd.Function):
    @staticmethod
    def forward(
        context: _RoundContext, values: torch.Tensor, unit: torch.Tensor, largest: int | None, smallest: int
    ) -> torch.Tensor:
        scaled = values / unit
        context.largest = largest
        context.save_for_backward(scaled, unit)
        rounded = scaled.abs().round_().clamp_(min=smallest).mul_(scaled.sign()) if smallest else scaled.round()
        return rounded if largest is None else rounded.clamp_(-largest, largest)

    @staticmethod
    def backward(context: _RoundContext, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None, None, None]:
        scaled, unit = context.saved_tensors
        gradient = gradient / unit
        if context.largest is not None:
            gradient.mul_(scaled.abs() <= context.largest)
        return gradient, -(gradient * scaled).sum() if context.needs_input_grad[1] else None, None, None
