"""Loss functions: of the output potentials, and of the output spikes."""

import torch
from torch.nn import functional


def potential_loss(potentials: torch.Tensor, labels: torch.Tensor, last_weight: float) -> torch.Tensor:
    """Return the mean cross-entropy of the output potentials at every step.

    All steps count, also those before and after an output's spike: so the network learns to decide early, and to go on
    improving while it has not decided.

    Parameters
    ----------
    potentials : Tensor of float, shape (T, batch, classes)
        The potentials of each step are logits.
    labels : Tensor of int64, shape (batch,)
    last_weight : float
        At least 1. The weights of the steps rise linearly from 1 at the first to ``last_weight`` at the last.
    """
    steps, batch, classes = potentials.shape
    losses = functional.cross_entropy(potentials.reshape(-1, classes), labels.repeat(steps), reduction="none")
    weights = torch.linspace(1, last_weight, steps, device=potentials.device)
    return (losses.reshape(steps, batch).mean(dim=1) * weights).sum() / weights.sum()


def temporal_weights(time_steps: int, sharpness: float) -> torch.Tensor:
    """Return ``sharpness * (T - t) / T`` for each step t: strictly falling, and above 0 at the last step."""
    return sharpness * torch.arange(time_steps, 0, -1) / time_steps


def even_weights(time_steps: int, sharpness: float) -> torch.Tensor:
    """Return ``sharpness`` for each step: a spike counts the same at every step."""
    return torch.full((time_steps,), float(sharpness))


#: The weights of a spike at each step, by name: falling over time, or the same for all as a baseline.
DECODINGS = {"temporal": temporal_weights, "count": even_weights}


def spike_loss(spikes: torch.Tensor, labels: torch.Tensor, decoding: str, sharpness: float) -> torch.Tensor:
    """Return the cross-entropy of the decoded output spikes.

    The logit of an output is the sum of its spikes, weighted by step. With the decoding ``"temporal"`` the weights fall over
    time, so that the largest logit belongs to the earliest spike, as in the first-spike decision.

    After ETTFS (Che et al. 2024, arXiv 2410.23619), which decodes by such a weighted sum. The paper's weights were not
    available to us; the linear ones of `temporal_weights` are ours.

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
