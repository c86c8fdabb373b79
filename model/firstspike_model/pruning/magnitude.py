"""Magnitude pruning that can regrow: the smallest weights are 0 in the forward pass, and still follow their gradients."""

import torch
from torch.optim.optimizer import ParamsT

from .rewiring import Group, Rewiring, State


class NesterovMagnitude(Rewiring, torch.optim.SGD):
    """An optimiser that prunes while it trains: ``weight = hidden if |hidden| > threshold else 0``.

    The hidden parameters move by stochastic gradient descent with Nesterov momentum along the gradient with respect to the
    *weights*. So a pruned connection goes on learning and may return, as in "Dynamic model pruning with feedback" (Lin et al.
    2020, arXiv 2006.07253). `Rewiring.prune_to` sets the threshold.

    Parameters
    ----------
    weights : iterable of Parameter, or of dict
        At the first step they are also the hidden parameters.
    lr, momentum, weight_decay
        Those of `torch.optim.SGD`.
    """

    def __init__(self, weights: ParamsT, lr: float = 1e-3, momentum: float = 0.9, weight_decay: float = 0.0):
        super().__init__(weights, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=momentum > 0, fused=True)
        self._add_settings(threshold=0.0)

    def _begin(self, weights: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"hidden": torch.empty_like(weights)}

    def _expose(self, weights: torch.Tensor, state: State) -> None:
        weights.copy_(state["hidden"])

    def _settle(self, weights: torch.nn.Parameter, state: State, group: Group) -> None:
        state["hidden"].copy_(weights.data)
        self._push(weights, state, group, group["threshold"])

    def _strengths(self, weights: torch.nn.Parameter, state: State) -> torch.Tensor:
        return state["hidden"].abs() / self._costs[weights] if weights in self._costs else state["hidden"].abs()

    def _push(self, weights: torch.nn.Parameter, state: State, group: Group, level: float) -> None:
        group["threshold"] = level
        weights.data.copy_(state["hidden"] * (self._strengths(weights, state) > level))
