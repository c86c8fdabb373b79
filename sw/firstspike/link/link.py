"""Requests and answers: the link kept full, nothing attributed to the wrong request, losses made good."""

import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from firstspike_spec.common.errors import DeviceError, InputError
from firstspike_spec.protocol.frames import DELIMITER
from firstspike_spec.protocol.messages import ANSWER_BYTES, HEAD_BYTES, NUMBER_BYTES, REPLY, Identity, Kind, Reason, message

from .framing import FrameReader, frame
from .transport import Transport

#: Sent before a frame, it ends whatever the board took for one.
_FRESH = bytes([DELIMITER])

_REASONS: dict[int, str] = {
    Reason.UNKNOWN_KIND: "it does not know such requests; build its bitstream again",
    Reason.WRONG_LENGTH: "the request had a wrong length",
    Reason.NOT_LOADED: "no network is loaded; load one",
    Reason.NOT_LOADING: "the loading of a network was interrupted; load it again",
    Reason.WRONG_BLOCK: "a block of the network was wrong",
    Reason.WRONG_CHECK: "the network did not arrive as it was sent; load it again",
}


class NoAnswer(DeviceError):
    """Nothing that the board was asked is answered any more."""


class Lost(DeviceError):
    """A request was lost on the way, and must not simply be sent again."""


class Refused(DeviceError):
    """The board refused a request.

    Attributes
    ----------
    reason : int
        Mostly a `Reason`.
    """

    def __init__(self, name: str, kind: int, reason: int):
        super().__init__(f"{name} refused {_kind_name(kind)}: {_REASONS.get(reason, f'reason {reason}')}")
        self.reason = reason


@dataclass
class _Request:
    kind: Kind
    body: bytes
    place: int | None  # among the answers; None if nobody wants this one
    probe: bool = False  # its answer only tells that all before it are through
    number: int = 0
    tries: int = 0

    @property
    def bytes(self) -> int:
        return HEAD_BYTES + len(self.body)


