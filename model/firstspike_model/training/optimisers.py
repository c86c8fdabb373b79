"""The optimisers of a classifier's parameters in each phase of a training."""

from collections.abc import Sequence
from typing import Any

import torch

from ..layers.classifier import FirstSpikeClassifier
from ..pruning import STDS, GradR, Rewiring, schedule
from ..recipes.recipe import Recipe

#: Steps between two corrections towards the budget: few enough for a smooth course, enough to cost no time.
STEERING = 8


class PruneOptimisers:
    """Optimisers of the first phase: the pruning method for the weights, Adam for everything else.

    Parameters
    ----------
    classifier : FirstSpikeClassifier
    recipe : Recipe
    budget : float or tuple of float
        Share of connections that may stay: of all together, or of each layer.
    """

    def __init__(self, classifier: FirstSpikeClassifier, recipe: Recipe, budget: float | tuple[float, ...]):
        self._recipe, self._budget = recipe, budget
        self._weights = [layer.weights for layer in classifier.layers]
        self._steps = 0
        groups = [{"params": [weights]} for weights in self._weights]
        rest = [parameter for layer in classifier.layers for parameter in layer.parameters() if parameter is not layer.weights]
        rate = recipe.prune_learning_rate
        self._pruner: torch.optim.Adam
        match recipe.pruning:
            case "gradr":
                self._pruner = GradR(groups, lr=rate, alpha=0.0)
            case "stds":
                self._pruner = STDS(groups, lr=rate)
            case _:
                self._pruner = torch.optim.Adam(groups, lr=rate, fused=True)
        self._rest = torch.optim.Adam(rest, lr=rate, fused=True)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        self._pruner.zero_grad()
        self._rest.zero_grad()

    def step(self, done: float) -> None:
        """Move all parameters; the share ``done`` of the phase is over."""
        recipe = self._recipe
        rate = recipe.prune_learning_rate * schedule("cosine", done)
        for group in (*self._pruner.param_groups, *self._rest.param_groups):
            group["lr"] = rate
        steered = self._pruner if recipe.budget_by > 0 and isinstance(self._pruner, Rewiring) else None
        if steered is None:
            self._set_force(done)
        self._pruner.step()
        self._rest.step()
        if steered is not None and self._steps % STEERING == 0:
            steered.prune_to(_eased(self._budget, schedule("cubic", done / recipe.budget_by)))
        self._steps += 1

    def _set_force(self, done: float) -> None:
        """Set the alpha of Grad R or the threshold of STDS to the recipe's schedule."""
        recipe = self._recipe
        for group in self._pruner.param_groups:
            if recipe.pruning == "gradr":
                group["alpha"] = recipe.alpha * schedule(recipe.alpha_schedule, done)
            elif recipe.pruning == "stds":
                group["threshold"] = recipe.threshold * schedule(recipe.threshold_schedule, done)

    def set_costs(self, rates: Sequence[torch.Tensor], share: float) -> None:
        """Weigh connections by the rates at which their sources spike.

        Parameters
        ----------
        rates : sequence of Tensor of float
            For each layer, of a shape that broadcasts to that of its weights.
        share : float
            0 .. 1: the part of the cost that depends on the rates; the rest is the same for all connections.
        """
        if isinstance(self._pruner, GradR):
            mean = sum(float(rate.mean()) for rate in rates) / len(rates)
            for weights, rate in zip(self._weights, rates, strict=True):
                # Sources that rarely spike cost as much as the mean one: they contribute little, and a connection that no
                # gradient moves must not be the cheapest to keep.
                self._pruner.set_costs(weights, (1 - share) + share * (rate / max(mean, 1e-12)).clamp(min=1))

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to continue."""
        return {"pruner": self._pruner.state_dict(), "rest": self._rest.state_dict(), "steps": self._steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a ``state_dict``."""
        self._pruner.load_state_dict(state["pruner"])
        self._rest.load_state_dict(state["rest"])
        self._steps = state["steps"]


class RefineOptimisers:
    """The optimiser of the second phase: Adam for all parameters.

    Parameters
    ----------
    classifier : FirstSpikeClassifier
    recipe : Recipe
    """

    def __init__(self, classifier: FirstSpikeClassifier, recipe: Recipe):
        self._rate = recipe.refine_learning_rate
        self._adam = torch.optim.Adam(classifier.parameters(), lr=self._rate, fused=True)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        self._adam.zero_grad()

    def step(self, done: float) -> None:
        """Move all parameters; the share ``done`` of the phase is over."""
        for group in self._adam.param_groups:
            group["lr"] = self._rate * schedule("cosine", done)
        self._adam.step()

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to continue."""
        return self._adam.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a ``state_dict``."""
        self._adam.load_state_dict(state)


def _eased(budget: float | tuple[float, ...], course: float) -> float | tuple[float, ...]:
    """Return the budget on its way from all connections (``course`` 0) to its final value (``course`` 1)."""
    if isinstance(budget, tuple):
        return tuple(1 + (share - 1) * course for share in budget)
    return 1 + (budget - 1) * course
