"""What a layer computes: in floats while it trains, in whole numbers once it is quantised."""

from collections.abc import Sequence
from functools import reduce

import torch
from torch.nn import functional

from .exact import exact_sums, exact_type, largest_sum, pooled_levels
from .folding import (
    Levels,
    WholeNumbers,
    branch_gains,
    by_target,
    follow_unit,
    offset_sum,
    weight_scale,
    whole_numbers,
    whole_weights,
)
from .spikes import reached_levels
from .structure import Branch, LayerPlan
from .thresholds import spike_thresholds


def run_layer(
    plan: LayerPlan, sources: Sequence[Levels], kind: torch.dtype, training: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a layer's spikes, or the output layer's scores.

    Parameters
    ----------
    plan : LayerPlan
    sources : sequence of Levels
        Those of the input, then of each layer before.
    kind : torch.dtype
        Of sums and spikes, except where these are exact.
    training : bool
        Whether batch normalisation uses, and updates, the statistics of the batch.

    Returns
    -------
    values : Tensor, shape (batch, channels, height, width)
        What each spike counts; of the output layer, the scores.
    scale : Tensor of float32, scalar
        What a value of 1 is worth.
    """
    if plan.spikes is None:
        kind = torch.float32
    if not plan.anchor.weight_bits:
        return _fire(plan, normalised(plan, sources, float_weights(plan, sources), kind))
    if training and not plan.anchor.learn_unit:
        follow_unit(plan, sources)
    norms = [norm for norm in (plan.norm, *(branch.norm for branch in plan.branches)) if norm is not None]
    if not training:
        return _exact(plan, sources)
    if all(norm.frozen == "all" for norm in norms):
        return _folded(plan, sources, kind)
    return _fire(plan, normalised(plan, sources, _rounded_weights(plan, sources), kind))


def float_weights(plan: LayerPlan, sources: Sequence[Levels]) -> list[torch.Tensor]:
    """Return each branch's weights times the values of the sources' levels."""
    weights = []
    for branch in plan.branches:
        scale = weight_scale(branch, sources[branch.source])
        weights.append(scale if branch.synapses is None else branch.synapses.connected_weights() * scale)
    return weights


def _rounded_weights(plan: LayerPlan, sources: Sequence[Levels]) -> list[torch.Tensor]:
    """Return `float_weights` of the layer's whole numbers, before normalisation by the batch."""
    whole, unit = whole_weights(plan, sources)
    weights = []
    for branch, weight in zip(plan.branches, whole, strict=True):
        gains = branch_gains(plan, branch)
        if gains is None:
            weights.append(weight * unit)
        else:
            # A gain of 0 takes away all that its channel has.
            inverse = torch.where(gains == 0, 0.0, 1 / gains).detach()
            weights.append(weight * unit * by_target(branch, inverse))
    return weights


def normalised(plan: LayerPlan, sources: Sequence[Levels], weights: Sequence[torch.Tensor], kind: torch.dtype) -> torch.Tensor:
    """Return the potentials after normalisation and max pooling."""
    parts = []
    for branch, weight in zip(plan.branches, weights, strict=True):
        bias = None if branch.synapses is None else branch.synapses.bias
        part = _sums(branch, sources[branch.source], weight, bias, kind)
        parts.append(part if branch.norm is None else branch.norm(part))
    total = _pooled(reduce(torch.add, parts), plan.pooled_first)
    if plan.norm is not None:
        total = plan.norm(total)
    return _pooled(total, plan.pooled_last)


def _folded(plan: LayerPlan, sources: Sequence[Levels], kind: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the spikes of whole numbers, with gradients, rounded where ``kind`` rounds."""
    numbers = whole_numbers(plan, sources)
    bias = numbers.initial_potentials
    for branch, weight in zip(plan.branches, numbers.weights, strict=True):
        bias = bias - offset_sum(branch, sources[branch.source], weight)  # which the sums below contain
    biases = [bias, *[None] * (len(plan.branches) - 1)]
    parts = [
        _sums(branch, sources[branch.source], weight, part, kind)
        for branch, weight, part in zip(plan.branches, numbers.weights, biases, strict=True)
    ]
    return _fire(plan, _pooled(reduce(torch.add, parts), plan.pooling), numbers.unit)


def _exact(plan: LayerPlan, sources: Sequence[Levels]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the spikes of the exported network."""
    numbers = whole_numbers(plan, sources)
    potentials = _pooled(exact_potentials(plan, sources, numbers), plan.pooling)
    if plan.spikes is None:
        return potentials.float() * numbers.unit, torch.ones_like(numbers.unit)
    kernel = plan.spikes.kernel
    thresholds = spike_thresholds(kernel, plan.spikes.step.item(), numbers.unit.item())
    return reached_levels(potentials, thresholds.tolist(), kernel), plan.spikes.step


def exact_potentials(plan: LayerPlan, sources: Sequence[Levels], numbers: WholeNumbers) -> torch.Tensor:
    """Return a layer's potentials in whole numbers, as floats, shape (batch, *plan.shape)."""
    weights = [
        torch.diag(weight) if branch.synapses is None else weight.flatten(1)
        for branch, weight in zip(plan.branches, numbers.weights, strict=True)
    ]
    highest = [branch.maps.pooling**2 * sources[branch.source].highest for branch in plan.branches]
    kind = exact_type(largest_sum(weights, highest, numbers.initial_potentials), weights[0].device)
    total = numbers.initial_potentials.to(kind)[:, None, None]
    for branch, weight in zip(plan.branches, weights, strict=True):
        total = total + exact_sums(sources[branch.source].values, weight.to(kind), branch.maps)
    return total


def _sums(branch: Branch, source: Levels, weights: torch.Tensor, bias: torch.Tensor | None, kind: torch.dtype) -> torch.Tensor:
    """Return weights times levels plus biases, for each neuron: shape (batch, channels, height, width)."""
    maps = branch.maps
    values = pooled_levels(source.values.to(kind), maps.pooling)
    padding = maps.padding
    if source.offset is not None:
        if padding:  # where no source is, there is no spike, which has a value too
            values, padding = functional.pad(values, [padding] * 4), 0
        values = values + (source.offset * maps.pooling**2)[:, None, None].to(kind)
    weights = weights.to(kind)
    offsets = None if bias is None else bias.to(kind)
    if branch.synapses is None:
        sums = values * (weights if weights.ndim == 0 else weights[:, None, None])
        return sums if offsets is None else sums + offsets[:, None, None]
    if weights.ndim == 2:
        return functional.linear(values.flatten(1), weights, offsets)[:, :, None, None]
    return functional.conv2d(values, weights, offsets, stride=maps.stride, padding=padding)


def _pooled(values: torch.Tensor, side: int) -> torch.Tensor:
    return functional.max_pool2d(values, side) if side > 1 else values


def _fire(plan: LayerPlan, potentials: torch.Tensor, unit: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the spikes of potentials in a unit, by default 1."""
    if plan.spikes is None:
        return (potentials if unit is None else potentials * unit), torch.ones((), device=potentials.device)
    return plan.spikes.levels(potentials, unit)
