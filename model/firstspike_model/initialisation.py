"""Start values of weights that keep deep first-spike networks firing."""

import math

import torch


def initialise_weights(weights: torch.Tensor, time_steps: int, generator: torch.Generator) -> None:
    """Fill a layer's weights in place with uniform noise of variance ``T / fan-in``.

    With the usual initialisations (variance about ``1 / fan-in``) a deep network is silent: a source spikes once in ``T``
    steps, not at every step. Source: the initialisation of ETTFS (Che et al. 2024, arXiv 2410.23619).

    Parameters
    ----------
    weights : Tensor of float, shape (targets, sources)
        Its fan-in is ``sources``.
    time_steps : int
        ``T``.
    generator : torch.Generator
    """
    half_width = math.sqrt(3 * time_steps / weights.shape[1])
    with torch.no_grad():
        weights.uniform_(-half_width, half_width, generator=generator)
