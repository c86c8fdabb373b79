"""What a compiled design's taps tell: the spike times of the inputs and of the hidden layers."""

import numpy as np

from firstspike_spec.compiler import EngineImage
from firstspike_spec.streams import spike_times_of_tokens

_TAP_LAYER_BIT = 28


def definition(layers: int) -> str:
    """Return the macro that ``taps.h`` needs."""
    return f"#define FOR_EACH_LAYER(X) {' '.join(f'X({index})' for index in range(layers))}\n"


def most_tokens(image: EngineImage, batch: int) -> int:
    """Return how many tokens a batch of inferences can have, in all layers."""
    ends = batch * image.network.time_steps
    neurons = image.network.inputs + sum(shape.lanes * shape.lane_neurons for shape in image.shape.layers[:-1])
    return ends * len(image.shape.layers) + batch * neurons


def spike_times_of_taps(image: EngineImage, taps: np.ndarray, batch: int) -> tuple[np.ndarray, ...]:
    """Return the spike times of the inputs and the hidden layers.

    Parameters
    ----------
    image : EngineImage
        What the engine holds.
    taps : ndarray of uint32
        Tap words, of exactly ``batch`` inferences.
    batch : int
    """
    times = []
    for index, shape in enumerate(image.shape.layers):
        tokens = taps[taps >> _TAP_LAYER_BIT == index].astype(np.int64)
        times.append(
            spike_times_of_tokens(
                address=tokens & (shape.sources - 1),
                end=tokens >> shape.source_bits & 1,
                batch=batch,
                time_steps=image.network.time_steps,
                addresses=np.arange(image.network.inputs) if index == 0 else image.addresses[index - 1],
            )
        )
    return tuple(times)
