"""Integrate-and-fire neurons that spike at most once, over all steps at once.

A neuron has spiked by a step if the highest potential it has had until then reaches the threshold. So spikes are the step
function of the *running maximum*, and a gradient goes to the one step at which that maximum was reached: the exact
derivative of this expression, with a smooth slope in place of the step function's. Nothing is chained through masked spikes,
where an early crossing would seem to allow all later ones and the gradient of a spike's time would have the wrong sign.
"""

import torch

from .surrogate import Surrogate


def crossings(margins: torch.Tensor) -> torch.Tensor:
    """Return 1 where a margin is at least 0, else 0, in the margins' type and without gradient."""
    return margins.sign().add_(1).clamp_(0, 1)  # several times as fast as a comparison


class _Spiked(torch.autograd.Function):
    @staticmethod
    def forward(context, margins: torch.Tensor, surrogate: Surrogate) -> torch.Tensor:
        highest = margins.clone()
        for step in range(1, len(margins)):
            torch.maximum(highest[step], highest[step - 1], out=highest[step])
        context.save_for_backward(margins, highest)
        context.surrogate = surrogate
        return crossings(highest)

    @staticmethod
    def backward(context, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
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
    """Return 1 from the step on at which a neuron spikes, 0 before.

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
    return _Spiked.apply(margins, surrogate)


def single_spikes(margins: torch.Tensor, surrogate: Surrogate, forced: bool = False) -> torch.Tensor:
    """Return the spikes of neurons from their potentials at every step.

    Parameters
    ----------
    margins, surrogate
        As for `spiked`.
    forced : bool
        Let neurons that have not spiked spike at the last step, whatever their potential. ETTFS's last-step firing, so
        that every output takes part in the loss; only for training, the network itself has no such rule. Its paper's text
        was not to be had: here the last spike is what is left over, 1 minus ``spiked`` of the step before, so that its
        gradient tells earlier spikes to hurry or wait.

    Returns
    -------
    Tensor of float, shape (T, batch, neurons)
        1 at the step of the first ``margin >= 0``, 0 elsewhere: what `spiked` rises by at each step.
    """
    by_now = spiked(margins, surrogate)
    if forced:
        by_now = torch.cat([by_now[:-1], torch.ones_like(by_now[:1])])
    return by_now.diff(dim=0, prepend=torch.zeros_like(by_now[:1]))
