"""The result sender: makes one message of the engine's words for each inference."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import RESULT_WORD
from firstspike_spec.protocol.messages import HEAD_BYTES, RESULT_BYTES

from ..lib.layouts import FRAME_BYTE, word_layout


class ResultSender(wiring.Component):
    """Puts the reports and the decision of each inference into one message, after its head.

    The message ends with a status, which is known only when the image's code has been read to its end. With early exit that
    may be after the decision. The message then waits, and the engine continues.

    Members
    -------
    words : ``In(stream.Signature(word_layout(RESULT_WORD)))``
        The engine's results.
    heads : ``In(stream.Signature(8))``
        The first `HEAD_BYTES` bytes of each message, in order.
    statuses : ``In(stream.Signature(8))``
        The `firstspike_spec.protocol.messages.Status` of each message, in order. It is taken with the last byte.
    o : ``Out(stream.Signature(FRAME_BYTE))``

    Notes
    -----
    Throughput: a byte a cycle. A word is taken with its last byte.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "words": In(stream.Signature(word_layout(RESULT_WORD))),
                "heads": In(stream.Signature(8)),
                "statuses": In(stream.Signature(8)),
                "o": Out(stream.Signature(FRAME_BYTE)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        word = Signal(8 * RESULT_BYTES)
        place = Signal(range(max(HEAD_BYTES, RESULT_BYTES)))
        m.d.comb += word.eq(self.words.payload)
        with m.FSM():
            with m.State("Head"):
                # A message begins only when there is a result, so that other messages can come first.
                m.d.comb += [
                    self.o.p.data.eq(self.heads.payload),
                    self.o.valid.eq(self.heads.valid & self.words.valid),
                    self.heads.ready.eq(self.o.ready & self.words.valid),
                ]
                with m.If(self.o.valid & self.o.ready):
                    m.d.sync += place.eq(place + 1)
                    with m.If(place == HEAD_BYTES - 1):
                        m.d.sync += place.eq(0)
                        m.next = "Word"
            with m.State("Word"):
                m.d.comb += [self.o.p.data.eq(word.word_select(place, 8)), self.o.valid.eq(self.words.valid)]
                with m.If(self.o.valid & self.o.ready):
                    m.d.sync += place.eq(place + 1)
                    with m.If(place == RESULT_BYTES - 1):
                        m.d.sync += place.eq(0)
                        m.d.comb += self.words.ready.eq(1)
                        with m.If(self.words.p.decision):
                            m.next = "Status"
            with m.State("Status"):
                m.d.comb += [
                    self.o.p.data.eq(self.statuses.payload),
                    self.o.p.last.eq(1),
                    self.o.valid.eq(self.statuses.valid),
                    self.statuses.ready.eq(self.o.ready),
                ]
                with m.If(self.o.valid & self.o.ready):
                    m.next = "Head"
        return m
