"""The lane: the processing element that owns some of a layer's neurons."""

from collections.abc import Iterable

from amaranth.hdl import Cat, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..lib.delays import delayed
from ..memory.description import Memories
from ..memory.load_bus import LoadBus
from .accumulator import Accumulator
from .entry_stage import EntryStage
from .fire_queue import FireQueue
from .lane_stage import LaneStage
from .parameters import LayerParameters
from .row_reader import RowReader


class Lane(wiring.Component):
    """Accumulates the weights of the sources that spike, and says which of its neurons fire.

    A pipeline without barriers: operations of the next step follow an end of a step at once, and so do those of the next
    inference. The bank that the lane lies in finds its rows and holds its entries.

    Parameters
    ----------
    parameters : LayerParameters
    contents : iterable of int
        Initial potentials minus the threshold at power-up, by neuron.

    Members
    -------
    rows : ``In(parameters.lane_token)``
        What a token means here; all zero if it means nothing.
    room : ``Out(1)``
    sweep, sweep_last : ``In(1)``
        As in `RowReader`: after a reset, one sweep for each neuron.
    address : ``Out(parameters.entry_address_bits)``
        An entry's address.
    entry : ``In(parameters.entry)``
        The entry at the address of 2 cycles before; of 3 cycles before in a layer with maps.
    o : ``Out(stream.Signature(parameters.lane_spike))``
        Spikes of this lane's neurons, in any order within a step, and the ends of steps.
    operation : ``Out(1)``
        A weight was added.
    load : ``In(LoadBus(shape.potential_bits))``
        As in `Accumulator`.
    """

    #: Cycles from a row's arrival to its first entry's mark; a layer with maps takes `entry_stages` more.
    latency = RowReader.latency + Accumulator.latency

    #: Cycles from ``peek`` to ``peeked``.
    peek_latency = Accumulator.peek_latency

    def __init__(self, parameters: LayerParameters, contents: Iterable[int] = ()):
        self._parameters, self._contents = parameters, contents
        super().__init__(
            {
                "rows": In(parameters.lane_token),
                "room": Out(1),
                "sweep": In(1),
                "sweep_last": In(1),
                "address": Out(parameters.entry_address_bits),
                "entry": In(parameters.entry),
                "o": Out(stream.Signature(parameters.lane_spike)),
                "operation": Out(1),
                "load": In(LoadBus(parameters.shape.potential_bits)),
            }
        )

    @staticmethod
    def memories(parameters: LayerParameters) -> Memories:
        """Yield the memories of a lane."""
        yield from RowReader.memories(parameters)
        yield from Accumulator.memories(parameters)
        yield from FireQueue.memories(parameters)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        parameters = self._parameters
        m.submodules.reader = reader = RowReader(parameters)
        m.submodules.accumulator = accumulator = Accumulator(parameters, self._contents)
        m.submodules.fire_queue = fire_queue = FireQueue(parameters)
        late = parameters.entry_stages
        wiring.connect(m, wiring.flipped(self.load), accumulator.load)
        m.d.comb += [
            reader.i.eq(self.rows),
            reader.sweep.eq(self.sweep),
            reader.sweep_last.eq(self.sweep_last),
            reader.hold.eq(fire_queue.crowded),
            self.room.eq(reader.room),
            self.address.eq(reader.address),
            accumulator.valid.eq(delayed(m, reader.valid, late)),
            accumulator.i.eq(delayed(m, reader.o, late)),
            accumulator.entry.eq(self.entry),
            accumulator.next_place.eq(fire_queue.next_place),
            fire_queue.marks.eq(accumulator.marks),
            self.operation.eq(accumulator.operation),
        ]
        if late:
            # In a lane of this size the fire queue is block RAM without an output register, far from the spike merger.
            m.submodules.stage = stage = LaneStage(parameters.shape.neuron_bits)
            wiring.connect(m, fire_queue.o, stage.i)
            m.d.comb += [
                self.o.valid.eq(stage.o.valid),
                *(self.o.p[field].eq(stage.o.p[field]) for field, _ in self.o.p.shape()),
                stage.o.ready.eq(self.o.ready),
            ]
            ends = [reader.valid & reader.o.end]
            ends += [delayed(m, ends[0], cycles) for cycles in range(1, late)]
            m.submodules.entry_stage = entry_stage = EntryStage(parameters)
            m.d.comb += [
                entry_stage.entry.eq(self.entry),
                accumulator.entry.eq(entry_stage.o),
                fire_queue.marks.ending.eq(accumulator.marks.ending | Cat(ends).any()),
            ]
        else:
            wiring.connect(m, fire_queue.o, wiring.flipped(self.o))
        if parameters.shape.base_bits:
            m.d.comb += entry_stage.base.eq(reader.base)
        return m
