"""The fire queue: says at the end of a step which of a lane's neurons fire."""

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ..memory.description import Memories, MemoryDescription, Place, Ram
from ..memory.lane_memory import inferred_blocks
from .parameters import LayerParameters


class FireQueue(wiring.Component):
    """Holds the neurons that have reached the threshold, each with a mark, until their step ends.

    A neuron may fall below the threshold again within the step, and rise again; only its mark changes then. Once the step
    has ended, the neurons whose marks are set fire; the lane's next steps no longer change that.

    Parameters
    ----------
    parameters : LayerParameters

    Members
    -------
    marks : ``In(parameters.marks)``
    next_place : ``Out(parameters.place_bits)``
        The place that the next push will take, after the one of this cycle.
    crowded : ``Out(1)``
        There may soon be no room: begin no operation in the next cycle.
    o : ``Out(stream.Signature(parameters.lane_spike))``
        Spikes of the lane's neurons, and ends of steps.

    Notes
    -----
    Latency: `latency` cycles from an end's push to its output if nothing fires. Throughput: one neuron a cycle, firing or
    not, while ``o`` is ready; in two cycles one that does not fire while it is not.
    """

    #: Cycles from an end's push to ``o.valid``.
    latency = 2

    #: Operations that may still take a place once the fire queue is crowded; with maps, the entry stages come on top.
    slack = 8

    def __init__(self, parameters: LayerParameters):
        self._slack = self.slack + parameters.entry_stages
        self._place_bits, self._marks_in_luts = parameters.place_bits, _marks_in_luts(parameters)
        super().__init__(
            {
                "marks": In(parameters.marks),
                "next_place": Out(parameters.place_bits),
                "crowded": Out(1),
                "o": Out(stream.Signature(parameters.lane_spike)),
            }
        )

    @staticmethod
    def memories(parameters: LayerParameters) -> Memories:
        """Yield the memories of a fire queue."""
        places, style = 1 << parameters.place_bits, parameters.memory_style
        few, bits = style.lut_ram and places <= style.lut_ram_words, parameters.lane_spike.size
        is_ecp5 = style.output_registers
        queue_blocks, marks_blocks = (inferred_blocks(width, places) if is_ecp5 else None for width in (bits, 1))
        queue = Ram(bits, places, Place.LUTS if few else Place.BLOCKS, queue_blocks)
        in_luts = _marks_in_luts(parameters)
        marks = Ram(1, places, Place.LUTS, 0) if in_luts else Ram(1, places, Place.EITHER, marks_blocks)
        yield MemoryDescription.of(FireQueue, queue, marks, parameters=parameters), 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        places = 1 << self._place_bits
        layout = self.o.payload.shape()
        m.submodules.queue = queue = memory.Memory(shape=layout, depth=places, init=[])
        attributes = {"ram_style": "distributed"} if self._marks_in_luts else {}
        m.submodules.fires = fires = memory.Memory(shape=1, depth=places, init=[], attrs=attributes)
        queue_read, queue_write = queue.read_port(), queue.write_port()
        fires_read, fires_write = fires.read_port(), fires.write_port()

        marks = self.marks
        # Counters of places have one bit more than a place: a full queue differs from an empty one.
        put, after_put = Signal(self._place_bits + 1), Signal(self._place_bits + 1)
        m.d.comb += [after_put.eq(put + marks.push), self.next_place.eq(after_put)]
        m.d.sync += put.eq(after_put)
        m.d.comb += [
            queue_write.en.eq(marks.push),
            queue_write.addr.eq(put),
            queue_write.data.neuron.eq(marks.neuron),
            queue_write.data.end.eq(marks.end),
            queue_write.data.last.eq(marks.last),
            fires_write.en.eq(marks.mark),
            fires_write.addr.eq(marks.place),
            fires_write.data.eq(marks.fires),
        ]

        # Only neurons before an end are read: their marks can no longer change.
        limit = Signal.like(put)  # the place after the last end
        got, after_got = Signal.like(put), Signal.like(put, init=1)
        has, taken, fetch = Signal(), Signal(), Signal()
        more = Signal()  # `got` lies before the limit
        with m.If(fetch):
            m.d.sync += [got.eq(after_got), after_got.eq(after_got + 1), more.eq(after_got != limit)]
        with m.If(marks.push & marks.end):
            m.d.sync += [limit.eq(put + 1), more.eq(1)]
        # A neuron that does not fire leaves when `ready` comes, or a cycle later: a word from block RAM decides nothing in the
        # cycle in which it is read.
        found, skip = queue_read.data, Signal()
        m.d.sync += skip.eq(has & ~taken & ~self.o.valid)
        m.d.comb += [
            self.o.payload.eq(found),
            self.o.valid.eq(has & (found.end | fires_read.data)),
            taken.eq(has & (self.o.ready | skip)),
            fetch.eq(more & (~has | taken)),
            queue_read.addr.eq(got),
            queue_read.en.eq(fetch),
            fires_read.addr.eq(got),
            fires_read.en.eq(fetch),
        ]
        m.d.sync += [has.eq(fetch | (has & ~taken))]

        # Until an end is in the queue or on its way, only the lane's neurons and one end can come.
        waiting, fetched = Signal(self._place_bits + 1), Signal()
        m.d.sync += [
            fetched.eq(fetch),
            waiting.eq(waiting + marks.push - fetched),
        ]
        nearly_full = waiting + marks.push > places - self._slack
        m.d.comb += self.crowded.eq(nearly_full & (has | more | marks.ending))
        return m


def _marks_in_luts(parameters: LayerParameters) -> bool:
    return 1 << parameters.place_bits <= parameters.memory_style.lut_ram_marks
