"""What optimisers that prune and regrow connections have in common."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, overload

import torch

from firstspike_spec import InputError

from .budget import allowed

#: What an optimiser remembers of one parameter.
State: TypeAlias = dict[str, torch.Tensor]

#: The settings of one group of parameters, by name.
Group: TypeAlias = dict[str, Any]


class Rewiring(torch.optim.Optimizer):
    """Hidden parameters, from which a model's weights are computed; a base class beside the optimiser that moves them.

    Every weight has a hidden parameter. In a step, the *rule* moves the hidden parameters along the gradient with respect to
    the *weights*; so it reaches dormant synapses too, whose own gradient would be 0. Then the pruning method changes the
    hidden parameters and computes the weights from them, many of which become 0. A model trains with it as with any
    `torch.optim.Optimizer`, and ``state_dict`` contains the whole state.

    The rule is one of PyTorch's optimisers, the next base class of a method's class: ``class GradR(..., torch.optim.Adam)``.
    """

    def _add_settings(self, **settings: float) -> None:
        """Give the method's settings to each parameter group that does not have its own. They may change between steps."""
        self.defaults.update(settings)
        for group in self.param_groups:
            for name, value in settings.items():
                group.setdefault(name, value)
        self._costs: dict[torch.nn.Parameter, torch.Tensor] = {}

    @torch.no_grad()
    def set_costs(self, weights: torch.nn.Parameter, costs: torch.Tensor) -> None:
        """Make the method push harder at some synapses.

        If the costs are the rates at which the sources spike, it minimises the expected number of synaptic operations, and so
        the engine's cycles, instead of the number of connections.

        Parameters
        ----------
        weights : Parameter
            One of the optimiser's.
        costs : Tensor of float, of a shape that broadcasts to the weights'
            Above 0; 1 is the usual push. They are not part of ``state_dict``.

        Raises
        ------
        InputError
            If a cost is not above 0.
        """
        if not (costs > 0).all():
            raise InputError(f"costs must be above 0, not {float(costs.min())}")
        self._costs[weights] = costs

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Move the hidden parameters, then compute the weights.

        Parameters
        ----------
        closure : callable, optional
            Computes the gradients again and returns the loss.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        groups = [(weights, group) for group in self.param_groups for weights in group["params"] if weights.grad is not None]
        begun = {weights: self._begin(weights.data) for weights, _ in groups if weights not in self.state}
        for weights, _ in groups:
            if weights not in begun:
                self._expose(weights.data, self.state[weights])
        super().step()  # the rule's
        for weights, group in groups:
            self.state[weights].update(begun.get(weights, {}))
            self._settle(weights, self.state[weights], group)
        return loss

    @torch.no_grad()
    def prune_to(self, connectivity: float | Sequence[float]) -> None:
        """Push once, as the method does, just hard enough that only the given share of connections stays.

        Parameters
        ----------
        connectivity : float, or sequence of float
            The share of weights that may stay, 0 .. 1: of all together, or of each parameter group. The strongest stay, at
            most ``floor(connectivity * number of weights)``; fewer if several at the limit are equally strong. Dormant
            connections may return in later steps.
        """
        if isinstance(connectivity, Sequence):
            parts, shares = [[group] for group in self.param_groups], connectivity
        else:
            parts, shares = [self.param_groups], [connectivity]
        for part, share in zip(parts, shares, strict=True):
            members = [(weights, group) for group in part for weights in group["params"] if weights in self.state]
            if members:
                level = strongest_left_out([self._strengths(weights, self.state[weights]) for weights, _ in members], share)
                for weights, group in members:
                    self._push(weights, self.state[weights], group, level)

    def _strengths(self, weights: torch.nn.Parameter, state: State) -> torch.Tensor:
        """Return how strong each hidden parameter is. The weakest become dormant first."""
        raise NotImplementedError

    def _push(self, weights: torch.nn.Parameter, state: State, group: Group, level: float) -> None:
        """Make the connections of at most this strength dormant, as the method does, and write the weights."""
        raise NotImplementedError

    def _begin(self, weights: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the method's state for weights before their first step, when they are also the hidden parameters."""
        raise NotImplementedError

    def _expose(self, weights: torch.Tensor, state: State) -> None:
        """Write the hidden parameters to where the weights are."""
        raise NotImplementedError

    def _settle(self, weights: torch.nn.Parameter, state: State, group: Group) -> None:
        """Read the moved hidden parameters from where the weights are, apply the method, and write the weights."""
        raise NotImplementedError


def strongest_left_out(strengths: Sequence[torch.Tensor], share: float) -> float:
    """Return the largest of all strengths but the ``floor(share * count)`` largest; 0 if there are no others."""
    together = torch.cat([part.flatten() for part in strengths])
    left_out = together.numel() - allowed(share, together.numel())
    return float(together.kthvalue(left_out).values) if left_out else 0.0
