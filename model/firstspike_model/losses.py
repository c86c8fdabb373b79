"""What training makes small."""

import torch
from torch.nn import functional


def step_loss(potentials: torch.Tensor, labels: torch.Tensor, last_weight: float) -> torch.Tensor:
    """Return the mean cross-entropy of the output potentials at every step.

    Parameters
    ----------
    potentials : Tensor of float, shape (T, batch, classes)
        Larger is more likely; each step is a set of logits.
    labels : Tensor of int64, shape (batch,)
    last_weight : float
        At least 1. Steps are weighted evenly from 1 at the first to ``last_weight`` at the last.
    """
    steps, batch, classes = potentials.shape
    losses = functional.cross_entropy(potentials.reshape(-1, classes), labels.repeat(steps), reduction="none")
    weights = torch.linspace(1, last_weight, steps)
    return (losses.reshape(steps, batch).mean(dim=1) * weights).sum() / weights.sum()


def temporal_loss(spikes: torch.Tensor, labels: torch.Tensor, sharpness: float) -> torch.Tensor:
    """Return the cross-entropy of the output spikes, an earlier one counting more.

    The temporal weighting of ETTFS (Che et al. 2024, arXiv 2410.23619): an output's logit is the sum over its spikes of
    a weight that falls with the step, so the largest logit belongs to the earliest spike and agrees with the first-spike
    decision.

    Parameters
    ----------
    spikes : Tensor of float, shape (T, batch, classes)
        At most one 1 along the steps.
    labels : Tensor of int64, shape (batch,)
    sharpness : float
        Weight of a spike at the first step; it falls evenly to ``sharpness / T`` at the last.
    """
    steps = len(spikes)
    weights = sharpness * torch.arange(steps, 0, -1, dtype=spikes.dtype) / steps
    return functional.cross_entropy(torch.einsum("t,tbc->bc", weights, spikes), labels)
