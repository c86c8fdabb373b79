"""Structures of the streams and words, made from the descriptions that every side shares."""

from amaranth.hdl import signed, unsigned
from amaranth.lib import data

from firstspike_spec.engine import LayerShape
from firstspike_spec.words import Word


def word_layout(word: Word) -> data.StructLayout:
    """Return the structure of a word."""
    return data.StructLayout({f.name: signed(f.bits) if f.signed else unsigned(f.bits) for f in word.fields})


def input_layout(shape: LayerShape) -> data.StructLayout:
    """Return what an engine takes: a spike of the input at ``address``, or the end of a step."""
    return word_layout(shape.input_word)


def token_layout(address_bits: int) -> data.StructLayout:
    """Return a token: a spike of the neuron at ``address``, or the end of a step, the inference's ``last`` one or not.

    An inference is exactly ``T`` ends of steps, and a step's spikes come before its end.
    """
    return data.StructLayout({"address": address_bits, "end": 1, "last": 1})


def verdict_layout(address_bits: int, potential_bits: int) -> data.StructLayout:
    """Return a token of the output layer, which also tells the ``potential`` (minus the threshold).

    A neuron comes in the step in which it spikes (``fired``), or, having not spiked at all, after the last step.
    """
    return data.StructLayout({"address": address_bits, "potential": signed(potential_bits), "fired": 1, "end": 1, "last": 1})


def layer_output_layout(shape: LayerShape, *, reports: bool) -> data.StructLayout:
    """Return what a layer gives: verdicts if it ``reports`` potentials, else plain tokens."""
    if reports:
        return verdict_layout(shape.address_bits, shape.potential_bits)
    return token_layout(shape.address_bits)


def lane_output_layout(shape: LayerShape, *, reports: bool) -> data.StructLayout:
    """Return what a lane gives: as its layer, with the neuron's number within the lane as address."""
    if reports:
        return verdict_layout(shape.neuron_bits, shape.potential_bits)
    return token_layout(shape.neuron_bits)
