"""The commander's answers: the registers that hold one, and the states that send it."""

from amaranth.hdl import Module, Mux, Signal, ValueLike
from amaranth.lib import data, memory, stream

from firstspike_spec.protocol.messages import COUNTER_BYTES, COUNTERS, MAGIC, NUMBER_BYTES, REPLY, Kind, Reason

#: Place in the identity of the byte that says whether a network is loaded.
_LOADED_AT = len(MAGIC) + 1

#: Place of the network's digest, which follows.
DIGEST_AT = _LOADED_AT + 1

#: The body of the answer to `Kind.COUNTERS`.
ALL_COUNTERS = data.StructLayout(dict.fromkeys(COUNTERS, 8 * COUNTER_BYTES))

#: The counters that can change while the answer is sent.
_RUNNING_COUNTERS = ("cycles", "damaged_frames", "oversized_frames")


class Answer:
    """The registers and states with which the `Commander` answers one request at a time; they belong to its module and FSM.

    `refuse`, `accept` and `notify` begin an answer, in the commander's current state. A notice is sent at once, in the state
    ``"Answer"``. Before an answer to a request comes the commander's state ``"Skip"``, which drops the rest of the request.

    Parameters
    ----------
    m : Module
        The commander's.
    kind, number : Signal
        Those of the request.
    at : Signal
        Place of a byte in a request or an answer.
    identity : ReadPort
        Of the memory that holds the identity.
    identity_bytes : int
        Its length.
    counters : View
        Of `ALL_COUNTERS`.
    """

    def __init__(
        self,
        m: Module,
        *,
        kind: Signal,
        number: Signal,
        at: Signal,
        identity: memory.ReadPort,
        identity_bytes: int,
        counters: data.View,
    ):
        self._m, self._request_kind, self._number, self._at, self._identity = m, kind, number, at, identity
        self._kind, self._reason = Signal(8, name="answer"), Signal(8, name="reason")
        self._length = Signal(range(identity_bytes + 1), name="length")  # of the body, in bytes
        self._reads = Signal(name="reads")  # the next byte of the identity

        # Counters are sent byte by byte, so those that run are copied first.
        self._running = {name: Signal(8 * COUNTER_BYTES, name=f"sent_{name}") for name in _RUNNING_COUNTERS}
        self._counters, self._sent_counters = counters, Signal(ALL_COUNTERS, name="sent")
        m.d.comb += self._sent_counters.eq(counters)
        m.d.comb += [getattr(self._sent_counters, name).eq(value) for name, value in self._running.items()]
        m.d.comb += identity.en.eq(self._reads)

    def refuse(self, reason: Reason) -> None:
        """Answer with an error."""
        self._m.d.sync += [self._kind.eq(Kind.ERROR), self._reason.eq(reason), self._length.eq(1)]
        self._m.next = "Skip"

    def accept(self, body_bytes: int = 0) -> None:
        """Answer with a body that belongs to the request's kind."""
        self._m.d.sync += [self._kind.eq(self._request_kind | REPLY), self._length.eq(body_bytes)]
        self._m.next = "Skip"

    def copy_counters(self) -> None:
        """Hold the counters that run as they are now, for the answer to `Kind.COUNTERS`."""
        self._m.d.sync += [value.eq(getattr(self._counters, name)) for name, value in self._running.items()]

    def notify(self, losses: Signal) -> None:
        """Send a notice of losses, which belongs to no request."""
        self._m.d.sync += [self._kind.eq(Kind.NOTICE), self._number.eq(0), self._reason.eq(losses), self._length.eq(1)]
        self._m.next = "Answer"

    def add_states(self, o: stream.Interface, *, loaded: ValueLike, check: Signal) -> None:
        """Add the states that send the answer; after them the commander is in its state ``"Kind"``.

        Parameters
        ----------
        o : stream.Interface
            Takes the answer.
        loaded, check : Signal
            For the bodies of answers to `Kind.IDENTIFY` and to `Kind.CHECK`.
        """
        m, at, length, identity = self._m, self._at, self._length, self._identity
        with m.State("Answer"):
            m.d.sync += at.eq(0)
            m.d.comb += [o.p.data.eq(self._kind), o.valid.eq(1)]
            with m.If(o.ready):
                m.next = "Answer's number"
        with m.State("Answer's number"):
            final = at == NUMBER_BYTES - 1
            m.d.comb += [o.p.data.eq(self._number[:8]), o.p.last.eq(final & (length == 0)), o.valid.eq(1)]
            with m.If(o.ready):
                m.d.sync += [self._number.eq(self._number >> 8), at.eq(at + 1)]
                with m.If(final):
                    m.d.sync += at.eq(0)
                    m.next = "Kind"
                    with m.If(length != 0):
                        m.d.comb += [identity.addr.eq(0), self._reads.eq(1)]
                        m.next = "Answer's body"
        with m.State("Answer's body"):
            m.d.comb += [o.valid.eq(1), o.p.last.eq(at == length - 1), identity.addr.eq(at + 1)]
            m.d.comb += self._reads.eq(o.ready)
            with m.Switch(self._kind):
                with m.Case(Kind.IDENTIFY | REPLY):
                    m.d.comb += o.p.data.eq(Mux(at == _LOADED_AT, loaded, identity.data))
                with m.Case(Kind.COUNTERS | REPLY):
                    m.d.comb += o.p.data.eq(self._sent_counters.as_value().word_select(at, 8))
                with m.Case(Kind.CHECK | REPLY):
                    m.d.comb += o.p.data.eq(check.word_select(at[:2], 8))
                with m.Default():
                    m.d.comb += o.p.data.eq(self._reason)
            with m.If(o.ready):
                m.d.sync += at.eq(at + 1)
                with m.If(o.p.last):
                    m.next = "Kind"
