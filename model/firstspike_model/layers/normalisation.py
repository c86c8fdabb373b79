"""Weight normalisation that keeps neurons firing while their connections change."""

import math

import torch


def normalise_weights(weights: torch.Tensor, gains: torch.Tensor, time_steps: int, pooling: int = 1) -> torch.Tensor:
    """Return weights whose variance for each target is ``gain ** 2 * T / fan-in``, over its connections alone.

    ``gain * sqrt(T / n) * w / sqrt(sum(w ** 2) / n)`` with ``n`` the number of connections: n cancels, so connections that
    are 0 neither count nor matter. ETTFS (Che et al. 2024, arXiv 2410.23619) normalises weights in training, with a
    learnable transform, to hold the variance that its initialisation sets; its text was not to be had. Here the
    statistics are of the scale alone, as in Salimans and Kingma 2016 (arXiv 1602.07868): subtracting a mean would
    reconnect what was pruned and turn around signs that Grad R keeps fixed. With gains of 1 and the initialisation of
    `firstspike_model.layers.initialisation` it changes nothing but noise.

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
        With gradient to both. 0 stays 0. A plain matrix of weights: nothing of this is left in an exported network.
    """
    norms = weights.square().sum(dim=1).clamp(min=1e-12).sqrt()
    return weights * (gains * math.sqrt(time_steps) / pooling / norms)[:, None]
