"""What training makes small."""

import torch
from torch.nn import functional


def potential_loss(potentials: torch.Tensor, labels: torch.Tensor, last_weight: float) -> torch.Tensor:
    """Return the mean cross-entropy of the output potentials at every step.

    Every step teaches, also before and after an output's spike, so that early decisions are right and late ones exist.

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
    weights = torch.linspace(1, last_weight, steps, device=potentials.device)
    return (losses.reshape(steps, batch).mean(dim=1) * weights).sum() / weights.sum()


def temporal_weights(time_steps: int, sharpness: float) -> torch.Tensor:
    """Return ``sharpness * (T - t) / T`` for each step t: strictly decreasing, and above 0 at the last."""
    return sharpness * torch.arange(time_steps, 0, -1) / time_steps


def even_weights(time_steps: int, sharpness: float) -> torch.Tensor:
    """Return ``sharpness`` for each step: a spike counts the same whenever it comes."""
    return torch.full((time_steps,), float(sharpness))


#: How much a spike counts at each step, by name: ETTFS's temporal weighting, and the plain count that it improves on.
DECODINGS = {"temporal": temporal_weights, "count": even_weights}


def spike_loss(spikes: torch.Tensor, labels: torch.Tensor, decoding: str, sharpness: float) -> torch.Tensor:
    """Return the cross-entropy of the decoded output spikes.

    An output's logit is the sum over its spikes of a weight for the step. With the decoding ``"temporal"`` the weight
    strictly decreases, so that the largest logit belongs to the earliest spike and agrees with the first-spike decision:
    ETTFS's temporal weighting decoding (Che et al. 2024, arXiv 2410.23619, whose exact weights were not to be had).

    Parameters
    ----------
    spikes : Tensor of float, shape (T, batch, classes)
        At most one 1 along the steps.
    labels : Tensor of int64, shape (batch,)
    decoding : str
        One of `DECODINGS`.
    sharpness : float
        Above 0: the largest weight of a spike.
    """
    weights = DECODINGS[decoding](len(spikes), sharpness).to(spikes)
    return functional.cross_entropy(torch.einsum("t,tbc->bc", weights, spikes), labels)
