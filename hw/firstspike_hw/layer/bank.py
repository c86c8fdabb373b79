"""The bank: lanes that share a memory of row pointers and a memory of entries."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import Memory
from firstspike_spec.compiler.contents import BankContents

from ..lane.lane import Lane
from ..lane.parameters import LayerParameters
from ..lib.layouts import word_layout
from ..lib.trees import any_of, count_ones
from ..memory.description import Memories, times
from ..memory.load_bus import LoadBus, pass_on
from ..memory.loadable_memory import LoadableMemory


class Bank(wiring.Component):
    """Finds the rows of the sources that spike, and gives each lane its own.

    The memory of pointers has a port for each spike of a token; the memory of entries has one for each lane.

    Parameters
    ----------
    parameters : LayerParameters
    contents : BankContents, optional
        What the memories hold at power-up; nothing by default.

    Members
    -------
    addresses : ``In(shape.row_bits).array(parameters.spikes_per_token)``
        The addresses of the rows of a token's spikes.
    token : ``In(parameters.bank_token)``
        The same token without its addresses, `LoadableMemory.latency` cycles later; all zero if there is none.
    room : ``Out(1)``
        All lanes have room for a token.
    sweep, sweep_last : ``In(1)``
        As in `RowReader`.
    lanes : ``Out(stream.Signature(parameters.lane_spike)).array(shape.bank_lanes)``
    operations : ``Out(range(shape.bank_lanes + 1))``
        Weights added.
    load : ``In(LoadBus())``
        Words for this bank; their ``layer`` and ``lane`` are ignored. ``peeked`` comes `peek_latency` cycles after ``peek``.
    """

    #: Cycles from ``peek`` to ``peeked``.
    peek_latency = LoadableMemory.peek_latency + 1

    def __init__(self, parameters: LayerParameters, contents: BankContents | None = None):
        self._parameters, self._contents, shape = parameters, contents, parameters.shape
        super().__init__(
            {
                "addresses": In(shape.row_bits).array(parameters.spikes_per_token),
                "token": In(parameters.bank_token),
                "room": Out(1),
                "sweep": In(1),
                "sweep_last": In(1),
                "lanes": Out(stream.Signature(parameters.lane_spike)).array(shape.bank_lanes),
                "operations": Out(range(shape.bank_lanes + 1)),
                "load": In(LoadBus()),
            }
        )

    @staticmethod
    def memories(parameters: LayerParameters) -> Memories:
        """Yield the memories of a bank."""
        shape, style = parameters.shape, parameters.memory_style
        pointers = {"bits": shape.pointer.bits, "depth": shape.rows, "ports": parameters.spikes_per_token}
        entries = {"bits": shape.entry.bits, "depth": shape.bank_entries, "ports": shape.bank_lanes}
        yield LoadableMemory.description(**pointers, style=style), 1
        yield LoadableMemory.description(**entries, style=style), 1
        yield from times(shape.bank_lanes, Lane.memories(parameters))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        parameters, contents, shape = self._parameters, self._contents, self._parameters.shape
        ports = range(parameters.spikes_per_token)
        m.submodules.pointers = pointers = LoadableMemory(
            Memory.POINTERS,
            bits=shape.pointer.bits,
            depth=shape.rows,
            contents=contents.pointers if contents else (),
            ports=len(ports),
            style=parameters.memory_style,
        )
        m.submodules.entries = entries = LoadableMemory(
            Memory.ENTRIES,
            bits=shape.entry.bits,
            depth=shape.bank_entries,
            contents=contents.entries if contents else (),
            ports=shape.bank_lanes,
            staged=parameters.entry_stages > 0,
            style=parameters.memory_style,
        )
        lanes = []
        for number in range(shape.bank_lanes):
            potentials = contents.initial_potentials[number :: shape.bank_lanes] if contents else ()
            m.submodules[f"lane_{number}"] = lane = Lane(parameters, potentials)
            wiring.connect(m, lane.o, wiring.flipped(self.lanes[number]))
            lanes.append(lane)

        # From a source to each lane's row: a lane's entries lie after those of the lane before. Block RAM and lanes may be far
        # from each other, so nothing is added before the registers.
        token = Signal.like(self.token)
        m.d.sync += token.eq(self.token)
        exist = [Signal(len(ports), name=f"exist_{number}") for number in range(len(lanes))]
        for port in ports:
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
            pass_on(m, self.load, part.load)
        for number, lane in enumerate(lanes):
            mine = self.load.word.address[:lane_bits] == number
            is_initial = self.load.word.memory == Memory.INITIAL_POTENTIALS
            m.d.sync += [
                lane.load.word.eq(self.load.word),
                lane.load.word.address.eq(self.load.word.address[lane_bits:]),
                lane.load.write.eq(self.load.write & mine & is_initial),
                lane.load.peek.eq(self.load.peek & mine & is_initial),
            ]
        m.d.sync += self.load.peeked.eq(
            any_of([pointers.load.peeked, entries.load.peeked, *(lane.load.peeked for lane in lanes)])
        )
        return m
