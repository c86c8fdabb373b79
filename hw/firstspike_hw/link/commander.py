"""The commander: carries out the host's requests one after another, and answers them."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.protocol.messages import (
    CHECK_BYTES,
    COUNTER_BYTES,
    COUNTERS,
    DIGEST_BYTES,
    HEAD_BYTES,
    NUMBER_BYTES,
    REPLY,
    Identity,
    Kind,
    Loss,
    Reason,
)

from ..lib.layouts import FRAME_BYTE
from .answer import ALL_COUNTERS, DIGEST_AT, Answer


class Commander(wiring.Component):
    """Takes requests and answers each exactly once, in order. The messages are those of `firstspike_spec.protocol.messages`.

    Images are passed on as they come, and the result sender answers them. Any other request waits until all earlier images
    have been answered. So no image runs on a partly loaded network, and answers stay in order.

    Parameters
    ----------
    identity : Identity
        The board's identity at power-up.

    Members
    -------
    i : ``In(stream.Signature(FRAME_BYTE))``
        Complete requests, of `HEAD_BYTES` or more.
    o : ``Out(stream.Signature(FRAME_BYTE))``
        Answers.
    codes : ``Out(stream.Signature(FRAME_BYTE))``
        The images' codes, for the spike decoder.
    heads : ``Out(stream.Signature(FRAME_BYTE))``
        The head of each image's answer, for the result sender. It comes before the image's code.
    bodies : ``Out(stream.Signature(FRAME_BYTE))``
        Blocks and ranges, for the memory access, which ``reads`` and ``begin`` are for, too.
    check, done, wrong : ``In(32)``, ``In(1)``, ``In(1)``
        From the memory access.
    idle : ``In(1)``
        All images that were passed on have been answered, and the engine is idle.
    early_exit : ``Out(1)``
        For the engine. It changes only while ``idle``.
    clear : ``Out(1)``
        High for one cycle, while ``idle``, to reset the engine and the counters.
    counters : ``In(ALL_COUNTERS)``
    damaged, oversized : ``In(1)``
        High for one cycle when a frame has been lost.
    loaded : ``Out(1)``
        A network is loaded.
    waiting : ``Out(1)``
        No request is being carried out.
    """

    def __init__(self, identity: Identity):
        self._identity = identity
        super().__init__(
            {
                "i": In(stream.Signature(FRAME_BYTE)),
                "o": Out(stream.Signature(FRAME_BYTE)),
                "codes": Out(stream.Signature(FRAME_BYTE)),
                "heads": Out(stream.Signature(FRAME_BYTE)),
                "bodies": Out(stream.Signature(FRAME_BYTE)),
                "reads": Out(1),
                "begin": Out(1),
                "check": In(8 * CHECK_BYTES),
                "done": In(1),
                "wrong": In(1),
                "idle": In(1),
                "early_exit": Out(1, init=1),
                "clear": Out(1),
                "counters": In(ALL_COUNTERS),
                "damaged": In(1),
                "oversized": In(1),
                "loaded": Out(1, init=bool(identity.digest)),
                "waiting": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        identity = self._identity.pack()
        m.submodules.identity = storage = memory.Memory(shape=8, depth=len(identity), init=identity)
        write, read = storage.write_port(), storage.read_port()

        kind, number = Signal(8), Signal(8 * NUMBER_BYTES)
        at = Signal(range(len(identity) + 1))  # place of a byte in a request or an answer
        body_left = Signal()  # the request's last byte has not been taken
        loading = Signal()
        taken = self.i.valid & self.i.ready
        answer = Answer(
            m, kind=kind, number=number, at=at, identity=read, identity_bytes=len(identity), counters=self.counters
        )

        losses, notifies = Signal(2), Signal()  # frames lost since the last notice; a notice is begun
        m.d.sync += losses.eq(
            Mux(notifies, 0, losses) | Mux(self.damaged, int(Loss.DAMAGED), 0) | Mux(self.oversized, int(Loss.OVERSIZED), 0)
        )

        m.d.comb += [
            self.codes.payload.eq(self.i.payload),
            self.bodies.payload.eq(self.i.payload),
            self.heads.p.data.eq(Mux(at == 0, kind | REPLY, number[:8])),
            self.heads.p.last.eq(at == HEAD_BYTES - 1),
            self.reads.eq(kind == Kind.CHECK),
            # The memory has one address, and is never read and written in the same cycle: it needs no logic for collisions.
            write.data.eq(self.i.p.data),
            write.addr.eq(read.addr),
        ]

        with m.FSM():
            with m.State("Kind"):
                with m.If(losses != 0):
                    m.d.comb += notifies.eq(1)
                    answer.notify(losses)
                with m.Else():
                    m.d.comb += [self.i.ready.eq(1), self.waiting.eq(~self.i.valid)]
                    m.d.sync += [kind.eq(self.i.p.data), at.eq(0)]
                    with m.If(taken):
                        m.next = "Number"
            with m.State("Number"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(taken):
                    m.d.sync += [number.eq((number >> 8) | (self.i.p.data << (8 * NUMBER_BYTES - 8))), at.eq(at + 1)]
                    m.d.sync += body_left.eq(~self.i.p.last)
                    with m.If(at == NUMBER_BYTES - 1):
                        m.d.sync += at.eq(0)
                        m.next = "Request"

            with m.State("Request"):
                with m.If((kind == Kind.INFER) | (kind == Kind.INFER_ALL)):
                    early = kind == Kind.INFER
                    with m.If(~self.loaded | ~body_left), m.If(self.idle):
                        with m.If(~self.loaded):
                            answer.refuse(Reason.NOT_LOADED)
                        with m.Else():
                            answer.refuse(Reason.WRONG_LENGTH)
                    with m.Elif((self.early_exit == early) | self.idle):
                        m.d.sync += self.early_exit.eq(early)
                        m.next = "Head"
                with m.Elif(self.idle):
                    m.next = "Other request"
            with m.State("Other request"), m.Switch(kind):
                with m.Case(Kind.IDENTIFY):
                    answer.accept(len(identity))
                with m.Case(Kind.COUNTERS):
                    answer.copy_counters()
                    answer.accept(len(COUNTERS) * COUNTER_BYTES)
                with m.Case(Kind.RESET):
                    m.d.comb += self.clear.eq(1)
                    answer.accept()
                with m.Case(Kind.LOAD_BEGIN):
                    m.d.comb += self.begin.eq(1)
                    m.d.sync += [loading.eq(1), self.loaded.eq(0)]
                    answer.accept()
                with m.Case(Kind.LOAD_BLOCK, Kind.LOAD_END):
                    m.next = "Access"
                    with m.If(kind == Kind.LOAD_END):
                        m.next = "End"
                    with m.If(~body_left):
                        answer.refuse(Reason.WRONG_LENGTH)
                    with m.If(~loading):
                        answer.refuse(Reason.NOT_LOADING)
                with m.Case(Kind.CHECK):
                    m.next = "Access"
                    with m.If(~body_left):
                        answer.refuse(Reason.WRONG_LENGTH)
                with m.Default():
                    answer.refuse(Reason.UNKNOWN_KIND)

            with m.State("Head"):
                m.d.comb += self.heads.valid.eq(1)
                with m.If(self.heads.ready):
                    m.d.sync += at.eq(at + 1)
                    with m.If(at != 0):
                        m.d.sync += number.eq(number >> 8)
                    with m.If(self.heads.p.last):
                        m.next = "Code"
            with m.State("Code"):
                m.d.comb += [self.codes.valid.eq(self.i.valid), self.i.ready.eq(self.codes.ready)]
                with m.If(taken & self.i.p.last):
                    m.next = "Kind"
            with m.State("Access"):
                m.d.comb += [self.bodies.valid.eq(self.i.valid & body_left), self.i.ready.eq(self.bodies.ready & body_left)]
                with m.If(taken & self.i.p.last):
                    m.d.sync += body_left.eq(0)
                with m.If(self.done):
                    answer.accept()
                    with m.If(kind == Kind.CHECK):
                        answer.accept(CHECK_BYTES)
                    with m.If(self.wrong):
                        answer.refuse(Reason.WRONG_BLOCK)

            # The end of a load: the check over all blocks, then the digest. `loaded` is set only with the last byte.
            with m.State("End"):
                m.d.comb += [self.i.ready.eq(1), read.addr.eq(at + DIGEST_AT - CHECK_BYTES)]
                right = (at >= CHECK_BYTES) | (self.i.p.data == self.check.word_select(at[:2], 8))
                with m.If(taken):
                    m.d.comb += write.en.eq(at >= CHECK_BYTES)
                    m.d.sync += [at.eq(at + 1), body_left.eq(~self.i.p.last)]
                    final = at == CHECK_BYTES + DIGEST_BYTES - 1
                    with m.If(~right | final | self.i.p.last):
                        m.d.sync += loading.eq(0)
                    with m.If(~right):
                        answer.refuse(Reason.WRONG_CHECK)
                    with m.Elif(final != self.i.p.last):
                        answer.refuse(Reason.WRONG_LENGTH)
                    with m.Elif(final):
                        m.d.sync += self.loaded.eq(1)
                        answer.accept()

            with m.State("Skip"):
                m.d.comb += self.i.ready.eq(body_left)
                with m.If(taken):
                    m.d.sync += body_left.eq(~self.i.p.last)
                with m.If(~body_left):
                    m.next = "Answer"

            answer.add_states(self.o, loaded=self.loaded, check=self.check)
        return m
