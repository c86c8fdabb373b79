"""A stage for the entries of a layer with maps, after their memory."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..lib.delays import delayed
from ..memory.loadable_memory import LoadableMemory
from .parameters import LayerParameters


class EntryStage(wiring.Component):
    """Holds an entry for a cycle, with the base of its row added to the number in it if there are bases.

    With maps there are many block RAMs, far from each other, and the entries of later layers lie in several rows of blocks.
    The way from there, the choice of a row, the addition, and the accumulator's choice of an address are too much for one
    cycle.

    Parameters
    ----------
    parameters : LayerParameters

    Members
    -------
    base : ``In(shape.base_bits)``
        The base of the operation that begins; only where there are bases.
    entry : ``In(parameters.entry)``
        The operation's entry, from a ``staged`` `LoadableMemory`.
    o : ``Out(parameters.entry)``
        The entry with the neuron's number within the lane, `latency` cycles later.
    """

    #: Cycles from ``entry`` to ``o``.
    latency = 1

    def __init__(self, parameters: LayerParameters):
        entry, bits = parameters.entry, parameters.shape.base_bits
        super().__init__({"entry": In(entry), "o": Out(entry), **({"base": In(bits)} if bits else {})})
        self._has_bases = bits > 0

    def elaborate(self, platform: object) -> Module:
        m = Module()
        base = delayed(m, self.base, LoadableMemory.staged_latency) if self._has_bases else 0
        m.d.sync += [self.o.neuron.eq(self.entry.neuron + base), self.o.weight.eq(self.entry.weight)]
        return m
