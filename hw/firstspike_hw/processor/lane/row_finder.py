"""The row finder: which row of entries a lane has for a call."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import Memory

from ...lib.delays import delayed
from ...memory.description import MemoryDescription
from ...memory.load_bus import LoadBus
from ...memory.loadable_memory import LoadableMemory
from ..parameters import ProcessorParameters


class RowFinder(wiring.Component):
    """Holds a lane's pointers, and looks up the row of each call.

    Parameters
    ----------
    parameters : ProcessorParameters

    Members
    -------
    call : ``In(parameters.call)``, valid : ``In(1)``
    row : ``Out(parameters.row)``, found : ``Out(1)``
        The lane has entries for the call of `latency` cycles before: this row.
    empty : ``Out(1)``
        It has none.
    busy : ``Out(1)``
        A call is under way here, from the cycle after ``valid`` to that of ``found`` or ``empty``.
    load : ``In(LoadBus(shape.pointer.bits))``

    Notes
    -----
    Throughput: one call a cycle.
    """

    #: Cycles from a call to its row.
    latency = LoadableMemory.latency + 1

    def __init__(self, parameters: ProcessorParameters):
        self._parameters = parameters
        super().__init__(
            {
                "call": In(parameters.call),
                "valid": In(1),
                "row": Out(parameters.row),
                "found": Out(1),
                "empty": Out(1),
                "busy": Out(1),
                "load": In(LoadBus(parameters.shape.pointer.bits)),
            }
        )

    @staticmethod
    def description(parameters: ProcessorParameters) -> MemoryDescription:
        """Return what the memory of pointers is made of."""
        shape = parameters.shape
        return LoadableMemory.description(bits=shape.pointer.bits, depth=shape.rows, ports=1, style=parameters.memory_style)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self._parameters.shape
        m.submodules.pointers = pointers = LoadableMemory(
            Memory.POINTERS, bits=shape.pointer.bits, depth=shape.rows, style=self._parameters.memory_style
        )
        wiring.connect(m, wiring.flipped(self.load), pointers.load)
        under_way = Signal(self.latency)
        pointer = data.View(self._parameters.pointer, pointers.data[0])
        m.d.comb += [pointers.address[0].eq(self.call.row), self.busy.eq(under_way.any())]
        m.d.sync += [
            under_way.eq(Cat(self.valid, under_way)),
            self.row.start.eq(pointer.start),
            self.row.length.eq(pointer.length),
            self.row.single.eq(pointer.length == 1),
            self.row.base.eq(delayed(m, self.call.base, LoadableMemory.latency)),
            self.row.value.eq(delayed(m, self.call.value, LoadableMemory.latency)),
            self.found.eq(under_way[-2] & pointer.length.any()),
            self.empty.eq(under_way[-2] & ~pointer.length.any()),
        ]
        return m
