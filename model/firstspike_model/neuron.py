"""Integrate-and-fire neurons that spike at most once, over all steps at once.

Whether a neuron has spiked is carried on from its threshold crossings, not from its masked spikes. Both give the same
spikes, but through the masked spike an early crossing would seem to allow all later ones, and the gradient of a spike's
time would have the wrong sign.
"""

import torch

from .surrogate import Surrogate


def crossings(margins: torch.Tensor) -> torch.Tensor:
    """Return 1 where a margin is at least 0, else 0, in the margins' type and without gradient."""
    return margins.sign().add_(1).clamp_(0, 1)  # several times as fast as a comparison


class _Crossings(torch.autograd.Function):
    @staticmethod
    def forward(context, margins: torch.Tensor, surrogate: Surrogate) -> torch.Tensor:
        context.save_for_backward(margins)
        context.surrogate = surrogate
        return crossings(margins)

    @staticmethod
    def backward(context, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        (margins,) = context.saved_tensors
        return context.surrogate.slope(margins).mul_(gradient), None


class _Spiked(torch.autograd.Function):
    """`spiked`, with the gradient written out: many times as fast as following each product."""

    @staticmethod
    def forward(context, margins: torch.Tensor, surrogate: Surrogate) -> torch.Tensor:
        context.save_for_backward(margins)
        context.surrogate = surrogate
        highest = margins.clone()
        for step in range(1, len(margins)):
            torch.maximum(highest[step], highest[step - 1], out=highest[step])
        return crossings(highest)

    @staticmethod
    def backward(context, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        # spiked[t] = 1 - product over s <= t of (1 - h[s]) with h = crossings, so
        # d spiked[t] / d h[s] = product over r <= t, r != s of (1 - h[r]): what came before s times what came after.
        (margins,) = context.saved_tensors
        below = 1 - crossings(margins)
        slope = context.surrogate.slope(margins)
        after = gradient[-1].clone()
        sums = [after]
        for step in range(len(margins) - 2, -1, -1):
            after = torch.addcmul(gradient[step], below[step + 1], after)
            sums.append(after)
        waiting = torch.ones_like(after)
        for step, after in enumerate(reversed(sums)):
            slope[step].mul_(after).mul_(waiting)
            waiting.mul_(below[step])
        return slope, None


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
        The running sum of `single_spikes`, with the same gradient.
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
        was not to be had: here the last spike is what is left over, ``product over t < T - 1 of (1 - h[t])`` for
        crossings ``h``, so that its gradient tells earlier crossings to hurry or wait.

    Returns
    -------
    Tensor of float, shape (T, batch, neurons)
        1 at the step of the first ``margin >= 0``, 0 elsewhere.
    """
    crossed = _Crossings.apply(margins, surrogate)
    waiting = torch.ones_like(margins[0])
    spikes = []
    for step, crossing in enumerate(crossed):
        last = forced and step == len(margins) - 1
        spikes.append(waiting if last else crossing * waiting)
        waiting = waiting * (1 - crossing)
    return torch.stack(spikes)
