"""The spike decoder: from an image's code to the tokens that the engine takes."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.engine import LayerShape
from firstspike_spec.spike_code import END_OF_STEP, LONG_GAP, SKIP

from ..layouts import input_layout
from .layouts import FRAME_BYTE


class SpikeDecoder(wiring.Component):
    """Reads the code of `firstspike_spec.spike_code`, a nibble a cycle.

    Whatever the bytes are, each code gives exactly ``T`` ends: what is missing is made up, what is too much is dropped, and
    so are spikes of neurons that have no address. The engine behind it can therefore never wait for an image's rest.

    Parameters
    ----------
    shape : LayerShape
        Of the engine's first layer.

    Members
    -------
    i : ``In(stream.Signature(FRAME_BYTE))``
        One code after another, the last byte of each marked.
    o : ``Out(stream.Signature(input_layout(shape)))``
    last_step : ``In(8)``
        ``T - 1``. Change it only between two codes.
    done : ``Out(1)``
        For one cycle, after a code's last byte has been taken and its last end given on.
    wrong : ``Out(1)``
        With ``done``: the code did not have exactly ``T`` ends, or had a spike of a neuron without address.

    Notes
    -----
    Latency: 1 cycle from a nibble to its token. Throughput: one nibble a cycle.
    """

    #: Cycles from a nibble to its token.
    latency = 1

    def __init__(self, shape: LayerShape):
        self._shape = shape
        super().__init__(
            {
                "i": In(stream.Signature(FRAME_BYTE)),
                "o": Out(stream.Signature(input_layout(shape))),
                "last_step": In(8),
                "done": Out(1),
                "wrong": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        bits = self._shape.source_bits
        neuron = Signal(bits + 10)  # the next one; it stays where it is once it is beyond all addresses
        spike_at = Signal(bits + 10)
        step, low, high_nibble = Signal(8), Signal(4), Signal()
        wrong = Signal()

        nibble = Signal(4)
        last_nibble = self.i.p.last & high_nibble
        fits = ~self.o.valid | self.o.ready
        take, spike, end = Signal(), Signal(), Signal()
        m.d.comb += [
            nibble.eq(self.i.p.data.word_select(high_nibble, 4)),
            self.i.ready.eq(take & high_nibble),
        ]
        with m.If(take):
            m.d.sync += high_nibble.eq(~high_nibble)

        beyond = spike_at >= self._shape.sources
        with m.If(fits):
            m.d.sync += [
                self.o.valid.eq(end | (spike & ~beyond)),
                self.o.p.address.eq(spike_at),
                self.o.p.end.eq(end),
            ]
        with m.If(spike):
            m.d.sync += [neuron.eq(spike_at + 1), wrong.eq(wrong | beyond)]
            with m.If(beyond):
                m.d.sync += neuron.eq(self._shape.sources)
        with m.If(end):
            m.d.sync += [neuron.eq(0), step.eq(step + 1)]

        with m.FSM():
            with m.State("Gap"):
                m.d.comb += [take.eq(self.i.valid & fits), spike_at.eq(neuron + nibble)]
                with m.If(take):
                    with m.If(nibble == END_OF_STEP):
                        m.d.comb += end.eq(1)
                    with m.Elif(nibble == LONG_GAP):
                        m.next = "Low"
                    with m.Else():
                        m.d.comb += spike.eq(1)
                    with m.If(end & (step == self.last_step)):
                        m.next = "Rest"
                        with m.If(last_nibble):
                            m.next = "Done"
                    with m.Elif(last_nibble):
                        m.d.sync += wrong.eq(1)
                        m.next = "Make up"
            with m.State("Low"):
                m.d.comb += take.eq(self.i.valid)
                with m.If(take):
                    m.d.sync += low.eq(nibble)
                    m.next = "High"
                    with m.If(last_nibble):
                        m.d.sync += wrong.eq(1)
                        m.next = "Make up"
            with m.State("High"):
                gap = (nibble << 4) | low
                skip = gap == SKIP - LONG_GAP
                m.d.comb += [take.eq(self.i.valid & fits), spike_at.eq(neuron + gap + LONG_GAP)]
                with m.If(take):
                    m.d.comb += spike.eq(~skip)
                    with m.If(skip & beyond):
                        m.d.sync += neuron.eq(self._shape.sources)
                    with m.Elif(skip):
                        m.d.sync += neuron.eq(spike_at)
                    m.next = "Gap"
                    with m.If(last_nibble):
                        m.d.sync += wrong.eq(1)
                        m.next = "Make up"
            with m.State("Make up"), m.If(fits):
                m.d.comb += end.eq(1)
                with m.If(step == self.last_step):
                    m.next = "Done"
            with m.State("Rest"):
                # One nibble of 0 may be left over in the last byte.
                m.d.comb += take.eq(self.i.valid)
                with m.If(take):
                    with m.If(~last_nibble | (nibble != 0)):
                        m.d.sync += wrong.eq(1)
                    with m.If(last_nibble):
                        m.next = "Done"
            with m.State("Done"):
                m.d.comb += [self.done.eq(1), self.wrong.eq(wrong)]
                m.d.sync += [wrong.eq(0), step.eq(0)]
                m.next = "Gap"
        return m