class Link:
    """The host's end of a link.

    Answers come in the order of the requests and carry their numbers, so an answer tells that all requests before it are
    through: those without answer were lost, and are sent again. A number is never used twice, so nothing that comes late or
    twice is taken for something else.

    Parameters
    ----------
    transport : Transport
    timeout : float
        Seconds without an answer after which the board is asked whether it is still there.
    clock : callable
        Returns the time in seconds, from whenever.

    Attributes
    ----------
    identity : Identity
        Who is at the other end, once `connect` has asked.
    resent : int
        Requests that were lost and sent again.
    strays : int
        Answers that belonged to no request.
    sent_bytes, received_bytes : int
    """

    #: Times that a request is sent at most, and timeouts that may pass from one answer to the next.
    TRIES = 4

    def __init__(self, transport: Transport, *, timeout: float = 1.0, clock: Callable[[], float] = time.monotonic):
        self._transport, self.timeout, self.clock = transport, timeout, clock
        self._reader = FrameReader()
        self._messages: deque[bytes] = deque()  # those that have come and nobody has looked at
        self._number = random.SystemRandom().randrange(1 << (8 * NUMBER_BYTES))
        self._room = 4 * HEAD_BYTES  # until the board says how much it has
        self._identity: Identity | None = None
        self.resent = self.strays = self.sent_bytes = self.received_bytes = 0

    @property
    def name(self) -> str:
        """What the other end is called in errors."""
        return self._transport.name

    @property
    def damaged(self) -> int:
        """Frames from the board that were not what it sent."""
        return self._reader.damaged

    def connect(self) -> Identity:
        """Ask who is there.

        Raises
        ------
        DeviceError
            If nothing answers (`NoAnswer`), or something else than an identity.
        InputError
            If what answers is no firstspike board, or one of another version.
        """
        try:
            body = self.request(Kind.IDENTIFY)
        except NoAnswer as error:
            if self._reader.damaged:
                raise NoAnswer(
                    f"what is at {self.name} does not speak the protocol of firstspike: is it another device, or another "
                    "baud rate?"
                ) from error
            raise
        try:
            self._identity = Identity.unpack(body)
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from error
        # Room for a probe or two, whatever else is on its way.
        self._room = self._identity.buffer_bytes - 4 * HEAD_BYTES
        return self._identity

    @property
    def identity(self) -> Identity:
        """Who the board is, as its last answer to `connect` said."""
        if self._identity is None:
            raise DeviceError(f"{self.name} has not said who it is; connect the link first")
        return self._identity

    @property
    def longest_body(self) -> int:
        """Bytes of a request's body such that several requests fit on the link at once."""
        return self._room // 4 - HEAD_BYTES

    def request(self, kind: Kind, body: bytes = b"") -> bytes:
        """Send one request and return its answer's body."""
        (answer,) = self.exchange([(kind, body)])
        return answer

    def exchange(self, requests: Iterable[tuple[Kind, bytes]], *, again: bool = True) -> Iterator[bytes]:
        """Send requests, as many at once as the board has room for, and yield the bodies of their answers in order.

        Parameters
        ----------
        requests : iterable of (Kind, bytes)
        again : bool
            Send a request that was lost again; only if it does not matter how often, and in which order, they arrive.

        Raises
        ------
        DeviceError
            If the board does not answer any more (`NoAnswer`), refuses a request (`Refused`), one was lost (`Lost`), or an
            answer cannot be one. After `TRIES` timeouts without an answer that somebody wants, whatever else comes, this ends.
        """
        return _Exchange(self, requests, again).run()

    def send(self, requests: Iterable[_Request]) -> None:
        """Send requests, each with a number of its own."""
        data = b""
        for request in requests:
            request.number = self._number
            self._number = (self._number + 1) % (1 << (8 * NUMBER_BYTES)) or 1  # 0 is that of notices
            request.tries += 1
            self.resent += request.tries > 1
            if request.probe or request.tries > 1 or request.kind == Kind.IDENTIFY:
                data += _FRESH
            data += frame(message(request.kind, request.number, request.body))
        self.sent_bytes += len(data)
        self._transport.write(data)

    def receive(self, until: float) -> bytes | None:
        """Return the next message; ``None`` if none has come by then, or none ever would. What has come is always read."""
        while not self._messages:
            left = until - self.clock()
            data = self._transport.read(max(left, 0.0))
            self.received_bytes += len(data)
            self._messages.extend(content for content in self._reader.read(data) if len(content) >= HEAD_BYTES)
            if not data or left <= 0:
                break
        return self._messages.popleft() if self._messages else None

    def close(self) -> None:
        """Let go of the way; the board stays as it is."""
        self._transport.close()

    @property
    def room(self) -> int:
        """Bytes that requests without answer may have together."""
        return self._room


