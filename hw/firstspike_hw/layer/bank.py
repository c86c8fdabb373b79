"""The bank: lanes that share a memory of row pointers and one of entries."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import LOAD_WORD, Memory
from firstspike_spec.compiler.contents import BankContents
from firstspike_spec.compiler.shapes import LayerShape

from ..lane.entry_stage import entry_stages
from ..lane.lane import Lane
from ..lib.layouts import lane_layout, token_layout, word_layout
from ..lib.trees import any_of, count_ones
from ..memory.loadable_memory import LoadableMemory


class Bank(wiring.Component):
    """Finds the rows of the sources that spike, and hands each lane its own.

    The memory of pointers has a port for each spike of a token; that of entries one for each lane.

    Parameters
    ----------
    shape : LayerShape
    width : int
        Spikes a token.
    time_steps : int
        ``T`` at most.
    queue_depth : int
        Tokens that wait before each lane.
    image : BankContents, optional
        What the memories hold at power-up; nothing by default.

    Members
    -------
    addresses : ``In(shape.row_bits).array(width)``
        Of the rows of a token's spikes.
    token : ``In(token_layout(0, width, shape.base_bits))``
        The same token without its addresses, `LoadableMemory.latency` cycles later; all zero if there is none.
    room : ``Out(1)``
        All lanes have room for a token.
    sweep, sweep_last : ``In(1)``
        As in `RowReader`.
    lanes : ``Out(stream.Signature(lane_layout(shape.neuron_bits))).array(shape.bank_lanes)``
    operations : ``Out(range(shape.bank_lanes + 1))``
        Weights added.
    load : ``In(stream.Signature(word_layout(LOAD_WORD), always_ready=True))``
        Words for this bank (their ``layer`` and ``lane`` are not looked at).
    peek, peeked : ``In(1)``, ``Out(32)``
        As in `LoadableMemory`, `peek_latency` cycles later.
    """

    #: Cycles from ``peek`` to ``peeked``.
    peek_latency = LoadableMemory.peek_latency + 1

    #: Tokens that may still come after a lane's ``room`` has gone: those on their way to its queue.
    slack = 7

    def __init__(self, shape: LayerShape, *, width: int, time_steps: int, queue_depth: int, image: BankContents | None = None):
        self._shape, self._image = shape, image
        self._width, self._time_steps, self._queue_depth = width, time_steps, queue_depth
        super().__init__(
            {
                "addresses": In(shape.row_bits).array(width),
                "token": In(token_layout(0, width, shape.base_bits)),
                "room": Out(1),
                "sweep": In(1),
                "sweep_last": In(1),
                "lanes": Out(stream.Signature(lane_layout(shape.neuron_bits))).array(shape.bank_lanes),
                "operations": Out(range(shape.bank_lanes + 1)),
                "load": In(stream.Signature(word_layout(LOAD_WORD), always_ready=True)),
                "peek": In(1),
                "peeked": Out(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        shape, image = self._shape, self._image
        m.submodules.pointers = pointers = LoadableMemory(
            Memory.POINTERS,
            bits=shape.pointer.bits,
            depth=shape.rows,
            init=image.pointers if image else (),
            ports=self._width,
        )
        m.submodules.entries = entries = LoadableMemory(
            Memory.ENTRIES,
            bits=shape.entry.bits,
            depth=shape.bank_entries,
            init=image.entries if image else (),
            ports=shape.bank_lanes,
            staged=entry_stages(shape) > 0,
        )
        lanes = []
        for number in range(shape.bank_lanes):
            m.submodules[f"lane_{number}"] = lane = Lane(
                shape,
                width=self._width,
                time_steps=self._time_steps,
                queue_depth=self._queue_depth,
                slack=self.slack,
                starts=image.initial_potentials[number :: shape.bank_lanes] if image else (),
            )
            wiring.connect(m, lane.o, wiring.flipped(self.lanes[number]))
            lanes.append(lane)

        # From a source to each lane's row: a lane's entries lie behind those of the lanes before it. Block RAM and lanes may
        # be far from each other, so nothing is added before the registers.
        token = Signal.like(self.token)
        m.d.sync += token.eq(self.token)
        exist = [Signal(self._width, name=f"exist_{number}") for number in range(len(lanes))]
        for port in range(self._width):
            found = data.View(word_layout(shape.pointer), pointers.data[port])
            row = Signal.like(found, name=f"row_{port}")
            m.d.comb += pointers.address[port].eq(self.addresses[port])
            m.d.sync += row.eq(found)
            start = row.start
            for number, lane in enumerate(lanes):
                length = row[f"length_{number}"]
                m.d.comb += [
                    exist[number][port].eq(self.token[f"valid_{port}"] & found[f"length_{number}"].any()),
                    lane.rows.rows[port].start.eq(start),
                    lane.rows.rows[port].exists.eq(token[f"valid_{port}"] & length.any()),
                    lane.rows.rows[port].more.eq(length - 1),
                ]
                if shape.base_bits:
                    m.d.comb += lane.rows.rows[port].base.eq(token[f"base_{port}"])
                start = start + length
        for number, lane in enumerate(lanes):
            means_something = Signal(name=f"means_something_{number}")
            m.d.sync += means_something.eq(self.token.end | exist[number].any())
            m.d.comb += [
                lane.rows.means_something.eq(means_something),
                lane.rows.end.eq(token.end),
                lane.rows.last.eq(token.last),
                lane.sweep.eq(self.sweep),
                lane.sweep_last.eq(self.sweep_last),
                entries.address[number].eq(lane.address),
                lane.entry.eq(entries.data[number]),
            ]
        m.d.comb += self.room.eq(Cat(lane.room for lane in lanes).all())
        m.d.sync += self.operations.eq(count_ones(Cat(lane.operation for lane in lanes)))

        # Loading. Initial potentials lie interleaved: lane 0's first, lane 1's first, lane 0's second ...
        lane_bits = shape.bank_lanes - 1
        for part in (pointers, entries):
            wiring.connect(m, wiring.flipped(self.load), part.load)
            m.d.comb += part.peek.eq(self.peek)
        for number, lane in enumerate(lanes):
            mine = self.load.p.address[:lane_bits] == number
            is_start = self.load.p.memory == Memory.INITIAL_POTENTIALS
            m.d.sync += [
                lane.load.payload.eq(self.load.payload),
                lane.load.p.address.eq(self.load.p.address[lane_bits:]),
                lane.load.valid.eq(self.load.valid & mine & is_start),
                lane.peek.eq(self.peek & mine & is_start),
            ]
        m.d.sync += self.peeked.eq(any_of([pointers.peeked, entries.peeked, *(lane.peeked for lane in lanes)]))
        return m
