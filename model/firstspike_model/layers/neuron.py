"""Integrate-and-fire neurons that spike at most once, computed for all steps at once.

A neuron has spiked by a step if its highest potential so far reaches the threshold. So spikes are the step function of the
*running maximum*, and the gradient goes to the one step that set this maximum. That is the exact derivative of the expression,
with a smooth slope instead of the step function's. The alternative, a mask that earlier spikes set, has a gradient of the
wrong sign for spike times: with it, an early crossing seems to allow all later ones. This form of the gradient is ours.
"""

import torch
from torch.autograd.function import FunctionCtx

from .surrogate import Surrogate


def crossings(margins: torch.Tensor) -> torch.Tensor:
    """Return 1 where a margin is at least 0, else 0, in the margins' type and without gradient."""
    return margins.sign().add_(1).clamp_(0, 1)  # several times as fast as a comparison


class _SpikedContext(FunctionCtx):
    saved_tensors: tuple[torch.Tensor, torch.Tensor]
    surrogate: Surrogate


class _Spiked(torch.autograd.Function):
    @staticmethod
    def forward(context: _SpikedContext, margins: torch.Tensor, surrogate: Surrogate) -> torch.Tensor:
        highest = margins.clone()
        for step in range(1, len(margins)):
            torch.maximum(highest[step], highest[step - 1], out=highest[step])
        context.save_for_backward(margins, highest)
        context.surrogate = surrogate
        return crossings(highest)

    @staticmethod
    def backward(context: _SpikedContext, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        margins, highest = context.saved_tensors
        slopes = context.surrogate.slope(highest).mul_(gradient)
        waiting = torch.zeros_like(slopes[0])
        for step in range(len(margins) - 1, 0, -1):
            waiting += slopes[step]
            rose = (margins[step] - highest[step - 1]).sign_().clamp_(min=0)  # 1 where this step set the maximum
            torch.mul(waiting, rose, out=slopes[step])
            waiting -= slopes[step]
        slopes[0] += waiting
        return slopes, None


def spiked(margins: torch.Tensor, surrogate: Surrogate) -> torch.Tensor:
    """Return 0 before a neuron's spike, and 1 from the step of its spike on.

    Parameters
    ----------
    margins : Tensor of float, shape (T, batch, neurons)
        Potential minus threshold at each step, without reset, in units of the threshold.
    surrogate : Surrogate

    Returns
    -------
    Tensor of float, shape (T, batch, neurons)
        The step function of the running maximum.
    """
    present: torch.Tensor = _Spiked.apply(margins, surrogate)
    return present


def single_spikes(margins: torch.Tensor, surrogate: Surrogate, forced: bool = False) -> torch.Tensor:
    """Return the spikes of neurons from their potentials at every step.

    Parameters
    ----------
    margins, surrogate
        As for `spiked`.
    forced : bool
        Make neurons that have not spiked do so at the last step, whatever their potential, so that every output takes part
        in the loss. This is for training only; an exported network has no such rule. After ETTFS (Che et al. 2024, arXiv
        2410.23619), in a form of ours: the forced spike is 1 minus ``spiked`` of the step before, so that its gradient moves
        earlier spikes.

    Returns
    -------
    Tensor of float, shape (T, batch, neurons)
        1 at the step of the first ``margin >= 0``, 0 elsewhere: what `spiked` rises by at each step.
    """
    by_now = spiked(margins, surrogate)
    if forced:
        by_now = torch.cat([by_now[:-1], torch.ones_like(by_now[:1])])
    return by_now.diff(dim=0, prepend=torch.zeros_like(by_now[:1]))
