"""Structures of the streams and words, from the descriptions that gateware and host share."""

from amaranth.hdl import signed, unsigned
from amaranth.lib import data

from firstspike_spec.common.words import Word
from firstspike_spec.compiler.engine_shape import EngineShape

#: A byte of a frame's contents on the link, and whether it is the last one.
FRAME_BYTE = data.StructLayout({"data": 8, "last": 1})


def word_layout(word: Word) -> data.StructLayout:
    """Return the structure of a word."""
    return data.StructLayout({f.name: signed(f.bits) if f.signed else unsigned(f.bits) for f in word.fields})


def input_layout(shape: EngineShape) -> data.StructLayout:
    """Return what an engine takes: a token (`token_layout`) in which the last end of an inference is not marked."""
    return word_layout(shape.input_word)


def token_layout(address_bits: int, spikes_per_token: int, base_bits: int = 0) -> data.StructLayout:
    """Return a token: up to ``spikes_per_token`` spikes, then perhaps the end of a step, the inference's ``last`` or not.

    If ``valid_0``, the neuron at ``address_0`` spikes, and so on. The spikes of a step come in any order, all
    of them before its end; the last ones may share a token with it. An inference is exactly ``T`` ends of steps. After an
    address table, ``address_0`` is the address of the source's row; and ``base_0``, if there are bases, is to be added to the
    neurons in its entries.
    """
    fields = {"address": address_bits, "valid": 1} | ({"base": base_bits} if base_bits else {})
    ports = {f"{name}_{port}": bits for port in range(spikes_per_token) for name, bits in fields.items()}
    return data.StructLayout({**ports, "end": 1, "last": 1})


def lane_layout(neuron_bits: int) -> data.StructLayout:
    """Return what a lane of a hidden layer gives: a spike of its ``neuron``, or the end of a step.

    A step's spikes come before its end, and the inference's ``last`` end is marked.
    """
    return data.StructLayout({"neuron": neuron_bits, "end": 1, "last": 1})


def verdict_layout(address_bits: int, potential_bits: int) -> data.StructLayout:
    """Return what the output layer gives: the ``potential`` (minus the threshold) of a neuron, or the end of a step.

    A neuron comes in the step in which it spikes (``fired``), or in the last step if it has not spiked. So ``fired`` says that
    the potential is not negative.
    """
    return data.StructLayout({"address": address_bits, "potential": signed(potential_bits), "fired": 1, "end": 1, "last": 1})
