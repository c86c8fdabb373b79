"""The spike's step function, with a slope that training can follow."""

import torch


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(context, margin: torch.Tensor, width: float) -> torch.Tensor:
        context.save_for_backward(margin)
        context.width = width
        return (margin >= 0).to(margin.dtype)

    @staticmethod
    def backward(context, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        (margin,) = context.saved_tensors
        return gradient / (1 + margin.abs() / context.width).square(), None


def spike(margin: torch.Tensor, width: float) -> torch.Tensor:
    """Return 1 where the margin is at least 0, else 0, with a surrogate gradient.

    The derivative used backwards is that of the fast sigmoid of SuperSpike (Zenke and Ganguli 2018),
    ``1 / (1 + |margin| / width) ** 2``: 1 at the threshold, a quarter of it one width away.

    Parameters
    ----------
    margin : Tensor of float, any shape
        Potential minus threshold, in units of the threshold.
    width : float
        Above 0; how far from the threshold a neuron still learns, in the margin's unit.
    """
    return _Spike.apply(margin, width)
