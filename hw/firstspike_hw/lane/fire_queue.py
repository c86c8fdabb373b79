"""The fire queue: says at the end of a step which of a lane's neurons fire."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.compiler.shapes import LayerShape

from ..lib.layouts import lane_layout
from ..memory.dp16kd import has_dp16kd

#: So many marks of one bit lie in an ECP5's LUTs: a block RAM for them would be nearly empty.
MOST_PLACES_IN_LUTS = 1024


def marks_layout(neuron_bits: int, slot_bits: int) -> data.StructLayout:
    """Return what an accumulator tells its fire queue.

    ``push``: ``neuron``, or an ``end`` (the inference's ``last`` one or not), is put into the queue. ``mark``: the neuron at
    ``place``, which is perhaps pushed just now, ``fires`` if the step ends now, or does not. ``ending``: an end is on its way,
    or begins now.
    """
    return data.StructLayout(
        {
            "push": 1,
            "mark": 1,
            "place": slot_bits,
            "fires": 1,
            "neuron": neuron_bits,
            "end": 1,
            "last": 1,
            "ending": 1,
        }
    )


def slot_bits(lane_neurons: int) -> int:
    """Return the width of a place in the queue.

    There are places for all neurons and their step's end. What begins behind that end does so only while the fire queue is not
    `crowded`.
    """
    return max(4, lane_neurons.bit_length())


class FireQueue(wiring.Component):
    """Keeps the neurons that have reached the threshold in a queue, each with a mark, until their step ends.

    A neuron may fall below the threshold again within the step, and rise again; only its mark changes then. Once the step
    has ended, the neurons whose marks are set fire, and the lane's next steps do not concern them.

    Parameters
    ----------
    shape : LayerShape
    late : int
        Cycles that operations take on their way to the accumulator.

    Members
    -------
    marks : ``In(marks_layout(shape.neuron_bits, slot_bits(shape.lane_neurons)))``
    next_slot : ``Out(...)``
        The place that the next push will take, after the one of this cycle.
    crowded : ``Out(1)``
        There may soon be no room: begin no operation in the next cycle.
    o : ``Out(stream.Signature(lane_layout(shape.neuron_bits)))``
        Spikes of the lane's neurons, and ends of steps.

    Notes
    -----
    Latency: `latency` cycles from an end's push to its output if nothing fires. Throughput: one neuron a cycle, firing or
    not, while ``o`` is ready; in two cycles one that does not fire while it is not.
    """

    #: Cycles from an end's push to ``o.valid``.
    latency = 2

    #: Operations that may still take a place once the fire queue is crowded, and those that are ``late`` as well.
    slack = 8

    def __init__(self, shape: LayerShape, *, late: int = 0):
        self._shape, self._slack = shape, self.slack + late
        self._slot_bits = slot_bits(shape.lane_neurons)
        super().__init__(
            {
                "marks": In(marks_layout(shape.neuron_bits, self._slot_bits)),
                "next_slot": Out(self._slot_bits),
                "crowded": Out(1),
                "o": Out(stream.Signature(lane_layout(shape.neuron_bits))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        places = 1 << self._slot_bits
        layout = self.o.payload.shape()
        m.submodules.queue = queue = memory.Memory(shape=layout, depth=places, init=[])
        in_luts = places <= MOST_PLACES_IN_LUTS and has_dp16kd(platform)
        m.submodules.fires = fires = memory.Memory(
            shape=1, depth=places, init=[], attrs={"ram_style": "distributed"} if in_luts else {}
        )
        queue_read, queue_write = queue.read_port(), queue.write_port()
        fires_read, fires_write = fires.read_port(), fires.write_port()

        marks = self.marks
        # Places are counted with one bit more than they have: a full queue is not an empty one.
        slot, after_slot = Signal(self._slot_bits + 1), Signal(self._slot_bits + 1)
        m.d.comb += [after_slot.eq(slot + marks.push), self.next_slot.eq(after_slot)]
        m.d.sync += slot.eq(after_slot)
        m.d.comb += [
            queue_write.en.eq(marks.push),
            queue_write.addr.eq(slot),
            queue_write.data.address.eq(marks.neuron),
            queue_write.data.end.eq(marks.end),
            queue_write.data.last.eq(marks.last),
            fires_write.en.eq(marks.mark),
            fires_write.addr.eq(marks.place),
            fires_write.data.eq(marks.fires),
        ]

        # Only what lies before an end is read: no mark of it can change any more.
        limit = Signal.like(slot)  # the place behind the last end
        next_place, after_next = Signal.like(slot), Signal.like(slot, init=1)
        has, taken, fetch = Signal(), Signal(), Signal()
        more = Signal()  # `next_place` lies before the limit
        with m.If(fetch):
            m.d.sync += [next_place.eq(after_next), after_next.eq(after_next + 1), more.eq(after_next != limit)]
        with m.If(marks.push & marks.end):
            m.d.sync += [limit.eq(slot + 1), more.eq(1)]
        # A neuron that does not fire goes when `ready` comes, or a cycle later: what comes out of block RAM decides nothing in
        # the cycle in which it comes.
        found, skip = queue_read.data, Signal()
        m.d.sync += skip.eq(has & ~taken & ~self.o.valid)
        m.d.comb += [
            self.o.payload.eq(found),
            self.o.valid.eq(has & (found.end | fires_read.data)),
            taken.eq(has & (self.o.ready | skip)),
            fetch.eq(more & (~has | taken)),
            queue_read.addr.eq(next_place),
            queue_read.en.eq(fetch),
            fires_read.addr.eq(next_place),
            fires_read.en.eq(fetch),
        ]
        m.d.sync += [has.eq(fetch | (has & ~taken))]

        # As long as no end waits or comes, no more than the lane's neurons and one end can come.
        waiting, fetched = Signal(self._slot_bits + 1), Signal()
        m.d.sync += [
            fetched.eq(fetch),
            waiting.eq(waiting + marks.push - fetched),
        ]
        nearly_full = waiting + marks.push > places - self._slack
        m.d.comb += self.crowded.eq(nearly_full & (has | more | marks.ending))
        return m
