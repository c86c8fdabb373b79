"""The skid buffer: a stage of a stream with registers in both directions."""

from amaranth.hdl import Module, Mux, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class SkidBuffer(wiring.Component):
    """Cuts the long paths of a stream: neither payload and ``valid`` nor ``ready`` pass through it in one cycle.

    Parameters
    ----------
    layout : ShapeLike
        The payload's shape.

    Members
    -------
    i : ``In(stream.Signature(layout))``
    o : ``Out(stream.Signature(layout))``

    Notes
    -----
    Latency: 1 cycle. Throughput: one payload a cycle. It holds up to two.
    """

    #: Cycles from a payload's transfer to ``o.valid``.
    latency = 1

    def __init__(self, layout: ShapeLike):
        super().__init__({"i": In(stream.Signature(layout)), "o": Out(stream.Signature(layout))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        kept = Signal.like(self.o.payload)  # what came while the receiver was not ready
        keeps = Signal()
        m.d.comb += self.i.ready.eq(~keeps)
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += [
                self.o.valid.eq(keeps | self.i.valid),
                self.o.payload.eq(Mux(keeps, kept, self.i.payload)),
                keeps.eq(0),
            ]
        with m.Elif(self.i.valid):
            m.d.sync += keeps.eq(1)
        with m.If(~keeps):
            m.d.sync += kept.eq(self.i.payload)
        return m
