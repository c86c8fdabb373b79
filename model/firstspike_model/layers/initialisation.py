"""Initial weights that keep deep first-spike networks firing."""

import math

import torch


@torch.no_grad()
def ettfs_weights(weights: torch.Tensor, time_steps: int, generator: torch.Generator, pooling: int = 1) -> None:
    """Fill a layer's weights in place with uniform noise of variance ``T / fan-in``.

    A source spikes in one of ``T`` steps, so the input of one step has the variance ``fan-in * Var(w) / T``. This
    initialisation makes it 1. With the usual ones (variance about ``1 / fan-in``) a deep network stays silent.

    After ETTFS (Che et al. 2024, arXiv 2410.23619), which proposes an initialisation against vanishing signals. The paper's
    formula was not available to us: the derivation and the formula above are ours.

    Parameters
    ----------
    weights : Tensor of float, shape (channels, taps)
    time_steps : int
        ``T``.
    generator : torch.Generator
    pooling : int
        Side of the pooled squares of sources. Up to ``pooling ** 2`` spikes arrive at a tap, so the fan-in is that many
        times as large.
    """
    half_width = math.sqrt(3 * time_steps / weights.shape[1]) / pooling
    weights.uniform_(-half_width, half_width, generator=generator)


@torch.no_grad()
def kaiming_weights(weights: torch.Tensor, time_steps: int, generator: torch.Generator, pooling: int = 1) -> None:
    """Fill a layer's weights in place with uniform noise of variance ``1 / (3 * fan-in)``.

    This is PyTorch's default for linear layers, a baseline for `ettfs_weights`, whose parameters it shares.
    """
    half_width = math.sqrt(1 / weights.shape[1]) / pooling
    weights.uniform_(-half_width, half_width, generator=generator)


@torch.no_grad()
def rescale_to_fan_in(weights: torch.Tensor, time_steps: int, pooling: int = 1) -> None:
    """Scale each target's weights in place so that their variance is ``T / active fan-in`` again.

    After pruning, the sum over the remaining connections is far smaller than `ettfs_weights` made it. This restores it, with
    the active fan-in instead of the full one. A target without connections does not change. The rule is ours.

    Parameters
    ----------
    weights : Tensor of float, shape (channels, taps)
        0 where there is no connection.
    time_steps : int
        ``T``.
    pooling : int
        As for `ettfs_weights`.
    """
    norms = pooling * weights.square().sum(dim=1, keepdim=True).sqrt()
    weights.mul_(torch.where(norms > 0, math.sqrt(time_steps) / norms.clamp(min=1e-12), 1.0))


#: Each initialisation by name.
INITIALISATIONS = {"ettfs": ettfs_weights, "kaiming": kaiming_weights}
