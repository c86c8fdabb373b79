"""The commander: carries out the host's requests, one after the other, and answers them."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.protocol.messages import (
    CHECK_BYTES,
    COUNTER_BYTES,
    COUNTERS,
    DIGEST_BYTES,
    HEAD_BYTES,
    MAGIC,
    NUMBER_BYTES,
    REPLY,
    Identity,
    Kind,
    Loss,
    Reason,
)

from .layouts import FRAME_BYTE

#: Place of "is a network loaded" in the identity; the network's digest comes next.
_LOADED_AT = len(MAGIC) + 1
_DIGEST_AT = _LOADED_AT + 1

#: What `Kind.COUNTERS` is answered with.
ALL_COUNTERS = data.StructLayout(dict.fromkeys(COUNTERS, 8 * COUNTER_BYTES))

#: Of these, what goes on while the answer is given.
_RUNNING = ("cycles", "damaged_frames", "oversized_frames")


class Commander(wiring.Component):
    """Takes requests and answers each exactly once, in order; the messages are those of `firstspike_spec.protocol.messages`.

    Images are handed on as they come, and their answers are the result sender's. Everything else waits until all images
    before it have been answered, so that no image ever runs on half a network, and answers stay in order.

    Parameters
    ----------
    identity : Identity
        What the board says of itself at power-up.

    Members
    -------
    i : ``In(stream.Signature(FRAME_BYTE))``
        Requests that arrived whole: `HEAD_BYTES` at least.
    o : ``Out(stream.Signature(FRAME_BYTE))``
        Answers.
    codes : ``Out(stream.Signature(FRAME_BYTE))``
        The images' codes, for the spike decoder.
    heads : ``Out(stream.Signature(FRAME_BYTE))``
        The head of each image's answer, for the result sender; before its code.
    bodies : ``Out(stream.Signature(FRAME_BYTE))``
        Blocks and ranges, for the memory access, with ``reads`` and ``begin`` as it wants them.
    check, done, wrong : ``In(32)``, ``In(1)``, ``In(1)``
        From the memory access.
    idle : ``In(1)``
        All images that were handed on have been answered, and the engine rests.
    early_exit : ``Out(1)``
        For the engine; changes only while ``idle``.
    clear : ``Out(1)``
        For one cycle, while ``idle``: reset the engine and the counters.
    counters : ``In(ALL_COUNTERS)``
    damaged, oversized : ``In(1)``
        For one cycle each: a frame has been lost.
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

    def elaborate(self, platform):
        m = Module()
        identity = self._identity.pack()
        m.submodules.identity = storage = memory.Memory(shape=8, depth=len(identity), init=identity)
        write, read = storage.write_port(), storage.read_port()

        kind, number, answer = Signal(8), Signal(8 * NUMBER_BYTES), Signal(8)
        body_left = Signal()  # the request's last byte has not been taken
        loading = Signal()
        reason = Signal(8)
        at, length = Signal(range(len(identity) + 1)), Signal(range(len(identity) + 1))  # of a body, in bytes
        taken = self.i.valid & self.i.ready

        # A value is told byte by byte, so it must not change meanwhile.
        told = Signal(ALL_COUNTERS)
        kept = {name: Signal(8 * COUNTER_BYTES, name=f"told_{name}") for name in _RUNNING}
        m.d.comb += told.eq(self.counters)
        m.d.comb += [getattr(told, name).eq(value) for name, value in kept.items()]

        losses = Signal(2)
        tells = Signal()  # the losses are being told
        reads = Signal()  # the next byte of the identity
        m.d.sync += losses.eq(
            Mux(tells, 0, losses) | Mux(self.damaged, int(Loss.DAMAGED), 0) | Mux(self.oversized, int(Loss.OVERSIZED), 0)
        )

        m.d.comb += [
            self.codes.payload.eq(self.i.payload),
            self.bodies.payload.eq(self.i.payload),
            self.heads.p.data.eq(Mux(at == 0, kind | REPLY, number[:8])),
            self.heads.p.last.eq(at == HEAD_BYTES - 1),
            self.reads.eq(kind == Kind.CHECK),
            # One address, and never read and written at once: no logic for collisions.
            write.data.eq(self.i.p.data),
            write.addr.eq(read.addr),
            read.en.eq(reads),
        ]

        def refuse(why: Reason):
            """Answer with an error, after what is left of the request."""
            m.d.sync += [answer.eq(Kind.ERROR), reason.eq(why), length.eq(1)]
            m.next = "Skip"

        def end(bytes_of_body: int = 0):
            """Answer with a body of the kind's own, after what the request has too much."""
            m.d.sync += [answer.eq(kind | REPLY), length.eq(bytes_of_body)]
            m.next = "Skip"

        with m.FSM():
            with m.State("Kind"):
                with m.If(losses != 0):
                    m.d.comb += tells.eq(1)
                    m.d.sync += [answer.eq(Kind.NOTICE), number.eq(0), reason.eq(losses), length.eq(1)]
                    m.next = "Answer"
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
                            refuse(Reason.NOT_LOADED)
                        with m.Else():
                            refuse(Reason.WRONG_LENGTH)
                    with m.Elif((self.early_exit == early) | self.idle):
                        m.d.sync += self.early_exit.eq(early)
                        m.next = "Head"
                with m.Elif(self.idle):
                    m.next = "Other request"
            with m.State("Other request"), m.Switch(kind):
                with m.Case(Kind.IDENTIFY):
                    end(len(identity))
                with m.Case(Kind.COUNTERS):
                    m.d.sync += [value.eq(getattr(self.counters, name)) for name, value in kept.items()]
                    end(len(COUNTERS) * COUNTER_BYTES)
                with m.Case(Kind.RESET):
                    m.d.comb += self.clear.eq(1)
                    end()
                with m.Case(Kind.LOAD_BEGIN):
                    m.d.comb += self.begin.eq(1)
                    m.d.sync += [loading.eq(1), self.loaded.eq(0)]
                    end()
                with m.Case(Kind.LOAD_BLOCK, Kind.LOAD_END):
                    m.next = "Access"
                    with m.If(kind == Kind.LOAD_END):
                        m.next = "End"
                    with m.If(~body_left):
                        refuse(Reason.WRONG_LENGTH)
                    with m.If(~loading):
                        refuse(Reason.NOT_LOADING)
                with m.Case(Kind.CHECK):
                    m.next = "Access"
                    with m.If(~body_left):
                        refuse(Reason.WRONG_LENGTH)
                with m.Default():
                    refuse(Reason.UNKNOWN_KIND)

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
                    end(0)
                    with m.If(kind == Kind.CHECK):
                        end(CHECK_BYTES)
                    with m.If(self.wrong):
                        refuse(Reason.WRONG_BLOCK)

            # The end of a load: the check over all blocks, then the digest. `loaded` comes only with the last byte.
            with m.State("End"):
                m.d.comb += [self.i.ready.eq(1), read.addr.eq(at + _DIGEST_AT - CHECK_BYTES)]
                right = (at >= CHECK_BYTES) | (self.i.p.data == self.check.word_select(at[:2], 8))
                with m.If(taken):
                    m.d.comb += write.en.eq(at >= CHECK_BYTES)
                    m.d.sync += [at.eq(at + 1), body_left.eq(~self.i.p.last)]
                    final = at == CHECK_BYTES + DIGEST_BYTES - 1
                    with m.If(~right | final | self.i.p.last):
                        m.d.sync += loading.eq(0)
                    with m.If(~right):
                        refuse(Reason.WRONG_CHECK)
                    with m.Elif(final != self.i.p.last):
                        refuse(Reason.WRONG_LENGTH)
                    with m.Elif(final):
                        m.d.sync += self.loaded.eq(1)
                        end()

            with m.State("Skip"):
                m.d.comb += self.i.ready.eq(body_left)
                with m.If(taken):
                    m.d.sync += body_left.eq(~self.i.p.last)
                with m.If(~body_left):
                    m.next = "Answer"

            with m.State("Answer"):
                m.d.sync += at.eq(0)
                m.d.comb += [self.o.p.data.eq(answer), self.o.valid.eq(1)]
                with m.If(self.o.ready):
                    m.next = "Answer's number"
            with m.State("Answer's number"):
                final = at == NUMBER_BYTES - 1
                m.d.comb += [self.o.p.data.eq(number[:8]), self.o.p.last.eq(final & (length == 0)), self.o.valid.eq(1)]
                with m.If(self.o.ready):
                    m.d.sync += [number.eq(number >> 8), at.eq(at + 1)]
                    with m.If(final):
                        m.d.sync += at.eq(0)
                        m.next = "Kind"
                        with m.If(length != 0):
                            m.d.comb += [read.addr.eq(0), reads.eq(1)]
                            m.next = "Answer's body"
            with m.State("Answer's body"):
                m.d.comb += [self.o.valid.eq(1), self.o.p.last.eq(at == length - 1), read.addr.eq(at + 1)]
                m.d.comb += reads.eq(self.o.ready)
                with m.Switch(answer):
                    with m.Case(Kind.IDENTIFY | REPLY):
                        m.d.comb += self.o.p.data.eq(Mux(at == _LOADED_AT, self.loaded, read.data))
                    with m.Case(Kind.COUNTERS | REPLY):
                        m.d.comb += self.o.p.data.eq(told.as_value().word_select(at, 8))
                    with m.Case(Kind.CHECK | REPLY):
                        m.d.comb += self.o.p.data.eq(self.check.word_select(at[:2], 8))
                    with m.Default():
                        m.d.comb += self.o.p.data.eq(reason)
                with m.If(self.o.ready):
                    m.d.sync += at.eq(at + 1)
                    with m.If(self.o.p.last):
                        m.next = "Kind"
        return m
