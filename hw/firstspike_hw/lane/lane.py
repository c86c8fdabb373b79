"""The lane: the processing element that owns some of a layer's neurons."""

from amaranth.hdl import Cat, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import LOAD_WORD
from firstspike_spec.compiler.shapes import LayerShape

from ..lib.delays import delayed
from ..lib.layouts import lane_layout, word_layout
from .accumulator import Accumulator
from .entry_stage import EntryStage, entry_stages
from .fire_queue import FireQueue, slot_bits
from .lane_stage import LaneStage
from .row_reader import RowReader, row_layout, rows_layout


class Lane(wiring.Component):
    """Accumulates the weights of the sources that spike, and says which of its neurons fire.

    A pipeline without barriers: operations of the next step follow an end of a step at once, and so do those of the next
    inference. Its rows are found and its entries are kept by the bank that it lies in.

    Parameters
    ----------
    shape : LayerShape
    width : int
        Spikes a token.
    time_steps : int
        ``T`` at most.
    queue_depth : int
        Tokens that wait.
    slack : int
        Tokens that may still come after ``room`` has gone.
    starts : sequence of int, optional
        Initial potentials minus the threshold at power-up.

    Members
    -------
    rows : ``In(rows_layout(shape, width))``
        What a token means here; one that means nothing is all zero.
    room : ``Out(1)``
    sweep, sweep_last : ``In(1)``
        As in `RowReader`: after a reset, one sweep for each neuron.
    address : ``Out(...)``
        Of an entry.
    entry : ``In(word_layout(shape.entry))``
        The entry at the address of 2 cycles before; of 3 in a layer with maps.
    o : ``Out(stream.Signature(lane_layout(shape.neuron_bits)))``
        Spikes of this lane's neurons, in no order within a step, and the ends of steps.
    operation : ``Out(1)``
        A weight was added.
    load, peek, peeked
        As in `Accumulator`.
    """

    #: Cycles from a row's coming to its first entry's mark; `entry_stages` are more.
    latency = RowReader.latency + Accumulator.latency

    #: Cycles from ``peek`` to ``peeked``.
    peek_latency = Accumulator.peek_latency

    def __init__(self, shape: LayerShape, *, width: int, time_steps: int, queue_depth: int, slack: int, starts=()):
        self._shape, self._starts = shape, starts
        self._width, self._time_steps, self._queue_depth, self._slack = width, time_steps, queue_depth, slack
        super().__init__(
            {
                "rows": In(rows_layout(shape, width)),
                "room": Out(1),
                "sweep": In(1),
                "sweep_last": In(1),
                "address": Out(row_layout(shape).members["start"]),
                "entry": In(word_layout(shape.entry)),
                "o": Out(stream.Signature(lane_layout(shape.neuron_bits))),
                "operation": Out(1),
                "load": In(stream.Signature(word_layout(LOAD_WORD), always_ready=True)),
                "peek": In(1),
                "peeked": Out(shape.potential_bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.reader = reader = RowReader(
            self._shape, width=self._width, queue_depth=self._queue_depth, slack=self._slack
        )
        m.submodules.accumulator = accumulator = Accumulator(
            self._shape,
            time_steps=self._time_steps,
            slot_bits=slot_bits(self._shape.lane_neurons),
            starts=self._starts,
        )
        late = entry_stages(self._shape)
        m.submodules.fire_queue = fire_queue = FireQueue(self._shape, late=late)
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
            accumulator.next_slot.eq(fire_queue.next_slot),
            accumulator.peek.eq(self.peek),
            fire_queue.marks.eq(accumulator.marks),
            self.operation.eq(accumulator.operation),
            self.peeked.eq(accumulator.peeked),
        ]
        if late:
            # The fire queue's queue of so many neurons is block RAM without an output register, far from the spike merger.
            m.submodules.stage = stage = LaneStage(self._shape.neuron_bits)
            wiring.connect(m, fire_queue.o, stage.i)
            m.d.comb += [
                self.o.valid.eq(stage.o.valid),
                *(self.o.p[field].eq(stage.o.p[field]) for field, _ in self.o.p.shape()),
                stage.o.ready.eq(self.o.ready),
            ]
            ends = [reader.valid & reader.o.end]
            ends += [delayed(m, ends[0], cycles) for cycles in range(1, late)]
            m.submodules.entry_stage = entry_stage = EntryStage(self._shape)
            m.d.comb += [
                entry_stage.entry.eq(self.entry),
                accumulator.entry.eq(entry_stage.o),
                fire_queue.marks.ending.eq(accumulator.marks.ending | Cat(ends).any()),
            ]
        else:
            wiring.connect(m, fire_queue.o, wiring.flipped(self.o))
        if self._shape.base_bits:
            m.d.comb += entry_stage.base.eq(reader.base)
        return m
