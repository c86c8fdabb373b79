"""STDS: state transition of dendritic spines (Chen et al. 2022, ICML), a soft threshold that rises."""

import torch
from torch.nn import functional
from torch.optim.optimizer import ParamsT

from firstspike_spec import InputError

from .rewiring import Group, State
from .thresholded import Thresholded


class SoftThreshold(Thresholded):
    """The rule of STDS, whatever moves the hidden parameters; the base of `STDS` and `NesterovSTDS`."""

    def _set_threshold(self, threshold: float) -> None:
        self._add_settings(threshold=threshold)
        for group in self.param_groups:
            if not group["threshold"] >= 0:
                raise InputError(f"threshold must be at least 0, not {group['threshold']}")

    def _push(self, weights: torch.nn.Parameter, state: State, group: Group, level: float) -> None:
        super()._push(weights, state, group, level)
        if weights in self._costs:  # also where the float was rounded up
            weights.data.mul_(self._strengths(weights, state) > level)

    def _show(self, weights: torch.nn.Parameter, state: State, threshold: float) -> None:
        hidden = state["hidden"]
        if weights in self._costs:
            shrunk = hidden.sign() * (hidden.abs() - threshold * self._costs[weights]).relu()
        else:
            shrunk = functional.softshrink(hidden, threshold)
        weights.data.copy_(shrunk)


class STDS(SoftThreshold, torch.optim.Adam):
    """An optimiser that prunes while it trains: ``weight = sgn(hidden) * relu(|hidden| - threshold)``.

    Adam moves the hidden parameters along the gradient with respect to the *weights*. This includes hidden parameters within
    the threshold: their weights are 0, and they may leave it on either side. The threshold rises during the training and
    pushes weights towards 0.

    The mapping, this gradient, and the schedules ``"sine"`` and ``"linear"`` of `firstspike_model.pruning.schedule` are the
    authors' (github.com/Yanqi-Chen/STDS). Steering the threshold to a budget (`Rewiring.prune_to`) is ours, and so are costs
    (`Rewiring.set_costs`), which multiply the threshold of each weight.

    Parameters
    ----------
    weights : iterable of Parameter, or of dict
        At the first step they are also the hidden parameters.
    lr, betas, eps
        Adam's.
    threshold : float
        At least 0, in the unit of the weights. A setting of each parameter group, to be raised between steps.

    Raises
    ------
    InputError
        If the threshold is below 0.
    """

    def __init__(
        self,
        weights: ParamsT,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        threshold: float = 0.0,
    ):
        super().__init__(weights, lr=lr, betas=betas, eps=eps, fused=True)
        self._set_threshold(threshold)


class NesterovSTDS(SoftThreshold, torch.optim.SGD):
    """STDS whose hidden parameters move by stochastic gradient descent with Nesterov momentum, in place of Adam.

    Weight decay acts on the hidden parameters.

    Parameters
    ----------
    weights : iterable of Parameter, or of dict
        As for `STDS`.
    lr, momentum, weight_decay
        Those of `torch.optim.SGD`; with a momentum of 0, plain gradient descent.
    threshold : float
        As for `STDS`.

    Raises
    ------
    InputError
        If the threshold is below 0.
    """

    def __init__(
        self,
        weights: ParamsT,
        lr: float = 1e-3,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        *,
        threshold: float = 0.0,
    ):
        super().__init__(weights, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=momentum > 0, fused=True)
        self._set_threshold(threshold)
