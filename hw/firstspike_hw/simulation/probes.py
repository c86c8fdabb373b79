"""The probes of a compiled design, which give the spike times of the inputs and of the hidden layers."""

import numpy as np

from firstspike_spec.common.words import Field, Word
from firstspike_spec.compiler.contents import EngineContents
from firstspike_spec.compiler.tokens import spike_times_of_tokens, token_ports
from firstspike_spec.processor.contents import ProcessorContents
from firstspike_spec.processor.spikes import spike_times_of_probe

_PROBE_LAYER_BIT = 60


def probe_definitions(probes: int) -> str:
    """Return the macro that ``probes.h`` needs for a design with a number of probes, as C++."""
    return f"#define FOR_EACH_LAYER(X) {' '.join(f'X({index})' for index in range(probes))}\n"


def most_probe_words(contents: EngineContents | ProcessorContents, batch: int) -> int:
    """Return the highest number of probe words that a batch of inferences can give."""
    if isinstance(contents, ProcessorContents):
        return batch * (1 + sum(layer.spikes for layer in contents.network.layers))
    return max_tokens(contents, batch)


def all_spike_times(
    contents: EngineContents | ProcessorContents, probes: np.ndarray, inputs: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Return the spike times of the inputs and the hidden layers.

    Parameters
    ----------
    contents : EngineContents or ProcessorContents
    probes : ndarray of uint64
        Probe words of exactly these inferences.
    inputs : ndarray of int, shape (batch, inputs)
        The spike times that were sent. A processor does not show them.
    """
    if isinstance(contents, ProcessorContents):
        return (inputs, *spike_times_of_probe(contents.shape, contents.network, probes, len(inputs)))
    return spike_times_of_probes(contents, probes, len(inputs))


def max_tokens(contents: EngineContents, batch: int) -> int:
    """Return the highest number of tokens that a batch of inferences can have, in all layers."""
    ends = batch * contents.network.time_steps
    neurons = contents.network.inputs + sum(shape.lanes * shape.lane_neurons for shape in contents.shape.layers)
    return ends * (len(contents.shape.layers) + 1) + batch * neurons


def spike_times_of_probes(contents: EngineContents, probes: np.ndarray, batch: int) -> tuple[np.ndarray, ...]:
    """Return the spike times of the inputs and the hidden layers.

    Parameters
    ----------
    contents : EngineContents
        What the engine's memories hold.
    probes : ndarray of uint64
        Probe words, of exactly ``batch`` inferences.
    batch : int
    """
    times, shape = [], contents.shape
    layer, places = probes >> np.uint64(_PROBE_LAYER_BIT), [np.arange(contents.network.inputs), *contents.addresses]
    for index, part in enumerate((*shape.layers, shape.output)):
        fields = _token_word(part.source_bits, shape.spikes_per_token).unpack(probes[layer == index])
        address, valid = token_ports(fields)
        times.append(
            spike_times_of_tokens(
                address, valid, fields["end"], batch=batch, time_steps=contents.network.time_steps, addresses=places[index]
            )
        )
    return tuple(times)


def _token_word(address_bits: int, spikes_per_token: int) -> Word:
    """Return a token's layout, which is that of `firstspike_hw.lib.layouts.token_layout`."""
    spikes = (
        Field(f"{name}_{port}", bits)
        for port in range(spikes_per_token)
        for name, bits in (("address", address_bits), ("valid", 1))
    )
    return Word((*spikes, Field("end", 1), Field("last", 1)))
