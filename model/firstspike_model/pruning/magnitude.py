"""Magnitude pruning while training: the smallest weights are 0 and learn no more."""

from collections.abc import Callable

import torch
from torch.optim.optimizer import ParamsT

from .rewiring import State
from .thresholded import Thresholded


class NesterovMagnitude(Thresholded, torch.optim.SGD):
    """An optimiser that prunes while it trains: ``weight = hidden if |hidden| > threshold else 0``.

    The hidden parameters move by stochastic gradient descent with Nesterov momentum. Pruned ones get no gradient, and decay.
    They return if the threshold falls below them: `Rewiring.prune_to` sets it so that the largest stay. If pruned weights
    followed the gradient, as in "Dynamic model pruning with feedback" (Lin et al. 2020, arXiv 2006.07253), networks with batch
    normalisation would diverge at high learning rates: ``docs/training.md`` has the comparison.

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

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]  # overloads of the base
        """Move the hidden parameters of connections that are not pruned, then compute the weights."""
        for group in self.param_groups:
            for weights in group["params"]:
                if weights.grad is not None and weights in self.state:
                    weights.grad.mul_(weights != 0)
        return super().step(closure)

    def _show(self, weights: torch.nn.Parameter, state: State, threshold: float) -> None:
        weights.data.copy_(state["hidden"] * (self._strengths(weights, state) > threshold))
