"""From spike times to the spikes that a processor takes, and back from those that it shows."""

import math
from collections.abc import Sequence

import numpy as np

from ..common.errors import InputError
from ..common.words import Field, Word
from ..layered.network import LayeredNetwork
from ..network.base import image_maps
from ..network.encoder import SPIKE_TIME_TYPE
from .instructions import FIRE
from .shape import ProcessorShape


def probe_word(shape: ProcessorShape) -> Word:
    """Return what a simulated processor shows of each spike of a layer: the spike, and the number of its source.

    A word whose spike has ``end`` set marks the end of an image.
    """
    return Word((*shape.spike.fields, Field("source", FIRE[0].width("source"))))


def input_words(shape: ProcessorShape, network: LayeredNetwork, spike_times: np.ndarray) -> np.ndarray:
    """Return the words of a batch of inferences: for each its spikes, channel by channel and row by row, then an end.

    Parameters
    ----------
    shape : ProcessorShape
    network : LayeredNetwork
    spike_times : ndarray of int16, shape (batch, inputs)

    Returns
    -------
    ndarray of uint64, shape (words,)
        `ProcessorShape.spike` words.
    """
    spikes = spike_times < network.input_time_steps
    image, source = np.nonzero(spikes)
    channel, y, x = np.unravel_index(source, image_maps(network.input_shape))
    words = shape.spike.pack(end=0, step=spike_times[image, source], x=x, y=y, channel=channel)
    ends = np.cumsum(spikes.sum(axis=1))
    return np.insert(words, ends, shape.spike.pack(end=1, step=0, x=0, y=0, channel=0))


def spike_times_of_probe(
    shape: ProcessorShape, network: LayeredNetwork, words: np.ndarray, batch: int
) -> tuple[np.ndarray, ...]:
    """Return the spike times of the hidden layers.

    Parameters
    ----------
    shape : ProcessorShape
    network : LayeredNetwork
    words : ndarray of uint64
        `probe_word` words of exactly ``batch`` inferences, in the order in which they were shown.
    batch : int

    Returns
    -------
    tuple of ndarray of int16, each of shape (batch, spikes of the layer)

    Raises
    ------
    InputError
        If the words are of another number of images, or show what no layer of the network can do.
    """
    fields = probe_word(shape).unpack(words)
    end = fields["end"] == 1
    if np.count_nonzero(end) != batch or (len(words) and not end[-1]):
        raise InputError(f"the processor showed the end of {np.count_nonzero(end)} images, not of {batch}")
    image = (np.cumsum(end) - end)[~end]
    shown = {name: values[~end] for name, values in fields.items()}
    if len(image) and not 1 <= shown["source"].min() <= shown["source"].max() < len(network.layers):
        raise InputError(f"the processor showed spikes of a source that is no hidden layer: {shown['source'].max()}")
    return tuple(
        _times(layer.spike_shape, network.time_steps, batch, image, shown, shown["source"] == number)
        for number, layer in enumerate(network.layers[:-1], 1)
    )


def _times(
    spike_shape: Sequence[int],
    time_steps: int,
    batch: int,
    image: np.ndarray,
    shown: dict[str, np.ndarray],
    chosen: np.ndarray,
) -> np.ndarray:
    """Return the spike times of one layer, shape (batch, spikes)."""
    for name, size in zip(("channel", "y", "x"), spike_shape, strict=True):
        if chosen.any() and shown[name][chosen].max() >= size:
            raise InputError(f"the processor showed a spike with {name} {shown[name][chosen].max()} of a layer with {size}")
    times = np.full((batch, *spike_shape), time_steps, SPIKE_TIME_TYPE)
    times[image[chosen], shown["channel"][chosen], shown["y"][chosen], shown["x"][chosen]] = shown["step"][chosen]
    if np.count_nonzero(times < time_steps) != np.count_nonzero(chosen):
        raise InputError("the processor showed a neuron that spikes twice in one image, or in a step that there is not")
    return times.reshape(batch, math.prod(spike_shape))
