"""A differentiable estimate of a layered network's synaptic operations, for the loss."""

from collections.abc import Sequence

import torch

from .. import nn
from ..nn.folding import Levels
from ..nn.structure import Branch


def soft_operations(network: nn.Sequential, spikes: Sequence[Levels]) -> torch.Tensor:
    """Return about how many weights an image's spikes add to potentials: float32, scalar.

    A spike that counts ``v`` is one by ``v / (1 + v)``, not by 1: so late spikes, which carry least, have most of the
    gradient, and are given up first. The connections of each source are counted as they are now.

    Parameters
    ----------
    network : firstspike_model.nn.Sequential
    spikes : sequence of Levels
        Of the input and of each layer (`firstspike_model.nn.Sequential.run`). Inputs have no gradient and are left out.
    """
    total = torch.zeros(())
    for layer in network.layers:
        for branch in layer.branches:
            if branch.source and branch.synapses is not None:
                values = spikes[branch.source].values.float()
                spiking = (values / (1 + values)).mean(0)
                total = total.to(spiking.device) + (spiking * _row_lengths(branch, spiking.shape)).sum()
    return total


@torch.no_grad()
def _row_lengths(branch: Branch, shape: torch.Size) -> torch.Tensor:
    """Return how many connections a spike of each source uses, on average over its map; it broadcasts to the map's shape."""
    assert branch.synapses is not None
    used = branch.synapses.connected_weights() != 0
    if used.ndim == 2:
        channels, height, width = shape
        pooling = branch.maps.pooling
        rows = used.sum(0).reshape(channels, -(-height // pooling), -(-width // pooling))
        return rows.repeat_interleave(pooling, 1).repeat_interleave(pooling, 2)[:, :height, :width].float()
    return used.sum((0, 2, 3))[:, None, None].float() / branch.maps.stride**2
