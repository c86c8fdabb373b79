"""What optimisers that prune and regrow connections have in common."""

from collections.abc import Callable, Sequence

import torch

from .budget import allowed


class Rewiring(torch.optim.Adam):
    """Adam on the hidden parameters behind a model's weights; a base class.

    Behind every weight stands a hidden parameter. A step moves the hidden parameters by Adam, along the gradient with
    respect to the *weights* (so it reaches dormant synapses too, whose own gradient would be 0). Then the method takes its
    share and sets the weights, many of them to 0. A model trains with it as with any `torch.optim.Optimizer`; all that it
    remembers is in ``state_dict``.

    Parameters
    ----------
    weights : iterable of Parameter, or of dict
        As for every `torch.optim.Optimizer`.
    lr, betas, eps
        Adam's.
    **settings
        The method's own, which each parameter group may set for itself, and which may change between steps.
    """

    def __init__(self, weights, lr: float, betas: tuple[float, float], eps: float, **settings: float):
        super().__init__(weights, lr=lr, betas=betas, eps=eps, fused=True)
        self.defaults.update(settings)
        for group in self.param_groups:
            for name, value in settings.items():
                group.setdefault(name, value)

    @torch.no_grad()
    def step(self, closure: Callable[[], torch.Tensor] | None = None) -> torch.Tensor | None:
        """Move the hidden parameters, then set the weights.

        Parameters
        ----------
        closure : callable, optional
            Computes the loss and its gradients anew.
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
        super().step()
        for weights, group in groups:
            self.state[weights].update(begun.get(weights, {}))
            self._settle(weights, self.state[weights], group)
        return loss

    @torch.no_grad()
    def prune_to(self, connectivity: float | Sequence[float]) -> None:
        """Let the method's own push be just as strong now as it takes to leave so few connections.

        Parameters
        ----------
        connectivity : float, or sequence of float
            The share of weights that may stay, 0 .. 1: of all together, or of each parameter group. The strongest stay,
            at most ``floor(connectivity * number of weights)`` (of equally strong ones at the limit none). Dormant
            connections may come back with later steps.
        """
        one_for_all = not isinstance(connectivity, Sequence)
        parts = [self.param_groups] if one_for_all else [[group] for group in self.param_groups]
        for part, share in zip(parts, [connectivity] if one_for_all else connectivity, strict=True):
            members = [(weights, group) for group in part for weights in group["params"] if weights in self.state]
            if members:
                level = strongest_left_out([self._strengths(weights, self.state[weights]) for weights, _ in members], share)
                for weights, group in members:
                    self._push(weights, self.state[weights], group, level)

    def _strengths(self, weights: torch.nn.Parameter, state: dict) -> torch.Tensor:
        """Return how strong each hidden parameter is: the weakest give way first."""
        raise NotImplementedError

    def _push(self, weights: torch.nn.Parameter, state: dict, group: dict, level: float) -> None:
        """Make the connections of at most this strength dormant, as the method does, and write the weights."""
        raise NotImplementedError

    def _begin(self, weights: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return what to remember of weights before their first step; they are their hidden parameters then."""
        raise NotImplementedError

    def _expose(self, weights: torch.Tensor, state: dict) -> None:
        """Write the hidden parameters in place of the weights."""
        raise NotImplementedError

    def _settle(self, weights: torch.nn.Parameter, state: dict, group: dict) -> None:
        """Take the moved hidden parameters from where the weights are, apply the method, and write the weights."""
        raise NotImplementedError


def strongest_left_out(strengths: Sequence[torch.Tensor], share: float) -> float:
    """Return the largest strength beyond the ``floor(share * count)`` largest of all; 0 if none is left out."""
    strengths = torch.cat([part.flatten() for part in strengths])
    left_out = strengths.numel() - allowed(share, strengths.numel())
    return float(strengths.kthvalue(left_out).values) if left_out else 0.0
