"""The optimisers of a layered network's parameters."""

from collections.abc import Sequence
from typing import Any

import torch

from .. import nn
from ..pruning import NesterovGradR, NesterovMagnitude, NesterovSTDS, Rewiring, schedule
from ..recipes.layered_recipe import LayeredRecipe
from .network import trained_synapses

#: Steps between two corrections towards the budget.
STEERING = 16

#: Share of the highest learning rate at the start of a phase.
FIRST_RATE = 0.2


class Optimisers:
    """Stochastic gradient descent with Nesterov momentum for all parameters; a pruning method moves the weights if asked.

    Parameters
    ----------
    network : firstspike_model.nn.Sequential
    recipe : LayeredRecipe
    rate : float
        The highest learning rate of the phase.
    pruned : bool
        Whether the recipe's pruning method moves the weights.
    """

    def __init__(self, network: nn.Sequential, recipe: LayeredRecipe, rate: float, *, pruned: bool):
        self._recipe, self._rate, self._steps = recipe, rate, 0
        weights = [module.weight for module in trained_synapses(network)]
        self._costs: dict[torch.nn.Parameter, torch.Tensor] = {}
        self._norms = {layer.anchor.weight: layer.norm for layer in network.layers if layer.norm is not None}
        chosen = {id(weight) for weight in weights}
        rest = [parameter for parameter in network.parameters() if parameter.requires_grad and id(parameter) not in chosen]
        groups = [{"params": [weight]} for weight in weights]
        momentum, decay = recipe.momentum, recipe.weight_decay
        self._weights: torch.optim.Optimizer
        if not pruned:
            self._weights = torch.optim.SGD(groups, rate, momentum, weight_decay=decay, nesterov=momentum > 0, fused=True)
        elif recipe.pruning == "gradr":
            self._weights = NesterovGradR(groups, rate, momentum, decay, alpha=0.0)
        elif recipe.pruning == "stds":
            self._weights = NesterovSTDS(groups, rate, momentum, decay)
        else:
            self._weights = NesterovMagnitude(groups, rate, momentum, decay)
        self._rest = torch.optim.SGD(rest, lr=rate, momentum=recipe.momentum, nesterov=recipe.momentum > 0)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        self._weights.zero_grad()
        self._rest.zero_grad()

    def step(self, done: float, budgets: Sequence[float], course: float) -> None:
        """Move all parameters.

        Parameters
        ----------
        done : float
            The share of the phase that is over, 0 .. 1.
        budgets : sequence of float
            The share of its connections that each trained layer keeps in the end.
        course : float
            How far pruning is, 0 .. 1.
        """
        rate = self._rate * _triangle(done, self._recipe.warm_up)
        for group in self._weights.param_groups:
            group["lr"] = rate
        for group in self._rest.param_groups:
            group["lr"] = rate * self._recipe.others_rate
        self._weights.step()
        self._rest.step()
        if isinstance(self._weights, Rewiring) and self._steps % STEERING == 0:
            self._set_costs(self._weights)
            self._weights.prune_to([1 + (share - 1) * schedule("cubic", course) for share in budgets])
        self._steps += 1

    @torch.no_grad()
    def _set_costs(self, pruner: Rewiring) -> None:
        """Make connections of a channel cost in proportion to its deviation, so that folded weights are compared.

        Batch normalisation makes a channel's output independent of the scale of its weights. Unfolded, a channel whose weights
        happen to grow would take the connections of all others.
        """
        for weight, norm in self._norms.items():
            if weight.requires_grad:
                deviations = (norm.running_var + norm.eps).sqrt() / norm.weight.abs().clamp(min=1e-6)
                self._set_cost(pruner, weight, deviations.view(-1, *[1] * (weight.ndim - 1)) / deviations.mean())

    def _set_cost(self, pruner: Rewiring, weight: torch.nn.Parameter, costs: torch.Tensor) -> None:
        self._costs[weight] = costs
        pruner.set_costs(weight, costs)

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to continue."""
        return {
            "weights": self._weights.state_dict(),
            "rest": self._rest.state_dict(),
            "steps": self._steps,
            "costs": [self._costs.get(weight) for group in self._weights.param_groups for weight in group["params"]],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a ``state_dict``."""
        self._weights.load_state_dict(state["weights"])
        self._rest.load_state_dict(state["rest"])
        self._steps = state["steps"]
        weights = [weight for group in self._weights.param_groups for weight in group["params"]]
        for weight, costs in zip(weights, state["costs"], strict=True):
            if costs is not None and isinstance(self._weights, Rewiring):
                self._set_cost(self._weights, weight, costs)


def _triangle(done: float, peak: float) -> float:
    """Return the share of the highest learning rate: it rises until ``peak``, then falls to 0."""
    if done < peak:
        return FIRST_RATE + (1 - FIRST_RATE) * done / peak
    return (1 - done) / (1 - peak) if peak < 1 else 1.0
