"""The input spikes whose cycles a plan counts: those of a data set's images, or random ones."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firstspike_spec.common.errors import InputError, UserError
from firstspike_spec.datasets import default_dataset, fit_dataset, load_dataset
from firstspike_spec.network.base import BaseNetwork
from firstspike_spec.network.connections import FULL_ACTIVITY
from firstspike_spec.network.encoder import SPIKE_TIME_TYPE
from firstspike_spec.network.network import Network

#: Fewest images that follow each other, and most images that are drawn.
LEAST_IMAGES, MOST_DRAWN = 2, 10_000


@dataclass(frozen=True, eq=False)
class InputSpikes:
    """Spike times of a network's inputs.

    Attributes
    ----------
    times : ndarray of int16, shape (images, inputs)
    source : str
        Where they come from, in words.
    """

    times: np.ndarray
    source: str


def input_spikes(
    network: BaseNetwork,
    images: int,
    dataset: str | None = None,
    data: Path | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> InputSpikes:
    """Return the spikes of test images, or random ones if no data set is asked for and none is at hand.

    Parameters
    ----------
    network : BaseNetwork
        Of either kind.
    images : int
        How many at most.
    dataset : str, optional
        Name of the data set; by default the one that the network was trained on.
    data : path, optional
        Its folder.
    note : callable
        Receives a line on a download, and on why spikes are drawn.

    Raises
    ------
    InputError
        If the data set that is asked for is not available, or does not fit the network.
    """
    usual = default_dataset(network)
    asked = dataset is not None or data is not None
    if not asked and usual is None:
        return drawn_spikes(network, images)
    try:
        found = load_dataset(dataset, "test", data, usual=usual, note=note).first(images)
        found = fit_dataset(found, network, note)
    except UserError as error:
        if asked:
            raise
        note(f"no images of {usual}: {error}")
        return drawn_spikes(network, images)
    if len(found.images) < LEAST_IMAGES:
        raise InputError(f"data set {found.name} has one test image; a plan needs {LEAST_IMAGES} or more, one after the other")
    return InputSpikes(network.spike_times(found.images), f"{len(found.images):,} test images of {found.name}")


def drawn_spikes(network: BaseNetwork, images: int) -> InputSpikes:
    """Return random spikes at random steps, the same ones each time.

    Each input spikes as often as the activity of a step-by-step network says, or in every other image. The spikes of real
    images lie together, so their cycles differ somewhat.
    """
    activity = network.layers[0].activity if isinstance(network, Network) else None
    share = 0.5 if activity is None else activity / FULL_ACTIVITY
    generator = np.random.default_rng(0)
    size = min(images, MOST_DRAWN), network.inputs
    times = generator.integers(0, network.input_time_steps, size, SPIKE_TIME_TYPE)
    times[generator.random(size) >= share] = network.input_time_steps
    rule = "half of the inputs spike" if activity is None else "spikes drawn from the network's activity"
    return InputSpikes(times, f"{len(times):,} images, {rule}, each at any step")
