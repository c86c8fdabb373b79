"""Budgets: how many connections may stay, and the cut that keeps exactly as many."""

import math
from collections.abc import Sequence

import torch

from firstspike_spec import InputError


def allowed(share: float, count: int) -> int:
    """Return how many of ``count`` connections a share allows: ``floor(share * count)``, tolerant of float rounding."""
    return math.floor(share * count + 1e-6)


def layer_budgets(budget: float, output_part: float, counts: Sequence[int]) -> tuple[float, ...]:
    """Return each layer's budget where a fixed part of all kept connections belongs to the output layer.

    An output connection carries the evidence of a whole hidden neuron to one class. So the output layer needs far fewer
    connections than the other layers, but must keep a far larger share of its own.

    Parameters
    ----------
    budget : float
        Share of all weights that may stay, 0 .. 1.
    output_part : float
        The output layer's part of these, 0 .. 1. If that is more than it has weights, the others share the rest evenly.
    counts : sequence of int
        Each layer's number of weights.
    """
    *others, last = counts
    total, room = allowed(budget, sum(counts)), sum(others)
    output = max(min(last, max(1, round(output_part * total))), total - room)
    left, shares = total - output, []
    for count in others:
        keep = round(left * count / room)
        left, room = left - keep, room - count
        shares.append(keep / count)
    return (*shares, output / last)


def check_budget(budget: float | Sequence[float], counts: Sequence[int]) -> None:
    """Raise `InputError` if the budget leaves a layer without connections; ``counts`` are the layers' numbers of weights."""
    shares = budget if isinstance(budget, Sequence) else [budget] * len(counts)
    for number, (share, count) in enumerate(zip(shares, counts, strict=True)):
        if allowed(share, count) == 0:
            raise InputError(f"the budget leaves none of the {count:,} connections of layer {number}; give it a larger one")


def cut_to_budget(weights: Sequence[torch.Tensor], connectivity: float | Sequence[float]) -> list[torch.Tensor]:
    """Return masks that keep the strongest connections, exactly as many as the budget allows.

    Parameters
    ----------
    weights : sequence of Tensor of float
        Each layer's; 0 where there is no connection.
    connectivity : float, or sequence of float
        Share of weights that may stay, 0 .. 1: of all layers together, or of each. With one share for all, every layer loses
        the same share of its remaining connections. (One common threshold would starve the output layer, whose many small
        weights all matter.) Layers within the budget are not cut.

    Returns
    -------
    list of Tensor of float
        One for each tensor of weights, of its shape: 1 where a connection stays, else 0. In total ``floor(connectivity *
        number of weights)`` are 1, or the number of weights other than 0 if that is less. With one budget per layer, this
        holds for each layer.

    Raises
    ------
    InputError
        If the number of budgets is not that of the layers, or a budget is out of range.
    """
    weights = [weight.detach() for weight in weights]
    shares = list(connectivity) if isinstance(connectivity, Sequence) else [connectivity]
    if bad := [share for share in shares if not 0 <= share <= 1]:
        raise InputError(f"connectivity must be in 0 .. 1, not {bad[0]}")
    if not isinstance(connectivity, Sequence):
        return _cut(weights, connectivity)
    if len(shares) != len(weights):
        raise InputError(f"connectivity must be one number, or one for each of {len(weights)} layers, not {len(shares)}")
    return [mask for weight, share in zip(weights, shares, strict=True) for mask in _cut([weight], share)]


def _cut(weights: list[torch.Tensor], connectivity: float) -> list[torch.Tensor]:
    alive = [int(torch.count_nonzero(weight)) for weight in weights]
    budget = min(allowed(connectivity, sum(weight.numel() for weight in weights)), sum(alive))
    masks = []
    for index, weight in enumerate(weights):
        # A share of the remaining budget, not of the whole one: so rounding neither loses nor adds a connection.
        left = sum(alive[index:])
        keep = round(budget * alive[index] / left) if left else 0
        budget -= keep
        mask = torch.zeros_like(weight)
        mask.view(-1)[torch.topk(weight.abs().flatten(), keep).indices] = 1
        masks.append(mask)
    return masks
