"""Cutting connections to an exact budget."""

import math
from collections.abc import Sequence

import torch

from firstspike_spec import InputError


def allowed(share: float, count: int) -> int:
    """Return how many of ``count`` connections a share of them allows: rounded down, but not for the float's own error."""
    return math.floor(share * count + 1e-6)


def layer_budgets(budget: float, output_part: float, counts: Sequence[int]) -> tuple[float, ...]:
    """Return each layer's budget where the output layer gets a part of all connections that may stay.

    An output connection carries a whole hidden neuron's evidence to one class, so the last layer can do with far fewer
    connections than all others and still needs a far larger share of its own.

    Parameters
    ----------
    budget : float
        Share of all weights that may stay, 0 .. 1.
    output_part : float
        The output layer's part in them, 0 .. 1; what it has no room for goes to the others, evenly.
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


def cut_to_budget(weights: Sequence[torch.Tensor], connectivity: float | Sequence[float]) -> list[torch.Tensor]:
    """Return masks that keep the strongest connections, exactly as many as the budget allows.

    Parameters
    ----------
    weights : sequence of Tensor of float
        Each layer's; 0 where there is no connection.
    connectivity : float, or sequence of float
        Share of weights that may stay, 0 .. 1: of all together, or of each layer. With one for all, every layer gives up
        the same share of what it still has: one threshold for all layers would starve the output layer, whose many small
        weights all matter. Nothing is cut from layers that have no more.

    Returns
    -------
    list of Tensor of float
        1 where a connection stays, else 0; one a tensor of weights, of its shape. Together ``floor(connectivity * number
        of weights)`` are 1, or as many as there are weights other than 0, if that is less; with one budget a layer, the
        same holds for each.

    Raises
    ------
    InputError
        If there is not one budget for each layer, or one is out of range.
    """
    weights = [weight.detach() for weight in weights]
    shares = list(connectivity) if isinstance(connectivity, Sequence) else [connectivity]
    if bad := [share for share in shares if not 0 <= share <= 1]:
        raise InputError(f"connectivity must be in 0 .. 1, not {bad[0]}")
    if isinstance(connectivity, Sequence):
        if len(shares) != len(weights):
            raise InputError(f"connectivity must be one number, or one for each of {len(weights)} layers, not {len(shares)}")
        return [mask for weight, share in zip(weights, shares, strict=True) for mask in _cut([weight], share)]
    return _cut(weights, connectivity)


def _cut(weights: list[torch.Tensor], connectivity: float) -> list[torch.Tensor]:
    alive = [int(torch.count_nonzero(weight)) for weight in weights]
    budget = min(allowed(connectivity, sum(weight.numel() for weight in weights)), sum(alive))
    masks = []
    for index, weight in enumerate(weights):
        # The share of what is left, of those not yet cut: rounding never loses or gains a connection.
        left = sum(alive[index:])
        keep = round(budget * alive[index] / left) if left else 0
        budget -= keep
        mask = torch.zeros_like(weight)
        mask.view(-1)[torch.topk(weight.abs().flatten(), keep).indices] = 1
        masks.append(mask)
    return masks
