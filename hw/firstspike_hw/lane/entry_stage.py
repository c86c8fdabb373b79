"""The stages of the entries of a layer with maps: a cycle more before their memory, and one behind it."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.compiler.shapes import LayerShape

from ..lib.delays import delayed
from ..lib.layouts import word_layout
from ..memory.loadable_memory import LoadableMemory


class EntryStage(wiring.Component):
    """Holds an entry for a cycle, with the base of its row added to the number in it if there are bases.

    With maps there are many block RAMs, far from each other, and layers behind them have entries in rows of blocks. Way,
    choice of a row or sum, and the accumulator's choice of an address are too much for one cycle.

    Parameters
    ----------
    shape : LayerShape

    Members
    -------
    base : ``In(shape.base_bits)``
        That of the operation that begins, if there are bases.
    entry : ``In(word_layout(shape.entry))``
        Its entry, out of a ``staged`` `LoadableMemory`.
    o : ``Out(word_layout(shape.entry))``
        The entry with the neuron's number within the lane, `latency` cycles later.
    """

    #: Cycles from ``entry`` to ``o``.
    latency = 1

    def __init__(self, shape: LayerShape):
        entry, bits = word_layout(shape.entry), shape.base_bits
        super().__init__({"entry": In(entry), "o": Out(entry), **({"base": In(bits)} if bits else {})})
        self._has_bases = bits > 0

    def elaborate(self, platform):
        m = Module()
        base = delayed(m, self.base, LoadableMemory.staged_latency) if self._has_bases else 0
        m.d.sync += [self.o.neuron.eq(self.entry.neuron + base), self.o.weight.eq(self.entry.weight)]
        return m


def memory_latency(shape: LayerShape) -> int:
    """Return the cycles from an entry's address to the entry."""
    return LoadableMemory.staged_latency if shape.address_table else LoadableMemory.latency


def entry_stages(shape: LayerShape) -> int:
    """Return by how many cycles entries, and operations with them, come later to the accumulator."""
    return memory_latency(shape) - LoadableMemory.latency + EntryStage.latency if shape.address_table else 0