class _Exchange:
    """One run of `Link.exchange`."""

    def __init__(self, link: Link, requests: Iterable[tuple[Kind, bytes]], again: bool):
        self._link, self._again = link, again
        self._source: Iterator[_Request] = (_Request(kind, body, place) for place, (kind, body) in enumerate(requests))
        self._todo: deque[_Request] = deque()  # the next ones, those that were lost first
        self._sent: deque[_Request] = deque()  # those without answer, in order
        self._answers: dict[int, bytes] = {}

    def _begin_to_wait(self) -> None:
        # Timeouts since there was an answer that somebody wants, when the last of them ended, and whether there were others.
        self._silent, self._since, self._lives = 0, self._link.clock(), False

    def run(self) -> Iterator[bytes]:
        place = 0
        self._begin_to_wait()
        try:
            while self._send() or any(request.place is not None for request in self._sent):
                self._receive()
                while place in self._answers:
                    yield self._answers.pop(place)
                    place += 1
                    self._since = self._link.clock()  # nobody was waiting
        finally:
            self._leave()

    def _send(self) -> bool:
        """Send what there is room for; tell whether anything is left to send."""
        used = sum(request.bytes for request in self._sent if not request.probe)
        ready = []
        while self._todo or self._more():
            request = self._todo[0]
            if request.bytes > self._link.room:
                raise InputError(
                    f"a request of {request.bytes} bytes does not fit into the board's buffer ({self._link.room} bytes)"
                )
            used += request.bytes
            if used > self._link.room:
                break
            ready.append(self._todo.popleft())
        if ready:
            self._link.send(ready)
            self._sent.extend(ready)
        return bool(self._todo)

    def _more(self) -> bool:
        request = next(self._source, None)
        if request is not None:
            self._todo.append(request)
        return request is not None

    def _receive(self) -> None:
        link = self._link
        content = link.receive(self._since + link.timeout)
        if content is not None:
            self._take(content[0], int.from_bytes(content[1:HEAD_BYTES], "little"), content[HEAD_BYTES:])
        # Only an answer that somebody wants ends the silence: all else may go on for ever.
        if content is None or link.clock() - self._since >= link.timeout:
            self._since = link.clock()
            self._silent += 1
            if self._silent >= link.TRIES:
                raise self._no_answer()
            self._probe()

    def _no_answer(self) -> DeviceError:
        request = next((request for request in self._sent if request.place is not None), None)
        self._sent.clear()  # there is nothing to wait for
        if request is not None and self._lives:
            return DeviceError(
                f"{self._link.name} answers small requests, but not {_kind_name(request.kind)} within "
                f"{self._link.TRIES * self._link.timeout:g} s: reset the board, or try another cable, or a lower baud rate"
            )
        return NoAnswer(
            f"{self._link.name} does not answer: check that the board has power and holds a firstspike bitstream, "
            "reset it, and open the device again"
        )

    def _take(self, kind: int, number: int, body: bytes) -> None:
        if kind == Kind.NOTICE:
            self._probe()
            return
        if all(request.number != number for request in self._sent):
            self._link.strays += 1
            return
        lost = []
        while (request := self._sent.popleft()).number != number:
            lost.append(request)
        lost = [request for request in lost if request.place is not None]
        if request.place is None:
            self._lives = True
        else:
            self._begin_to_wait()
        # Before a refusal: it may be for want of what was lost.
        if lost and not self._again:
            raise Lost(f"{len(lost)} requests to {self._link.name} were lost; try again")
        self._check(request, kind, body)
        if request.place is not None:
            self._answers[request.place] = body
        if lost and max(request.tries for request in lost) >= self._link.TRIES:
            raise DeviceError(
                f"{self._link.name} loses what it is sent: {_kind_name(lost[0].kind)} was sent {self._link.TRIES} times; "
                "try another cable, or a lower baud rate"
            )
        self._todo.extendleft(reversed(lost))

    def _check(self, request: _Request, kind: int, body: bytes) -> None:
        """Raise an error unless this is an answer to the request."""
        name, asked, error = self._link.name, _kind_name(request.kind), kind == Kind.ERROR
        if not error and kind != request.kind | REPLY:
            raise DeviceError(f"{name} answered {asked} with a message of kind {kind:#x}")
        length = ANSWER_BYTES.get(Kind.ERROR if error else request.kind, len(body))
        if len(body) != length:
            raise DeviceError(f"{name} answered {asked} with {len(body)} bytes, where {length} were wanted; report this")
        if error:
            raise Refused(name, request.kind, body[0])

    def _probe(self) -> None:
        """Send something small behind everything else: its answer tells what was lost before it."""
        # More after each silence, for a probe may get lost too; never more than there is room for beside all requests.
        probes = sum(request.probe for request in self._sent)
        if probes < len(self._sent) and probes <= self._silent:
            probe = _Request(Kind.COUNTERS, b"", None, probe=True)
            self._link.send([probe])
            self._sent.append(probe)

    def _leave(self) -> None:
        """Wait until nothing of this exchange is in the board any more, so that the next one has all the room."""
        self._todo.clear()
        self._source = iter(())
        self._begin_to_wait()
        for request in self._sent:
            request.place = None
        while self._sent:
            try:
                self._probe()
                while self._sent:
                    self._receive()
            except Refused:
                continue
            except DeviceError:
                return


def _kind_name(kind: int) -> str:
    return f"the request {Kind(kind).name}" if kind in list(Kind) else f"a request of kind {kind:#x}"
