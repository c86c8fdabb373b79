"""Requests and answers: the link is kept full, answers are matched to requests, and losses are repaired."""

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

#: Sent before a frame, it ends an unfinished frame in the board.
_FRESH = bytes([DELIMITER])

_REASONS: dict[int, str] = {
    Reason.UNKNOWN_KIND: "it does not know this kind of request; build its bitstream again",
    Reason.WRONG_LENGTH: "the request had a wrong length",
    Reason.NOT_LOADED: "no network is loaded; load one",
    Reason.NOT_LOADING: "the loading of a network was interrupted; load it again",
    Reason.WRONG_BLOCK: "a block of the network was wrong",
    Reason.WRONG_CHECK: "the network did not arrive as it was sent; load it again",
}


class NoAnswer(DeviceError):
    """The board no longer answers any request."""


class Lost(DeviceError):
    """A request was lost and must not be sent again by itself."""


class Refused(DeviceError):
    """The board refused a request.

    Attributes
    ----------
    reason : int
        A `Reason`, unless the board is of another version.
    """

    def __init__(self, name: str, kind: int, reason: int):
        super().__init__(f"{name} refused {_kind_name(kind)}: {_REASONS.get(reason, f'reason {reason}')}")
        self.reason = reason


@dataclass
class _Request:
    kind: Kind
    body: bytes
    place: int | None  # of its answer among all answers; None if the answer is not needed
    probe: bool = False  # its answer only shows that the board has handled all requests before it
    number: int = 0
    tries: int = 0

    @property
    def bytes(self) -> int:
        return HEAD_BYTES + len(self.body)


class Link:
    """The host's end of a link.

    Answers come in the order of the requests and carry their numbers. An answer therefore shows that the board has handled
    all requests before it: those without an answer were lost, and are sent again. Numbers are not reused, so an answer that
    comes late or twice cannot be taken for another one.

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

    #: Times that a request is sent at most, and timeouts between two answers after which the link gives up.
    TRIES = 4

    def __init__(self, transport: Transport, *, timeout: float = 1.0, clock: Callable[[], float] = time.monotonic):
        self._transport, self.timeout, self.clock = transport, timeout, clock
        self._reader = FrameReader()
        self._messages: deque[bytes] = deque()  # received, but not handled yet
        self._number = random.SystemRandom().randrange(1 << (8 * NUMBER_BYTES))
        self._room = 4 * HEAD_BYTES  # until the board says how much room it has
        self._identity: Identity | None = None
        self.resent = self.strays = self.sent_bytes = self.received_bytes = 0

    @property
    def name(self) -> str:
        """Name of the other end, for errors."""
        return self._transport.name

    @property
    def damaged(self) -> int:
        """Number of damaged frames from the board."""
        return self._reader.damaged

    def connect(self) -> Identity:
        """Ask the board for its identity.

        Raises
        ------
        DeviceError
            If nothing answers (`NoAnswer`), or the answer is not an identity.
        InputError
            If the board is not a firstspike board, or has another version.
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
        # Some room is kept free for probes.
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
        """Longest body of a request, in bytes, so that several requests fit on the link at once."""
        return self._room // 4 - HEAD_BYTES

    def request(self, kind: Kind, body: bytes = b"") -> bytes:
        """Send one request and return its answer's body."""
        (answer,) = self.exchange([(kind, body)])
        return answer

    def exchange(self, requests: Iterable[tuple[Kind, bytes]], *, again: bool = True) -> Iterator[bytes]:
        """Send requests, as many at a time as the board has room for, and yield the bodies of their answers in order.

        Parameters
        ----------
        requests : iterable of (Kind, bytes)
        again : bool
            Whether lost requests are sent again. Set it only if requests may arrive repeatedly and in another order.

        Raises
        ------
        DeviceError
            If the board no longer answers (`NoAnswer`), refuses a request (`Refused`), a request was lost (`Lost`), or an
            answer is invalid. This ends after `TRIES` timeouts without a needed answer, whatever else arrives.
        """
        return _Exchange(self, requests, again).run()

    def send(self, requests: Iterable[_Request]) -> None:
        """Send requests, each with a new number."""
        data = b""
        for request in requests:
            request.number = self._number
            self._number = (self._number + 1) % (1 << (8 * NUMBER_BYTES)) or 1  # 0 is the number of notices
            request.tries += 1
            self.resent += request.tries > 1
            if request.probe or request.tries > 1 or request.kind == Kind.IDENTIFY:
                data += _FRESH
            data += frame(message(request.kind, request.number, request.body))
        self.sent_bytes += len(data)
        self._transport.write(data)

    def receive(self, until: float) -> bytes | None:
        """Return the next message, or ``None`` if there is none by then. Bytes that have arrived are always read."""
        while not self._messages:
            left = until - self.clock()
            data = self._transport.read(max(left, 0.0))
            self.received_bytes += len(data)
            self._messages.extend(content for content in self._reader.read(data) if len(content) >= HEAD_BYTES)
            if not data or left <= 0:
                break
        return self._messages.popleft() if self._messages else None

    def close(self) -> None:
        """Close the connection; the board stays as it is."""
        self._transport.close()

    @property
    def room(self) -> int:
        """Bytes that all requests without an answer may have together."""
        return self._room


