"""Structures of the streams and words, made from the descriptions that every side shares."""

from amaranth.hdl import signed, unsigned
from amaranth.lib import data

from firstspike_spec.common.words import Word
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.shapes import LayerShape

#: A byte of a frame's contents on the link, and whether it is the last one.
FRAME_BYTE = data.StructLayout({"data": 8, "last": 1})


def word_layout(word: Word) -> data.StructLayout:
    """Return the structure of a word."""
    return data.StructLayout({f.name: signed(f.bits) if f.signed else unsigned(f.bits) for f in word.fields})


def input_layout(shape: EngineShape) -> data.StructLayout:
    """Return what an engine takes: as a token (`token_layout`), but nobody marks the last end of an inference."""
    return word_layout(shape.input_word)


def token_layout(address_bits: int, width: int, base_bits: int = 0) -> data.StructLayout:
    """Return a token: up to ``width`` spikes, then perhaps the end of a step, the inference's ``last`` one or not.

    There is a spike of the neuron at ``address_0`` if ``valid_0``, and so on. The spikes of a step come in any order, all
    of them before its end; the last ones may share a token with it. An inference is exactly ``T`` ends of steps. Behind a
    `AddressTable`, the address is that of the row, and ``base_0`` is what its entries' numbers are added to,
    if there are bases.
    """
    fields = {"address": address_bits, "valid": 1} | ({"base": base_bits} if base_bits else {})
    ports = {f"{name}_{port}": bits for port in range(width) for name, bits in fields.items()}
    return data.StructLayout({**ports, "end": 1, "last": 1})


def row_token_layout(shape: LayerShape, width: int) -> data.StructLayout:
    """Return a token as the lanes of a hidden layer take it: with the addresses of rows."""
    return token_layout(shape.row_bits, width, shape.base_bits)


def lane_layout(neuron_bits: int) -> data.StructLayout:
    """Return what a lane of a hidden layer gives: a spike of its neuron at ``address``, or the end of a step.

    A step's spikes come before its end, and the inference's ``last`` end is marked.
    """
    return data.StructLayout({"address": neuron_bits, "end": 1, "last": 1})


def verdict_layout(address_bits: int, potential_bits: int) -> data.StructLayout:
    """Return what the output layer gives: the ``potential`` (minus the threshold) of a neuron, or the end of a step.

    A neuron comes in the step in which it spikes (``fired``), or, having not spiked at all, in the last step. So ``fired``
    says that the potential is not negative.
    """
    return data.StructLayout({"address": address_bits, "potential": signed(potential_bits), "fired": 1, "end": 1, "last": 1})
