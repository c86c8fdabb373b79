"""The back of a lane: the membrane potentials."""

from amaranth.hdl import Cat, Module, Mux, ResetSignal, Signal, unsigned
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.compiler import LaneImage
from firstspike_spec.engine import LayerShape
from firstspike_spec.words import LOAD_WORD, Memory

from .layouts import word_layout
from .loadable_memory import LoadableMemory
from .trees import one_hot


class Accumulator(wiring.Component):
    """Adds weights to potentials, and keeps a flag for each neuron that is at or above its threshold.

    What is kept is the potential minus the threshold, so the flag is its sign. A neuron that has not been hit since the
    last ``restart`` reads as its start potential, so a new inference begins without clearing anything. A sum is forwarded
    to the entry behind it, so two hits on one neuron in a row cost nothing.

    Parameters
    ----------
    shape : LayerShape
    image : LaneImage, optional
        What the memories hold at power-up; nothing by default.

    Members
    -------
    i : ``In(stream.Signature(word_layout(shape.entry), always_ready=True))``
        Neurons and the weights to add to them.
    busy : ``Out(1)``
        A sum or a start potential is still to be written.
    above : ``Out(shape.lane_neurons)``
        By neuron: the potential has reached the threshold. True of all sums once not ``busy``.
    restart : ``In(1)``
        Begin a new inference: every neuron has its start potential again. Not while ``busy``.
    query : ``In(stream.Signature(range(shape.lane_neurons), always_ready=True))``
        A neuron whose potential is wanted; only while neither ``i`` is valid nor ``busy``.
    potential : ``Out(shape.potential_bits)``
        The potential (two's complement) of the neuron asked for, from the next cycle on, until the next query or entry.
    load : ``In(stream.Signature(word_layout(LOAD_WORD), always_ready=True))``
    peek, peeked : ``In(1)``, ``Out(32)``
        As in `LoadableMemory`.

    Notes
    -----
    Latency: 2 cycles from an entry to its flag. Throughput: one entry a cycle.
    """

    #: Cycles from an entry's transfer to its flag in ``above``.
    latency = 2

    def __init__(self, shape: LayerShape, image: LaneImage | None = None):
        self._shape, self._image = shape, image
        super().__init__(
            {
                "i": In(stream.Signature(word_layout(shape.entry), always_ready=True)),
                "busy": Out(1),
                "above": Out(shape.lane_neurons),
                "restart": In(1),
                "query": In(stream.Signature(unsigned(shape.neuron_bits), always_ready=True)),
                "potential": Out(shape.potential_bits),
                "load": In(stream.Signature(word_layout(LOAD_WORD), always_ready=True)),
                "peek": In(1),
                "peeked": Out(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        neurons, bits = self._shape.lane_neurons, self._shape.potential_bits
        mask = (1 << bits) - 1
        starts = [int(start) & mask for start in self._image.start_potentials] if self._image else []
        start_above = sum(1 << neuron for neuron, start in enumerate(starts) if not start >> (bits - 1))

        m.submodules.start_potentials = start_potentials = LoadableMemory(
            Memory.START_POTENTIALS, bits=bits, depth=neurons, init=starts
        )
        wiring.connect(m, wiring.flipped(self.load), start_potentials.load)
        m.d.comb += [start_potentials.peek.eq(self.peek), self.peeked.eq(start_potentials.peeked)]
        m.submodules.potentials = potentials = memory.Memory(shape=unsigned(bits), depth=max(2, neurons), init=[])
        read, write = potentials.read_port(), potentials.write_port()

        # First stage: read the neuron's potential, and whether that is one of this inference.
        neuron = Signal(self._shape.neuron_bits)
        reads = Signal()
        touched = Signal(neurons)
        was_touched = Signal()
        m.d.comb += [
            reads.eq(self.i.valid | self.query.valid),
            neuron.eq(Mux(self.query.valid, self.query.payload, self.i.p.neuron)),
            read.en.eq(reads),
            read.addr.eq(neuron),
            start_potentials.enable.eq(reads),
            start_potentials.address.eq(neuron),
            self.potential.eq(Mux(was_touched, read.data, start_potentials.data)),
        ]
        with m.If(reads):
            m.d.sync += was_touched.eq(touched.bit_select(neuron, 1))

        # Second stage: add, write back, keep the sign. The entry behind has read too early if it is of the same neuron.
        adds = Signal()
        target = Signal.like(neuron)
        weight = Signal.like(self.i.p.weight)
        total, previous_total = Signal(unsigned(bits)), Signal(unsigned(bits))
        forward = Signal()
        above = Signal(neurons, init=start_above, reset_less=True)
        loads = self.load.valid & (self.load.p.memory == Memory.START_POTENTIALS)
        m.d.sync += [
            adds.eq(self.i.valid),
            target.eq(Mux(loads, self.load.p.address, self.i.p.neuron)),
            weight.eq(self.i.p.weight),
            forward.eq(adds & (target == self.i.p.neuron)),
            previous_total.eq(total),
        ]
        m.d.comb += [
            total.eq(Mux(forward, previous_total, self.potential) + weight),
            write.en.eq(adds),
            write.addr.eq(target),
            write.data.eq(total),
        ]

        # The flags. `restart` and a load only come while nothing is added.
        # They and the memories outlive a reset, so that a network that was loaded stays; only the inference ends.
        starts_above = Signal(neurons, init=start_above, reset_less=True)
        hit = Signal(neurons)
        loaded, starts_changed = Signal(2), Signal()
        m.d.sync += [loaded.eq(Cat(loads, ~self.load.p.data[bits - 1])), starts_changed.eq(loaded[0])]
        m.d.comb += [
            self.above.eq(above),
            hit.eq(Mux(adds | loaded[0], one_hot(target, neurons), 0)),
            self.busy.eq(adds | loaded[0] | starts_changed),
        ]
        with m.If(loaded[0]):
            m.d.sync += starts_above.eq((starts_above & ~hit) | Mux(loaded[1], hit, 0))
        # A load hits these flags too; right after it they begin anew.
        with m.If(self.restart | starts_changed | ResetSignal()):
            m.d.sync += [touched.eq(0), above.eq(starts_above)]
        with m.Else():
            m.d.sync += [touched.eq(touched | hit), above.eq((above & ~hit) | Mux(total[-1], 0, hit))]
        return m
