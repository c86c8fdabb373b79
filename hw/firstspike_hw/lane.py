"""The lane: the processing element that owns some of a layer's neurons."""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.compiler import LaneImage
from firstspike_spec.engine import LayerShape
from firstspike_spec.words import LOAD_WORD

from .accumulator import Accumulator
from .layouts import lane_output_layout, token_layout, word_layout
from .row_reader import RowReader
from .trees import lowest_set


class Lane(wiring.Component):
    """Accumulates the weights of the sources that spike, and says which of its neurons fire.

    A pipeline: row pointer, entry, potential, sum. At the end of a step, once the pipeline is empty, the neurons that are
    above their threshold and have not spiked before are taken into a shadow register at once, and given out from there
    while the next step already accumulates. No neuron is ever scanned.

    A lane that reports potentials keeps the next step waiting until it has given everything out, so that what it reports
    is the potential at the step's end.

    Parameters
    ----------
    shape : LayerShape
    reports : bool
        Give each neuron's potential with its spike, and after the last step those of the neurons that did not spike.
    image : LaneImage, optional
        What the memories hold at power-up; nothing by default.

    Members
    -------
    i : ``In(stream.Signature(token_layout(shape.source_bits)))``
        Spikes of the sources, and ends of steps.
    o : ``Out(stream.Signature(lane_output_layout(shape, reports=reports)))``
        Spikes of this lane's neurons, rising within a step, and the ends of steps.
    operation : ``Out(1)``
        A synaptic operation is done in this cycle.
    load : ``In(stream.Signature(word_layout(LOAD_WORD), always_ready=True))``
        Words for this lane's memories; only while no inference is under way.
    peek, peeked : ``In(1)``, ``Out(32)``
        As in `LoadableMemory`.

    Notes
    -----
    Throughput: one synaptic operation a cycle, and one cycle for a spike without a row. An end of a step is taken when the
    pipeline is empty, `barrier` cycles after a last spike that has a row of one entry. Its first spike is given out `latency`
    cycles later, its end, if it has no spike, 1 cycle later.
    """

    #: Cycles from the transfer of a spike with one entry to that of the step's end behind it.
    barrier = RowReader.latency + Accumulator.latency

    def __init__(self, shape: LayerShape, *, reports: bool, image: LaneImage | None = None):
        self._shape, self._reports, self._image = shape, reports, image
        super().__init__(
            {
                "i": In(stream.Signature(token_layout(shape.source_bits))),
                "o": Out(stream.Signature(lane_output_layout(shape, reports=reports))),
                "operation": Out(1),
                "load": In(stream.Signature(word_layout(LOAD_WORD), always_ready=True)),
                "peek": In(1),
                "peeked": Out(32),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from the transfer of a step's end to the first spike that it gives."""
        return 2 if self._reports else 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.rows = rows = RowReader(self._shape, self._image)
        m.submodules.accumulator = accumulator = Accumulator(self._shape, self._image)
        wiring.connect(m, rows.o, accumulator.i)
        for part in (rows, accumulator):
            wiring.connect(m, wiring.flipped(self.load), part.load)
            m.d.comb += part.peek.eq(self.peek)
        m.d.comb += [self.operation.eq(rows.o.valid), self.peeked.eq(rows.peeked | accumulator.peeked)]

        # What a step gave and is not given out yet: neurons, then the end itself.
        pending = Signal(self._shape.lane_neurons)
        ending, ending_last = Signal(), Signal()
        any_pending, first_pending = lowest_set(m, pending)
        giving = Signal()

        # Input: a spike goes into the pipeline, an end waits until the pipeline is empty and the step before is given out.
        hold = giving if self._reports else Const(0)
        step_ends = ~rows.busy & ~accumulator.busy & ~giving
        m.d.comb += [
            giving.eq(any_pending | ending),
            rows.i.payload.eq(self.i.p.address),
            rows.i.valid.eq(self.i.valid & ~self.i.p.end & ~hold),
            self.i.ready.eq(Mux(self.i.p.end, step_ends, rows.i.ready & ~hold)),
        ]

        spiked = Signal.like(pending)
        step_taken = self.i.valid & self.i.p.end & step_ends
        with m.If(step_taken):
            m.d.sync += [
                pending.eq(accumulator.above & ~spiked),
                spiked.eq(accumulator.above | spiked),
                ending.eq(1),
                ending_last.eq(self.i.p.last),
            ]
            with m.If(self.i.p.last):
                m.d.sync += spiked.eq(0)
                if self._reports:
                    m.d.sync += pending.eq(~spiked)

        # Output: the pending neurons, lowest first, then the end.
        give = Signal()
        end_given = self.o.valid & self.o.p.end & self.o.ready
        with m.If(give):
            m.d.sync += pending.eq(pending & (pending - 1))
        with m.If(end_given):
            m.d.sync += ending.eq(0)

        if self._reports:
            self._report(m, accumulator, any_pending, first_pending, ending, ending_last, give)
            # The potentials are needed until they have been given.
            m.d.comb += accumulator.restart.eq(end_given & ending_last)
        else:
            m.d.comb += [
                self.o.valid.eq(giving),
                self.o.p.end.eq(~any_pending),
                self.o.p.last.eq(~any_pending & ending_last),
                give.eq(any_pending & self.o.ready),
                accumulator.restart.eq(step_taken & self.i.p.last),
            ]
            with m.If(any_pending):
                m.d.comb += self.o.p.address.eq(first_pending)
        return m

    def _report(self, m, accumulator, any_pending, first_pending, ending, ending_last, give):
        """Give out neurons with their potentials, each asked for one cycle ahead."""
        asked = Signal()
        address = Signal.like(self.o.p.address)
        m.d.comb += [
            give.eq(any_pending & (~asked | self.o.ready)),
            accumulator.query.valid.eq(give),
            accumulator.query.payload.eq(first_pending),
            self.o.valid.eq(asked | (ending & ~any_pending)),
        ]
        with m.If(give):
            m.d.sync += [asked.eq(1), address.eq(first_pending)]
        with m.Elif(self.o.ready):
            m.d.sync += asked.eq(0)
        with m.If(asked):
            m.d.comb += [
                self.o.p.address.eq(address),
                self.o.p.potential.eq(accumulator.potential),
                # The sign says whether the neuron fires; what was pending without it is silent.
                self.o.p.fired.eq(~accumulator.potential[-1]),
            ]
        with m.Else():
            m.d.comb += [self.o.p.end.eq(1), self.o.p.last.eq(ending_last)]
