"""STDS: state transition of dendritic spines (Chen et al. 2022), a soft threshold that rises."""

from collections.abc import Iterable

import torch
from torch.nn import functional

from firstspike_spec import InputError

from .rewiring import Rewiring


class STDS(Rewiring):
    """An optimiser that prunes while it trains: ``weight = sgn(hidden) * relu(|hidden| - threshold)``.

    Hidden parameters move by Adam along the gradient with respect to the *weights*, those within the threshold too: their
    weights are 0, and they may come out on either side. The threshold rises during the training
    (`firstspike_model.pruning.schedule`, where the authors use ``"sine"`` and ``"linear"``) and pushes weights towards 0.

    Parameters
    ----------
    weights : iterable of Parameter, or of dict
        They are their own hidden parameters at the first step.
    lr, betas, eps
        Adam's.
    threshold : float
        At least 0, in the weights' unit. A setting of each parameter group, to be raised between steps.

    Raises
    ------
    InputError
        If the threshold is below 0.
    """

    def __init__(
        self,
        weights: Iterable,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        threshold: float = 0.0,
    ):
        super().__init__(weights, lr, betas, eps, threshold=threshold)
        for group in self.param_groups:
            if not group["threshold"] >= 0:
                raise InputError(f"threshold must be at least 0, not {group['threshold']}")

    def _begin(self, weights: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"hidden": torch.empty_like(weights)}

    def _expose(self, weights: torch.Tensor, state: dict) -> None:
        weights.copy_(state["hidden"])

    def _settle(self, weights: torch.nn.Parameter, state: dict, group: dict) -> None:
        state["hidden"].copy_(weights.data)
        weights.data.copy_(functional.softshrink(weights.data, group["threshold"]))

    def _strengths(self, weights: torch.nn.Parameter, state: dict) -> torch.Tensor:
        return state["hidden"].abs()

    def _push(self, weights: torch.nn.Parameter, state: dict, group: dict, level: float) -> None:
        group["threshold"] = level
        weights.data.copy_(functional.softshrink(state["hidden"], level))
