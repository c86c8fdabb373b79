"""Weight normalisation that keeps neurons firing while their connections change."""

import math

import torch


def normalise_weights(weights: torch.Tensor, gains: torch.Tensor, time_steps: int, pooling: int = 1) -> torch.Tensor:
    """Return weights whose variance for each target is ``gain ** 2 * T / n``, with ``n`` its number of connections.

    The formula is ``gain * sqrt(T / n) * w / sqrt(sum(w ** 2) / n)``, in which ``n`` cancels: weights of 0 do not matter. With
    gains of 1 and the initialisation of `firstspike_model.layers.initialisation`, only random fluctuations change.

    After ETTFS (Che et al. 2024, arXiv 2410.23619), which normalises weights with a learnable transform during training. The
    paper's formula was not available to us; this one is ours. It divides by the scale alone, as weight normalisation does
    (Salimans and Kingma 2016, arXiv 1602.07868). Subtracting a mean would restore pruned connections, and would flip signs
    that Grad R keeps fixed.

    Parameters
    ----------
    weights : Tensor of float, shape (channels, taps)
    gains : Tensor of float, shape (channels,)
        Learned.
    time_steps : int
        ``T``.
    pooling : int
        As for `firstspike_model.layers.initialisation.ettfs_weights`.

    Returns
    -------
    Tensor of float, shape (channels, taps)
        With gradients to weights and gains. A weight of 0 stays 0. An exported network contains these weights and no
        normalisation.
    """
    norms = weights.square().sum(dim=1).clamp(min=1e-12).sqrt()
    return weights * (gains * math.sqrt(time_steps) / pooling / norms)[:, None]
