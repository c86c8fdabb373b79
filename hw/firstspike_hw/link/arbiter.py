"""The arbiter: two senders of frames share one output."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..lib.layouts import FRAME_BYTE


class Arbiter(wiring.Component):
    """Passes on complete frames of two senders, one after another. If both wait, the first sender comes first.

    Members
    -------
    first, second : ``In(stream.Signature(FRAME_BYTE))``
    o : ``Out(stream.Signature(FRAME_BYTE))``

    Notes
    -----
    Latency: 1 cycle, and 1 more before a frame's first byte. Throughput: a byte a cycle.
    """

    def __init__(self) -> None:
        frames = stream.Signature(FRAME_BYTE)
        super().__init__({"first": In(frames), "second": In(frames), "o": Out(frames)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        fits = ~self.o.valid | self.o.ready
        with m.If(fits):
            m.d.sync += self.o.valid.eq(0)
        with m.FSM():
            with m.State("Choose"):
                with m.If(self.first.valid):
                    m.next = "First"
                with m.Elif(self.second.valid):
                    m.next = "Second"
            for name, chosen in (("First", self.first), ("Second", self.second)):
                with m.State(name):
                    m.d.comb += chosen.ready.eq(fits)
                    with m.If(chosen.valid & fits):
                        # A register, since the logic before it and the logic after it are both long.
                        m.d.sync += [self.o.valid.eq(1), self.o.payload.eq(chosen.payload)]
                        with m.If(chosen.p.last):
                            m.next = "Choose"
        return m
