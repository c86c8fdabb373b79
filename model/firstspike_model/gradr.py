"""Grad R: training that prunes and regrows connections (Chen et al. 2021, arXiv 2105.04916).

Each synapse has a fixed sign and a hidden strength. It is connected while its strength is positive, and dormant
otherwise; its weight is ``sign * relu(strength)``. Two things move the strength: the loss, whose gradient with respect
to the weight reaches dormant synapses too (their true gradient is 0), so that they can come back; and a prior that pulls
all strengths down, so that what the loss does not hold becomes dormant.
"""

import math
from collections.abc import Iterable

import torch


class GradR:
    """An optimiser of weights that prunes while it trains.

    The gradient step is Adam's on the strengths; the prior's pull, ``alpha`` times the learning rate, is applied beside
    it (decoupled), because Adam would scale it up to the size of the loss's own steps wherever the loss is flat.

    Parameters
    ----------
    weights : iterable of Parameter
        Their signs stay as they are now, and their magnitudes become the strengths.
    learning_rate : float
        Above 0.
    alpha : float
        At least 0: the inverse scale of the prior, a Laplace distribution; the larger, the fewer connections stay.
    target : float
        Between 0 and 1: the share of strengths that the prior alone would leave dormant. It sets how far below zero
        strengths are pulled (`prior_centre`), not how many connections stay.

    Attributes
    ----------
    learning_rate : float
        May be changed between steps.
    strengths, signs : list of Tensor
        Of each of the weights.
    """

    def __init__(self, weights: Iterable[torch.nn.Parameter], learning_rate: float, alpha: float, target: float = 0.95):
        self.weights = list(weights)
        self.alpha = alpha
        self.centre = prior_centre(alpha, target)
        self.signs = [torch.where(weight.detach() < 0, -1.0, 1.0) for weight in self.weights]
        self.strengths = [weight.detach().abs().clone() for weight in self.weights]
        self._adam = torch.optim.Adam(self.strengths, lr=learning_rate)

    @property
    def learning_rate(self) -> float:
        return self._adam.param_groups[0]["lr"]

    @learning_rate.setter
    def learning_rate(self, rate: float):
        self._adam.param_groups[0]["lr"] = rate

    @torch.no_grad()
    def step(self) -> None:
        """Move the strengths by the gradients that the weights hold, then set the weights."""
        for weight, sign, strength in zip(self.weights, self.signs, self.strengths, strict=True):
            strength.grad = weight.grad * sign
        self._adam.step()
        pull = self.learning_rate * self.alpha
        for weight, sign, strength in zip(self.weights, self.signs, self.strengths, strict=True):
            strength.sub_(torch.sign(strength - self.centre), alpha=pull)
            torch.mul(sign, strength.relu(), out=weight.data)


def prior_centre(alpha: float, target: float) -> float:
    """Return the centre of the Laplace prior with scale ``1 / alpha`` that has the share ``target`` below 0.

    The quantile of that distribution solved for its centre. 0 where ``alpha`` is 0, since
    there is no prior then.
    """
    if alpha == 0:
        return 0.0
    return math.log(2 - 2 * target) / alpha if target >= 0.5 else -math.log(2 * target) / alpha


def cut_to_budget(weights: Iterable[torch.Tensor], connectivity: float) -> list[torch.Tensor]:
    """Return masks that keep the strongest connections, exactly as many as the budget allows.

    Every layer gives up the same share of what it still has: one threshold for all layers would starve the output layer,
    whose many small weights all matter.

    Parameters
    ----------
    weights : iterable of Tensor of float
    connectivity : float
        Share of all weights that may stay, 0 .. 1. Nothing is cut from layers that have no more.

    Returns
    -------
    list of Tensor of bool
        One a tensor of weights, of its shape; together ``floor(connectivity * number of weights)`` are true, or as many as
        there are weights other than 0, if that is less.
    """
    weights = [weight.detach() for weight in weights]
    alive = [int(torch.count_nonzero(weight)) for weight in weights]
    budget = min(math.floor(connectivity * sum(weight.numel() for weight in weights)), sum(alive))
    masks = []
    for index, weight in enumerate(weights):
        # The share of what is left, of those not yet cut: rounding never loses or gains a connection.
        left = sum(alive[index:])
        keep = round(budget * alive[index] / left) if left else 0
        budget -= keep
        mask = torch.zeros(weight.numel(), dtype=torch.bool)
        mask[torch.topk(weight.abs().flatten(), keep).indices] = True
        masks.append(mask.reshape(weight.shape))
    return masks
