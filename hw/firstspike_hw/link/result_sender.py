"""The result sender: from the engine's words to one message for each inference."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.protocol import NUMBER_BYTES, REPLY, RESULT_BYTES, Kind
from firstspike_spec.words import RESULT_WORD

from ..layouts import word_layout
from .layouts import FRAME_BYTE, INFERENCE


class ResultSender(wiring.Component):
    """Puts the reports and the decision of each inference into one message, with the number of the request.

    The message ends with a status, which is known only once the image's code has been read to its end. With early exit that
    may be after the decision: the message then waits, and the engine goes on.

    Members
    -------
    words : ``In(stream.Signature(word_layout(RESULT_WORD)))``
        The engine's.
    inferences : ``In(stream.Signature(INFERENCE))``
        What the message begins with, for each inference in order; taken with the message's last byte.
    statuses : ``In(stream.Signature(8))``
        The `firstspike_spec.protocol.Status` of each, in order.
    o : ``Out(stream.Signature(FRAME_BYTE))``

    Notes
    -----
    Throughput: a byte a cycle. A word is taken with its last byte.
    """

    def __init__(self):
        super().__init__(
            {
                "words": In(stream.Signature(word_layout(RESULT_WORD))),
                "inferences": In(stream.Signature(INFERENCE)),
                "statuses": In(stream.Signature(8)),
                "o": Out(stream.Signature(FRAME_BYTE)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        word = Signal(8 * RESULT_BYTES)
        place = Signal(range(RESULT_BYTES))
        inference = self.inferences.p
        m.d.comb += word.eq(self.words.payload)
        with m.FSM():
            with m.State("Kind"):
                # Nothing is sent before there is a result, so that other messages can go first.
                m.d.comb += [
                    self.o.p.data.eq(Mux(inference.all_steps, REPLY | Kind.INFER_ALL, REPLY | Kind.INFER)),
                    self.o.valid.eq(self.words.valid & self.inferences.valid),
                ]
                with m.If(self.o.valid & self.o.ready):
                    m.next = "Number"
            with m.State("Number"):
                m.d.comb += [self.o.p.data.eq(inference.number.word_select(place, 8)), self.o.valid.eq(1)]
                with m.If(self.o.ready):
                    m.d.sync += place.eq(place + 1)
                    with m.If(place == NUMBER_BYTES - 1):
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
                    self.inferences.ready.eq(self.o.valid & self.o.ready),
                ]
                with m.If(self.o.valid & self.o.ready):
                    m.next = "Kind"
        return m
