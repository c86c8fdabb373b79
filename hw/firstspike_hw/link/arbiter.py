"""The arbiter: two senders of frames, one way out."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .layouts import FRAME_BYTE


class Arbiter(wiring.Component):
    """Lets whole frames of two senders through, one after the other; the first sender goes first.

    Members
    -------
    first, second : ``In(stream.Signature(FRAME_BYTE))``
    o : ``Out(stream.Signature(FRAME_BYTE))``

    Notes
    -----
    Latency: 1 cycle, and 1 more before a frame's first byte. Throughput: a byte a cycle.
    """

    first: In(stream.Signature(FRAME_BYTE))
    second: In(stream.Signature(FRAME_BYTE))
    o: Out(stream.Signature(FRAME_BYTE))

    def elaborate(self, platform):
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
                        # A register: what makes a message's bytes, and what goes on with them, are both long logic.
                        m.d.sync += [self.o.valid.eq(1), self.o.payload.eq(chosen.payload)]
                        with m.If(chosen.p.last):
                            m.next = "Choose"
        return m
