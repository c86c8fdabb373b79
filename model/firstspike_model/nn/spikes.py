"""The spike activation: a potential becomes a spike time, and the spike counts the level that the potential rounds to."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn
from torch.autograd.function import FunctionCtx

from firstspike_spec import InputError

from .encoder import kernel_of
from .thresholds import halfway_thresholds, spike_thresholds

#: Highest level of a new activation in standard deviations of what batch normalisation gives, for whatever kernel.
HIGHEST_LEVEL = 3.2

#: For some types of floats, whole numbers of their size, and the bits of the exponent.
_EXPONENTS = {torch.float32: (torch.int32, 0x7F800000), torch.bfloat16: (torch.int16, 0x7F80)}


class Window(NamedTuple):
    """Where gradients pass through the rounding, in steps, and whether they set in gradually."""

    low: float
    high: float
    smooth: bool


class Spikes(nn.Module):
    """Neurons that spike once, earlier if their potential is higher: an activation of ``T + 1`` levels.

    A potential ``z`` becomes the nearest of the levels ``step * kernel[t]`` and 0; a potential halfway between two levels
    becomes the higher one. The spike time is that ``t``, and 0 means no spike. The gradient passes straight through the
    rounding (Bengio et al. 2013, arXiv 1308.3432) where ``-below < z / step < kernel[0] + above``. The step is learned with
    the gradient of LSQ (Esser et al. 2020, arXiv 1902.08153): the derivative of the rounded value, with the rounding passed
    straight through, times ``1 / sqrt(neurons * kernel[0])``.

    Parameters
    ----------
    kernel : int or array_like of int, shape (T,)
        What a spike at each step counts, the same for all layers of a network: 2 .. 32 falling numbers of at least 1. A whole
        number ``T`` stands for the linear kernel ``T, T - 1, ..., 1``.
    step : float, optional
        Value of one unit of the kernel, above 0. By default the highest level is 3.2, suited to potentials with a variance
        of 1.
    learn_step : bool
    below, above : float
        At least 0: how far beyond the levels gradients still pass, in steps.
    smooth : bool
        Whether the gradient sets in gradually: its factor rises from 0 at ``-below`` to 1 at ``below`` steps.

    Attributes
    ----------
    log_step : Parameter, scalar
        The natural logarithm of the step, which is what is learned: so it stays above 0. It needs no weight decay.

    Raises
    ------
    InputTypeError, InputError
        If the kernel does not fall or a number is out of range.
    """

    def __init__(
        self,
        kernel: int | ArrayLike = 8,
        step: float | None = None,
        learn_step: bool = True,
        below: float = 0.25,
        above: float = 0.0,
        smooth: bool = False,
    ):
        super().__init__()
        self.kernel = kernel_of(kernel)
        highest = int(self.kernel[0])
        step = HIGHEST_LEVEL / highest if step is None else float(step)
        if not 0 < step < math.inf:
            raise InputError(f"step must be above 0, not {step}")
        if not min(below, above) >= 0:
            raise InputError(f"below and above must be at least 0, not {below} and {above}")
        self.log_step = nn.Parameter(torch.tensor(math.log(step)), requires_grad=learn_step)
        if smooth and not below > 0:
            raise InputError(f"below must be above 0 for a smooth gradient, not {below}")
        self.window = Window(-float(below), highest + float(above), smooth)

    @property
    def step(self) -> torch.Tensor:
        """The value of one unit of the kernel, scalar, with gradient."""
        return self.log_step.exp()

    def forward(self, potentials: torch.Tensor) -> torch.Tensor:
        """Return the values of the spikes, ``step * levels``."""
        levels, step = self.levels(potentials)
        return step * levels

    def levels(self, potentials: torch.Tensor, unit: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the spike of each neuron counts, and the step.

        Parameters
        ----------
        potentials : Tensor of float, shape (batch, ...)
        unit : Tensor of float, scalar, optional
            What a potential of 1 is worth; by default 1.

        Returns
        -------
        levels : Tensor, of the potentials' type and shape
            Whole numbers: values of the kernel, or 0.
        step : Tensor of float32, scalar
            The value of a level of 1. Use it in place of the parameter: its gradient is scaled as LSQ's.
        """
        features = max(1, potentials[0].numel()) if len(potentials) else 1
        step = scale_gradient(self.step, 1 / math.sqrt(features * int(self.kernel[0])))
        if unit is None:
            levels: torch.Tensor = _Levels.apply(potentials, step, self.kernel, self.window, None)
            return levels, step
        thresholds = spike_thresholds(self.kernel, self.step.item(), unit.item()).tolist()
        if thresholds == halfway_thresholds(self.kernel, self.step.item(), unit.item()):
            thresholds = None  # rounding gives the same levels, and is faster
        levels = _Levels.apply(potentials, step / unit, self.kernel, self.window, thresholds)
        return levels, step

    def extra_repr(self) -> str:
        """Return the kernel and the step, for ``repr``."""
        return f"kernel={self.kernel.tolist()}, step={self.step.item():.4g}"


def scale_gradient(values: torch.Tensor, factor: float) -> torch.Tensor:
    """Return the values, with a gradient of ``factor`` times that of the result."""
    scaled: torch.Tensor = _ScaleGradient.apply(values, factor)
    return scaled


