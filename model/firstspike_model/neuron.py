"""Integrate-and-fire neurons that spike at most once, over all steps at once."""

import torch

from .surrogate import spike


def single_spikes(margins: torch.Tensor, width: float) -> torch.Tensor:
    """Return the spikes of neurons from their potentials at every step.

    Whether a neuron has spiked is carried on from its threshold crossings, not from its masked spikes. Both give the same
    spikes, but through the masked spike an early crossing would seem to allow all later ones, and the gradient of a
    spike's time would have the wrong sign.

    Parameters
    ----------
    margins : Tensor of float, shape (T, batch, neurons)
        Potential minus threshold at each step, without reset.
    width : float
        Of the surrogate gradient (`firstspike_model.surrogate.spike`).

    Returns
    -------
    Tensor of float, shape (T, batch, neurons)
        1 at the step of the first ``margin >= 0``, 0 elsewhere.
    """
    crossings = spike(margins, width)
    waiting = torch.ones_like(crossings[0])
    spikes = []
    for crossing in crossings:
        spikes.append(crossing * waiting)
        waiting = waiting * (1 - crossing)
    return torch.stack(spikes)
