"""Measurement of a network's activity: how often each input and each hidden neuron spikes before the decision."""

from collections.abc import Callable
from dataclasses import replace
from typing import overload

import numpy as np

from ..common.errors import InputError
from ..layered.network import LayeredNetwork
from ..network.connections import FULL_ACTIVITY
from ..network.network import Network
from .golden import CHUNK, check_any_network, check_spike_times, infer, infer_spikes

#: Default number of training images to measure on: enough for a good balance.
PROFILE_IMAGES = 10_000


@overload
def profile(network: Network, images: np.ndarray, *, progress: Callable[[int], None] = ...) -> Network: ...


@overload
def profile(network: LayeredNetwork, images: np.ndarray, *, progress: Callable[[int], None] = ...) -> LayeredNetwork: ...


def profile(
    network: Network | LayeredNetwork, images: np.ndarray, *, progress: Callable[[int], None] = lambda done: None
) -> Network | LayeredNetwork:
    """Return the network with the activity of all its sources, measured on images; step by step, with early exit.

    Results and digest stay the same. The compiler uses the activity to balance the work of the lanes, so the images must not
    be those that the network is tested on.

    Parameters
    ----------
    network : Network or LayeredNetwork
    images : ndarray of uint8, shape (count, \\*input_shape) or (count, inputs)
        At least one. Of a layered network that takes no images, the spike times: int16, shape (count, inputs).
    progress : callable
        Called with the number of images done.

    Raises
    ------
    InputTypeError, InputError
        If there is no image, or the images are not ``uint8`` or of another shape.
    """
    check_any_network(network)
    takes_images = isinstance(network, Network) or network.input_code.thresholds is not None
    if takes_images:
        network.check_images(images)
    else:
        check_spike_times(network, images)
    if len(images) == 0:
        raise InputError("there are no images to measure the activity on; give at least one")
    steps = [network.input_time_steps] + [network.time_steps] * len(network.layers)
    spikes: list[list[np.ndarray]] = []  # of each chunk, then of the inputs and each layer
    for first in range(0, len(images), CHUNK):
        chunk = images[first : first + CHUNK]
        inference = infer(network, chunk) if takes_images else infer_spikes(network, chunk)
        spikes.append([(times < number).sum(axis=0) for times, number in zip(inference.spike_times, steps, strict=True)])
        progress(first + len(chunk))
    totals = [np.sum(counts, axis=0) for counts in zip(*spikes, strict=True)]
    activities = [(2 * FULL_ACTIVITY * counts + len(images)) // (2 * len(images)) for counts in totals]  # rounded
    if isinstance(network, Network):
        layers = [replace(layer, activity=part) for layer, part in zip(network.layers, activities[:-1], strict=True)]
        return replace(network, layers=tuple(layers))
    return replace(
        network,
        layers=tuple(
            replace(layer, projections=tuple(replace(part, activity=activities[part.source]) for part in layer.projections))
            for layer in network.layers
        ),
    )
