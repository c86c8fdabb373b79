"""Batch normalisation, steps and pooling factors folded into the weights of a layer, and these rounded to whole numbers.

With ``k`` what the spikes of the sources count, ``scale`` the value of one of it, ``G`` the gain of a channel, and ``unit``
the layer's unit, whole-number weights ``q`` are::

    q = w * scale / pooling ** 2 * G / unit        rounded, at most 2 ** (bits - 1) - 1 in magnitude

``G`` is the product of the gains of all batch normalisations behind the weights, each its own gain over the square root of its
running variance.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from ..layers.quantisation import best_scale, largest_weight
from .modules import Linear
from .quantisation import round_to_unit
from .spikes import scale_gradient
from .structure import Branch, LayerPlan

#: Most weights of a layer from which a step of training judges its unit.
_JUDGED = 1 << 16

#: Steps by which the unit follows the weights.
_NEARBY = (1.0, 0.96, 1.04)


class Levels(NamedTuple):
    """The spikes of an input or of a layer, as what each counts.

    Attributes
    ----------
    values : Tensor, shape (batch, C, H, W)
        Values of the kernel, or 0.
    scale : Tensor of float32, scalar or shape (C,)
    highest : int
        The largest value of the kernel.
    offset : Tensor of float32, shape (C,), or None
        A source has the value ``scale * (values + offset)``.
    """

    values: torch.Tensor
    scale: torch.Tensor
    highest: int
    offset: torch.Tensor | None = None


@dataclass(frozen=True)
class WholeNumbers:
    """A layer in whole numbers (as float32), with gradients.

    Attributes
    ----------
    weights : tuple of Tensor
        Of each branch: of the shape of its weights, or (channels,) for the identity.
    initial_potentials : Tensor, shape (channels,)
    unit : Tensor, scalar
        The value of a potential of 1.
    """

    weights: tuple[torch.Tensor, ...]
    initial_potentials: torch.Tensor
    unit: torch.Tensor


def whole_numbers(plan: LayerPlan, sources: Sequence[Levels]) -> WholeNumbers:
    """Return the whole numbers of a layer whose unit is set."""
    weights, unit = whole_weights(plan, sources)
    bias = folded_bias(plan) / unit
    for branch, weight in zip(plan.branches, weights, strict=True):
        bias = bias + offset_sum(branch, sources[branch.source], weight)
    return WholeNumbers(weights, round_to_unit(bias, torch.ones_like(unit)), unit)


def whole_weights(plan: LayerPlan, sources: Sequence[Levels]) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
    """Return the whole-number weights of each branch, and the unit, with gradients."""
    anchor = plan.anchor
    largest, smallest = largest_weight(anchor.weight_bits), int(anchor.keep_connected)
    weights = folded_weights(plan, sources)
    count = sum(weight.numel() for weight in weights)
    unit = scale_gradient(anchor.unit, (count * largest) ** -0.5) if anchor.learn_unit else anchor.unit
    return tuple(round_to_unit(weight, unit, largest, smallest) for weight in weights), unit


def folded_weights(plan: LayerPlan, sources: Sequence[Levels]) -> list[torch.Tensor]:
    """Return the folded weights of each branch before rounding: of the weights' shape, or (channels,) for the identity."""
    folded = []
    for branch in plan.branches:
        gains = branch_gains(plan, branch)
        scale = weight_scale(branch, sources[branch.source])
        if branch.synapses is None:
            folded.append((scale if gains is None else scale * gains).expand(plan.shape[0]))
        else:
            scale = scale if gains is None else scale * by_target(branch, gains)
            folded.append(branch.synapses.connected_weights() * scale)
    return folded


def weight_scale(branch: Branch, source: Levels) -> torch.Tensor:
    """Return the value of one unit of the kernel at each weight of a branch, of a shape that broadcasts to the weights'."""
    maps = branch.maps
    scale = source.scale / maps.pooling**2 if maps.pooling > 1 else source.scale
    return by_source(branch, scale)


def by_source(branch: Branch, values: torch.Tensor) -> torch.Tensor:
    """Return a number of each source channel, shape (C,) or scalar, in a shape that broadcasts to the weights'."""
    if values.numel() == 1 or branch.synapses is None:
        return values
    if isinstance(branch.synapses, Linear):
        return values.repeat_interleave(branch.maps.taps // branch.maps.channels)
    return values[:, None, None]


def by_target(branch: Branch, values: torch.Tensor) -> torch.Tensor:
    """Return a number of each target channel, shape (channels,), in a shape that broadcasts to the weights'."""
    if branch.synapses is None:
        return values
    return values.reshape(-1, *[1] * (branch.synapses.weight.ndim - 1))


def branch_gains(plan: LayerPlan, branch: Branch) -> torch.Tensor | None:
    """Return what normalisation multiplies a branch's sums by, shape (channels,), or ``None`` without any."""
    gains = [norm.gains() for norm in (branch.norm, plan.norm) if norm is not None]
    if len(gains) == 2:
        return gains[0] * gains[1]
    return gains[0] if gains else None


def offset_sum(branch: Branch, source: Levels, weights: torch.Tensor) -> torch.Tensor | float:
    """Return what the offsets of the sources add to each neuron through some weights, shape (channels,)."""
    if source.offset is None:
        return 0.0
    offsets = by_source(branch, source.offset * branch.maps.pooling**2)
    products = weights * offsets
    return products if branch.synapses is None else products.flatten(1).sum(1)


def folded_bias(plan: LayerPlan) -> torch.Tensor:
    """Return what normalisation and biases add to the potential, shape (channels,)."""
    total = torch.zeros(plan.shape[0], device=plan.anchor.weight.device)
    for branch in plan.branches:
        bias = None if branch.synapses is None else branch.synapses.bias
        if branch.norm is None:
            total = total if bias is None else total + bias
        else:
            shifted = -branch.norm.running_mean if bias is None else bias - branch.norm.running_mean
            total = total + branch.norm.bias + branch.norm.gains() * shifted
    if plan.norm is None:
        return total
    return plan.norm.bias + plan.norm.gains() * (total - plan.norm.running_mean)


@torch.no_grad()
def fit_unit(plan: LayerPlan, sources: Sequence[Levels]) -> None:
    """Set the unit that rounds a layer's folded weights with the smallest squared error."""
    anchor = plan.anchor
    weights = torch.cat([weight.flatten() for weight in folded_weights(plan, sources)])
    anchor.log_unit.fill_(math.log(best_scale(weights, anchor.weight_bits, int(anchor.keep_connected))))


@torch.no_grad()
def follow_unit(plan: LayerPlan, sources: Sequence[Levels]) -> None:
    """Move the unit a little towards the smallest squared error, if that is nearby."""
    anchor = plan.anchor
    weights = torch.cat([weight.flatten() for weight in folded_weights(plan, sources)])
    weights = weights[weights != 0]
    weights = weights[:: max(1, len(weights) // _JUDGED)]
    largest, smallest = largest_weight(anchor.weight_bits), int(anchor.keep_connected)

    def error(factor: float) -> float:
        unit = anchor.unit * factor
        return float((round_to_unit(weights, unit, largest, smallest) * unit - weights).square_().sum())

    anchor.log_unit.add_(math.log(min(_NEARBY, key=error)))
