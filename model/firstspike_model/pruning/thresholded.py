"""What pruning methods have in common whose hidden parameters are compared with a threshold."""

import torch

from .rewiring import Group, Rewiring, State


class Thresholded(Rewiring):
    """Hidden parameters as large as the weights that they give when there is no threshold; a base class.

    The group's setting ``threshold`` says which connections are dormant: those of hidden parameters that are at most as
    strong. A method says what weights the others have (`_show`).
    """

    def _begin(self, weights: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"hidden": torch.empty_like(weights)}

    def _expose(self, weights: torch.Tensor, state: State) -> None:
        weights.copy_(state["hidden"])

    def _settle(self, weights: torch.nn.Parameter, state: State, group: Group) -> None:
        state["hidden"].copy_(weights.data)
        self._show(weights, state, group["threshold"])

    def _strengths(self, weights: torch.nn.Parameter, state: State) -> torch.Tensor:
        # The threshold that would make the connection dormant.
        return state["hidden"].abs() / self._costs[weights] if weights in self._costs else state["hidden"].abs()

    def _push(self, weights: torch.nn.Parameter, state: State, group: Group, level: float) -> None:
        group["threshold"] = level
        self._show(weights, state, level)

    def _show(self, weights: torch.nn.Parameter, state: State, threshold: float) -> None:
        """Write the weights that hidden parameters give with a threshold."""
        raise NotImplementedError
