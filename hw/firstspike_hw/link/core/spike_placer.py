"""The spike placer: from the numbers of inputs to their channels, rows and columns."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.processor.contents import FORMAT_BITS

from ...processor.shared.input_format import INPUT_FORMAT


class SpikePlacer(wiring.Component):
    """Makes a processor's input spikes of a decoder's tokens.

    The spikes of a step come in ascending order, so a place is that of the spike before it, so many inputs further on: rows
    are counted as they are passed, and nothing is divided.

    Parameters
    ----------
    layout : StructLayout
        A spike, or the end of an image (`firstspike_spec.processor.shape.ProcessorShape.spike`).

    Members
    -------
    i : ``In(stream.Signature({"address_0", "valid_0", "end"}))``
        Each token is a spike of an input, ``valid_0``, or the end of a step. An image is ``last_step + 1`` ends.
    o : ``Out(stream.Signature(layout))``
    input_format : ``In(INPUT_FORMAT)``, last_step : ``In(8)``
        They change only between two images.

    Notes
    -----
    Throughput: a spike in two cycles, and a cycle more for each row that is passed.
    """

    #: Width of an input's number.
    source_bits = FORMAT_BITS

    def __init__(self, layout: data.StructLayout):
        token = data.StructLayout({"address_0": self.source_bits, "valid_0": 1, "end": 1})
        super().__init__(
            {
                "i": In(stream.Signature(token)),
                "o": Out(stream.Signature(layout)),
                "input_format": In(INPUT_FORMAT),
                "last_step": In(8),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        form, spike = self.input_format, self.o.payload
        fits = ~self.o.valid | self.o.ready
        # The place of the input `at`; while rows are passed, `x` is still too large.
        at, x = Signal(self.source_bits), Signal(self.source_bits)
        y, channel, step = Signal(FORMAT_BITS), Signal.like(spike.channel), Signal(8)

        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.FSM():
            with m.State("NEXT"):
                m.d.comb += self.i.ready.eq(fits)
                with m.If(self.i.valid & fits):
                    with m.If(self.i.p.end):
                        is_last = step == self.last_step
                        m.d.sync += [at.eq(0), x.eq(0), y.eq(0), channel.eq(0), step.eq(Mux(is_last, 0, step + 1))]
                        m.d.sync += [self.o.valid.eq(is_last), spike.eq(0), spike.end.eq(1)]
                    with m.Else():
                        m.d.sync += [at.eq(self.i.p.address_0), x.eq(x + self.i.p.address_0 - at)]
                        m.next = "PLACE"
            with m.State("PLACE"):
                with m.If(x > form.last_column):
                    m.d.sync += [x.eq(x - form.last_column - 1), y.eq(y + 1)]
                    with m.If(y == form.last_row):
                        m.d.sync += [y.eq(0), channel.eq(channel + 1)]
                with m.Else():
                    m.d.sync += [
                        self.o.valid.eq(1),
                        spike.end.eq(0),
                        spike.step.eq(step),
                        spike.x.eq(x),
                        spike.y.eq(y),
                        spike.channel.eq(channel),
                    ]
                    m.next = "NEXT"
        return m