def nearest_levels(potentials: torch.Tensor, step: float, kernel: np.ndarray) -> torch.Tensor:
    """Return the kernel's value, or 0, that is nearest to each potential in steps; of two that are equally near, the larger.

    Parameters
    ----------
    potentials : Tensor of float, any shape
    step : float
    kernel : ndarray of int, shape (T,)
    """
    half = torch.tensor(0.5, dtype=potentials.dtype, device=potentials.device)
    if is_linear(kernel):
        return torch.add(half, potentials, alpha=1 / step).floor_().clamp_(0, len(kernel))
    if potentials.dtype in _EXPONENTS and bool((kernel == 1 << np.arange(len(kernel))[::-1]).all()):
        # Halfway between two powers of two is 1.5 of the smaller: in units of 0.75 steps, a number's exponent is its level.
        whole, mask = _EXPONENTS[potentials.dtype]
        powers = (potentials / (0.75 * step)).clamp_(0, int(kernel[0]))
        powers = powers.view(whole).bitwise_and_(mask).view(potentials.dtype).floor_()
        ones = torch.add(half, potentials, alpha=1 / step).floor_().clamp_(0, 1)  # the level 1 is nearest from 0.5 on
        return ones.maximum(powers)
    levels = [*kernel.tolist(), 0]
    return reached_levels(potentials, [step * (level + lower) / 2 for level, lower in pairwise(levels)], kernel)


def reached_levels(potentials: torch.Tensor, thresholds: Sequence[float], kernel: np.ndarray) -> torch.Tensor:
    """Return what each neuron's spike counts, of the potentials' type and shape.

    Parameters
    ----------
    potentials : Tensor of float, any shape
        Maps (batch, C, H, W) with channels innermost in memory are fastest.
    thresholds : sequence of number
    kernel : ndarray of int
        Both of ``T``, falling: a spike at the first ``t`` with ``potential >= thresholds[t]`` counts ``kernel[t]``.
    """
    return counted_levels(reached(potentials, thresholds), kernel, potentials.dtype)


def counted_levels(counts: torch.Tensor, kernel: np.ndarray, kind: torch.dtype) -> torch.Tensor:
    """Return what the spike of a neuron counts that reaches a number of thresholds, as floats of ``kind``."""
    if is_linear(kernel):
        return counts.to(kind)
    table = torch.tensor([0, *kernel.tolist()[::-1]], dtype=kind, device=counts.device)
    rows = counts.movedim(1, -1)  # as they lie in memory
    return table.index_select(0, rows.flatten().int()).view(rows.shape).movedim(-1, 1)


def reached(potentials: torch.Tensor, thresholds: Sequence[float]) -> torch.Tensor:
    """Return how many of some thresholds, at most 32, each potential reaches: uint8, of the potentials' shape."""
    counts = torch.zeros_like(potentials, dtype=torch.uint8)
    for threshold in thresholds:  # several times as fast as a search in the table
        counts += (potentials >= threshold).view(torch.uint8)
    return counts


def is_linear(kernel: np.ndarray) -> bool:
    """Return whether a kernel is ``T, T - 1, ..., 1``."""
    return bool((kernel == np.arange(len(kernel), 0, -1)).all())


class _LevelsContext(FunctionCtx):
    saved_tensors: tuple[torch.Tensor]
    needs_input_grad: tuple[bool, ...]
    step: float
    window: Window


class _Levels(torch.autograd.Function):
    @staticmethod
    def forward(
        context: _LevelsContext,
        potentials: torch.Tensor,
        step: torch.Tensor,
        kernel: np.ndarray,
        window: Window,
        thresholds: list[int] | None,
    ) -> torch.Tensor:
        context.step, context.window = step.item(), window
        context.save_for_backward(potentials)
        if thresholds is not None:
            # Halfway between whole numbers, so that rounding in the sums does no harm.
            return reached_levels(potentials, [threshold - 0.5 for threshold in thresholds], kernel)
        return nearest_levels(potentials, context.step, kernel)

    @staticmethod
    def backward(
        context: _LevelsContext, gradient: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None, None, None, None]:
        (potentials,) = context.saved_tensors
        step, window = context.step, context.window
        # By far the fastest way in PyTorch to keep a gradient where a tensor lies between two numbers.
        gradient = torch.ops.aten.hardtanh_backward(gradient, potentials, window.low * step, window.high * step)
        if window.smooth:
            half = torch.tensor(0.5, dtype=potentials.dtype, device=potentials.device)
            gradient.mul_(torch.add(half, potentials, alpha=-0.5 / (window.low * step)).clamp_(max=1))
        gradient.mul_(1 / step)
        to_step = (
            torch.sum(gradient * potentials, dtype=torch.float32).mul_(-1 / step) if context.needs_input_grad[1] else None
        )
        return gradient, to_step, None, None, None


class _ScaleGradientContext(FunctionCtx):
    factor: float


class _ScaleGradient(torch.autograd.Function):
    @staticmethod
    def forward(context: _ScaleGradientContext, values: torch.Tensor, factor: float) -> torch.Tensor:
        context.factor = factor
        return values.view_as(values)

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradient * context.factor, None
