"""The base adder: from what stands in an entry to its neuron, where rows have bases."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.engine import LayerShape

from .accumulator import Accumulator
from .delays import delayed
from .layouts import word_layout


class BaseAdder(wiring.Component):
    """Adds its row's base to the number in each entry.

    Block RAM, the sum and the accumulator's choice of an address are too much for one cycle: it has one of its own.

    Parameters
    ----------
    shape : LayerShape
        One with bases.

    Members
    -------
    base : ``In(shape.base_bits)``
        That of the operation that begins.
    entry : ``In(word_layout(shape.entry))``
        Its entry, `Accumulator.entry_latency` cycles later.
    o : ``Out(word_layout(shape.entry))``
        The entry with the neuron's number within the lane, `latency` cycles later.
    """

    #: Cycles from ``entry`` to ``o``.
    latency = 1

    def __init__(self, shape: LayerShape):
        entry = word_layout(shape.entry)
        super().__init__({"base": In(shape.base_bits), "entry": In(entry), "o": Out(entry)})

    def elaborate(self, platform):
        m = Module()
        m.d.sync += [
            self.o.neuron.eq(self.entry.neuron + delayed(m, self.base, Accumulator.entry_latency)),
            self.o.weight.eq(self.entry.weight),
        ]
        return m


def base_latency(shape: LayerShape) -> int:
    """Return by how much operations come later to the accumulator: nothing where there are no bases."""
    return BaseAdder.latency if shape.base_bits else 0
