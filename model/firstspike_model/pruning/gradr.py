"""Grad R: gradient rewiring (Chen et al. 2021, arXiv 2105.04916)."""

import math

import torch
from torch.optim.optimizer import ParamsT

from firstspike_spec import InputError

from .rewiring import Group, Rewiring, State


class GradientRewiring(Rewiring):
    """The rule of Grad R, whatever moves the strengths; the base of `GradR` and `NesterovGradR`."""

    def _set_prior(self, alpha: float, target: float) -> None:
        self._add_settings(alpha=alpha, target=target)
        for group in self.param_groups:
            prior_centre(group["alpha"], group["target"])

    def _begin(self, weights: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"sign": torch.where(weights < 0, -1.0, 1.0), "strength": torch.empty_like(weights)}

    def _expose(self, weights: torch.Tensor, state: State) -> None:
        torch.mul(state["strength"], state["sign"], out=weights)

    def _settle(self, weights: torch.nn.Parameter, state: State, group: Group) -> None:
        sign, strength = state["sign"], state["strength"]
        torch.mul(weights.data, sign, out=strength)
        pull = (strength - prior_centre(group["alpha"], group["target"])).sign_()
        if weights in self._costs:
            pull.mul_(self._costs[weights])
        strength.sub_(pull, alpha=group["lr"] * group["alpha"])
        torch.mul(strength.relu(), sign, out=weights.data)

    def _strengths(self, weights: torch.nn.Parameter, state: State) -> torch.Tensor:
        # The pull that would make the connection dormant.
        return state["strength"] / self._costs[weights] if weights in self._costs else state["strength"]

    def _push(self, weights: torch.nn.Parameter, state: State, group: Group, level: float) -> None:
        # One pull of the prior, with the alpha that makes just these connections dormant.
        level, strength = max(level, 0.0), state["strength"]
        if weights in self._costs:
            left_out = self._strengths(weights, state) <= level
            strength.sub_(level * self._costs[weights])
            strength.copy_(torch.where(left_out, strength.clamp(max=0), strength))  # also where the float was rounded up
        else:
            strength.sub_(level)
        torch.mul(strength.relu(), state["sign"], out=weights.data)


class GradR(GradientRewiring, torch.optim.Adam):
    """An optimiser that prunes while it trains: ``weight = sign * relu(strength)``.

    Each synapse has a fixed sign and a hidden strength. It is dormant while its strength is at most 0. ``g`` is the gradient
    of the loss with respect to the *weight*; with respect to the strength it would be 0 for dormant synapses, and they could
    not return. A step is::

        strength -= lr * Adam(sign * g)
        strength -= lr * alpha * cost * sgn(strength - centre)

    The second line is the pull of the prior, a Laplace distribution of scale ``1 / alpha`` around ``centre``
    (`prior_centre`). It is applied beside Adam and not through it: where the loss is flat, Adam would scale it up to the size
    of the loss's own steps.

    This is Grad R as its authors published it (github.com/Yanqi-Chen/Gradient-Rewiring), with these changes of ours: the pull
    is without Adam's bias correction; it has a ``cost``, which is 1 unless `set_costs` changes it; a weight of 0 gets a
    positive sign, so that it can grow; a ``target`` below one half is allowed; and `Rewiring.prune_to` steers to a budget.

    Parameters
    ----------
    weights : iterable of Parameter, or of dict
        At the first step their signs become fixed (0 counts as positive), and their magnitudes become the strengths.
    lr, betas, eps
        Adam's.
    alpha : float
        At least 0; the larger, the fewer connections stay. A setting of each parameter group, which may change between steps.
    target : float
        Between 0 and 1: the share of strengths that would be dormant under the prior alone. It decides how far below 0
        strengths are pulled (`prior_centre`), not how many connections stay.

    Raises
    ------
    InputError
        If ``alpha`` or ``target`` is out of range.
    """

    def __init__(
        self,
        weights: ParamsT,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        alpha: float,
        target: float = 0.95,
    ):
        super().__init__(weights, lr=lr, betas=betas, eps=eps, fused=True)
        self._set_prior(alpha, target)


class NesterovGradR(GradientRewiring, torch.optim.SGD):
    """Grad R whose strengths move by stochastic gradient descent with Nesterov momentum, in place of Adam.

    A step is ``strength -= lr * SGD(sign * g + weight_decay * strength)``, then the prior's pull as in `GradR`. Momentum
    in Grad R is ours.

    Parameters
    ----------
    weights : iterable of Parameter, or of dict
        As for `GradR`.
    lr, momentum, weight_decay
        Those of `torch.optim.SGD`; with a momentum of 0, plain gradient descent.
    alpha, target
        As for `GradR`.

    Raises
    ------
    InputError
        If ``alpha`` or ``target`` is out of range.
    """

    def __init__(
        self,
        weights: ParamsT,
        lr: float = 1e-3,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        *,
        alpha: float,
        target: float = 0.95,
    ):
        super().__init__(weights, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=momentum > 0, fused=True)
        self._set_prior(alpha, target)


def prior_centre(alpha: float, target: float) -> float:
    """Return the centre of the Laplace prior with scale ``1 / alpha`` that has the share ``target`` below 0.

    This is the quantile of the distribution, solved for its centre: ``ln(2 - 2 target) / alpha`` for targets of one half and
    above, as in the paper, and ``-ln(2 target) / alpha`` below. If ``alpha`` is 0 there is no prior, and the result is 0.

    Raises
    ------
    InputError
        If ``alpha`` is below 0, or ``target`` not between 0 and 1.
    """
    if not alpha >= 0:
        raise InputError(f"alpha must be at least 0, not {alpha}")
    if not 0 < target < 1:
        raise InputError(f"target must be above 0 and below 1, not {target}")
    if alpha == 0:
        return 0.0
    return math.log(2 - 2 * target) / alpha if target >= 0.5 else -math.log(2 * target) / alpha
