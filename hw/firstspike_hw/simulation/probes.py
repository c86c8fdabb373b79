"""What a compiled design's probes tell: the spike times of the inputs and of the hidden layers."""

import numpy as np

from firstspike_spec.common.words import Field, Word
from firstspike_spec.compiler.contents import EngineContents
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.tokens import spike_times_of_tokens, token_ports

_PROBE_LAYER_BIT = 60


def definition(shape: EngineShape) -> str:
    """Return the macro that ``probes.h`` needs."""
    return f"#define FOR_EACH_LAYER(X) {' '.join(f'X({index})' for index in range(len(shape.layers) + 1))}\n"


def most_tokens(image: EngineContents, batch: int) -> int:
    """Return how many tokens a batch of inferences can have, in all layers."""
    ends = batch * image.network.time_steps
    neurons = image.network.inputs + sum(shape.lanes * shape.lane_neurons for shape in image.shape.layers)
    return ends * (len(image.shape.layers) + 1) + batch * neurons


def spike_times_of_probes(image: EngineContents, probes: np.ndarray, batch: int) -> tuple[np.ndarray, ...]:
    """Return the spike times of the inputs and the hidden layers.

    Parameters
    ----------
    image : EngineContents
        What the engine holds.
    probes : ndarray of uint64
        Probe words, of exactly ``batch`` inferences.
    batch : int
    """
    times, shape = [], image.shape
    layer, places = probes >> np.uint64(_PROBE_LAYER_BIT), [np.arange(image.network.inputs), *image.addresses]
    for index, part in enumerate((*shape.layers, shape.output)):
        fields = _token_word(part.source_bits, shape.spikes_per_token).unpack(probes[layer == index])
        address, valid = token_ports(fields)
        times.append(
            spike_times_of_tokens(
                address, valid, fields["end"], batch=batch, time_steps=image.network.time_steps, addresses=places[index]
            )
        )
    return tuple(times)


def _token_word(address_bits: int, width: int) -> Word:
    """Return the word that a token is (`firstspike_hw.lib.layouts.token_layout`)."""
    spikes = (
        Field(f"{name}_{port}", bits) for port in range(width) for name, bits in (("address", address_bits), ("valid", 1))
    )
    return Word((*spikes, Field("end", 1), Field("last", 1)))
