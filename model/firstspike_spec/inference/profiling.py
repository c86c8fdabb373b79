"""Measurement of a network's activity: how often each input and each hidden neuron spikes before the decision."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..common.errors import InputError
from ..network.connections import FULL_ACTIVITY
from ..network.network import Network, check_network
from .golden import CHUNK, infer

#: Default number of training images to measure on: enough for a good balance.
PROFILE_IMAGES = 10_000


def profile(network: Network, images: np.ndarray, *, progress: Callable[[int], None] = lambda done: None) -> Network:
    """Return the network with the activity of all its layers' sources, measured on images with early exit.

    Results and digest stay the same. The compiler uses the activity to balance the work of the lanes, so the images must not
    be those that the network is tested on.

    Parameters
    ----------
    network : Network
    images : ndarray of uint8, shape (count, \\*input_shape) or (count, inputs)
        At least one.
    progress : callable
        Called with the number of images done.

    Raises
    ------
    InputTypeError, InputError
        If there is no image, or the images are not ``uint8`` or of another shape.
    """
    check_network(network)
    network.check_images(images)
    if len(images) == 0:
        raise InputError("there are no images to measure the activity on; give at least one")
    spikes = [np.zeros(layer.sources, np.int64) for layer in network.layers]
    for first in range(0, len(images), CHUNK):
        chunk = images[first : first + CHUNK]
        inference = infer(network, chunk, early_exit=True)
        for counts, times in zip(spikes, inference.spike_times[:-1], strict=True):
            counts += (times < network.time_steps).sum(axis=0)
        progress(first + len(chunk))
    layers = [
        replace(layer, activity=(2 * FULL_ACTIVITY * counts + len(images)) // (2 * len(images)))  # rounded
        for layer, counts in zip(network.layers, spikes, strict=True)
    ]
    return replace(network, layers=tuple(layers))