class _Exchange:
    """One run of `Link.exchange`."""

    def __init__(self, link: Link, requests: Iterable[tuple[Kind, bytes]], again: bool):
        self._link, self._again = link, again
        self._source: Iterator[_Request] = (_Request(kind, body, place) for place, (kind, body) in enumerate(requests))
        self._todo: deque[_Request] = deque()  # to be sent next, lost ones first
        self._sent: deque[_Request] = deque()  # without an answer yet, in order
        self._answers: dict[int, bytes] = {}

    def _begin_to_wait(self) -> None:
        # Timeouts since the last needed answer, when the last timeout ended, and whether other answers came since.
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
                    self._since = self._link.clock()  # the caller's time between two answers does not count
        finally:
            self._leave()

    def _send(self) -> bool:
        """Send what there is room for, and return whether anything is left to send."""
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
        # Only a needed answer restarts the wait: anything else could arrive for ever.
        if content is None or link.clock() - self._since >= link.timeout:
            self._since = link.clock()
            self._silent += 1
            if self._silent >= link.TRIES:
                raise self._no_answer()
            self._probe()

    def _no_answer(self) -> DeviceError:
        request = next((request for request in self._sent if request.place is not None), None)
        self._sent.clear()  # do not wait for them any more
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
        # Checked before a refusal, which the loss may have caused.
        if lost and not self._again:
            raise Lost(f"{len(lost)} requests to {self._link.name} were lost; try again")
        self._check(request, kind, body)
        if request.place is not None:
            self._answers[request.place] = body
        if lost and max(request.tries for request in lost) >= self._link.TRIES:
            raise DeviceError(
                f"{self._link.name} loses requests: {_kind_name(lost[0].kind)} was sent {self._link.TRIES} times; "
                "try another cable, or a lower baud rate"
            )
        self._todo.extendleft(reversed(lost))

    def _check(self, request: _Request, kind: int, body: bytes) -> None:
        """Raise an error unless this is a valid answer to the request."""
        name, asked, error = self._link.name, _kind_name(request.kind), kind == Kind.ERROR
        if not error and kind != request.kind | REPLY:
            raise DeviceError(f"{name} answered {asked} with a message of kind {kind:#x}")
        length = ANSWER_BYTES.get(Kind.ERROR if error else request.kind, len(body))
        if len(body) != length:
            raise DeviceError(f"{name} answered {asked} with {len(body)} bytes instead of {length}; report this")
        if error:
            raise Refused(name, request.kind, body[0])

    def _probe(self) -> None:
        """Send a small request after all others: its answer shows which of them were lost."""
        # One more after each timeout, because probes get lost too; never more than the room kept free for them.
        probes = sum(request.probe for request in self._sent)
        if probes < len(self._sent) and probes <= self._silent:
            probe = _Request(Kind.COUNTERS, b"", None, probe=True)
            self._link.send([probe])
            self._sent.append(probe)

    def _leave(self) -> None:
        """Wait until the board has handled all of this exchange, so that the next one has all the room."""
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
