"""Surrogate slopes for the step function of a spike, whose own derivative is 0 almost everywhere."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from firstspike_spec import InputError


def _fast_sigmoid(distance: torch.Tensor) -> torch.Tensor:
    return distance.add_(1).square_().reciprocal_()


def _triangle(distance: torch.Tensor) -> torch.Tensor:
    return distance.neg_().add_(1).clamp_(min=0)


def _arctan(distance: torch.Tensor) -> torch.Tensor:
    return distance.mul_(math.pi / 2).square_().add_(1).reciprocal_()


def _sigmoid(distance: torch.Tensor) -> torch.Tensor:
    half = distance.neg_().sigmoid_()
    return half.mul_(1 - half).mul_(4)


#: Each slope by name: a function of the distance from the threshold, in widths. It may overwrite its argument.
SLOPES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "fast-sigmoid": _fast_sigmoid,
    "triangle": _triangle,
    "arctan": _arctan,
    "sigmoid": _sigmoid,
}


@dataclass(frozen=True)
class Surrogate:
    """The derivative that gradients use instead of the step function's.

    Every slope is 1 at the threshold and falls with the distance from it, ``x = |margin| / width``:

    ============ ============================== ===================================================
    name         slope                          source
    ============ ============================== ===================================================
    fast-sigmoid ``1 / (1 + x) ** 2``           SuperSpike (Zenke and Ganguli 2018)
    triangle     ``max(0, 1 - x)``              Esser et al. 2016; exactly 0 from one width on
    arctan       ``1 / (1 + (x pi / 2) ** 2)``  Fang et al. 2021, the arctangent's derivative
    sigmoid      ``4 s(x) (1 - s(x))``          the logistic function's derivative
    ============ ============================== ===================================================

    Parameters
    ----------
    name : str
        One of `SLOPES`.
    width : float
        Above 0, in units of the threshold: how far from the threshold a neuron still learns.

    Raises
    ------
    InputError
        If there is no slope of that name, or the width is not above 0.
    """

    name: str
    width: float

    def __post_init__(self) -> None:
        if self.name not in SLOPES:
            raise InputError(f"surrogate must be one of {', '.join(SLOPES)}, not {self.name!r}")
        if not self.width > 0:
            raise InputError(f"surrogate width must be above 0, not {self.width}")

    def slope(self, margins: torch.Tensor) -> torch.Tensor:
        """Return the derivative at each margin (potential minus threshold, in units of the threshold), 0 .. 1."""
        return SLOPES[self.name](margins.abs().mul_(1 / self.width))
