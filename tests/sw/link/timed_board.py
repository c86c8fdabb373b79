"""A board in plain Python behind a line that takes time, by a clock of its own; what it answers is a test's to change."""

import random
from collections.abc import Callable, Iterable
from functools import cache

from firstspike.link.link import Link
from firstspike_spec import infer_spikes
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.contents import EngineContents
from firstspike_spec.compiler.plan import plan
from firstspike_spec.inference.results import Results
from firstspike_spec.protocol.messages import COUNTER_BYTES, COUNTERS, HEAD_BYTES, REPLY, Identity, Kind, message
from firstspike_spec.protocol.spike_code import decode_spikes

from ...spec.naive_link import Frames, NaiveBoard, framed
from ...spec.naive_results import result_words
from ...spec.random_networks import random_network

NETWORK = random_network(7, (6, 4, 3), bits=3, connectivity=0.7, threshold=3)
SHAPE = plan(NETWORK, 2)
IMAGE = compile_network(NETWORK, SHAPE)
#: A board that holds the network.
HOLDING = Identity(SHAPE, board="timed", clock_hz=48_000_000, baud=1_000_000, buffer_bytes=512, digest=IMAGE.digest)

#: What comes of an answer: pieces for the line, each with the seconds that it is late.
Change = Callable[[bytes, bytes], Iterable[tuple[float, bytes]]]


def unchanged(request: bytes, answer: bytes) -> Iterable[tuple[float, bytes]]:
    return [(0.0, framed(answer))]


def late(seconds: float) -> Change:
    """Every answer so many seconds late."""
    return lambda request, answer: [(seconds, framed(answer))]


class TimedBoard:
    """A board that is right, for `NETWORK`, and its line.

    Parameters
    ----------
    identity : Identity
    change : callable
        From a request and its right answer, both messages, to what is put on the line.
    chatter : bytes
        What comes all the time, if nothing else does.
    most_seconds : float
        So long the host may take; then the test fails.

    Attributes
    ----------
    now : float
    requests : int
        That came, but for those that only ask whether the board lives.
    """

    name = "the timed board"

    #: Seconds of a byte on the line, and from one piece of chatter to the next.
    BYTE, PAUSE = 1e-5, 0.01

    def __init__(
        self,
        identity: Identity = HOLDING,
        change: Change = unchanged,
        *,
        chatter: bytes = b"",
        most_seconds: float = 1e6,
    ):
        self.board, self.change, self.chatter, self.most_seconds = NaiveBoard(identity), change, chatter, most_seconds
        self.now, self.requests, self.closed = 0.0, 0, False
        self._frames, self._line = Frames(), []  # when a piece comes, and the piece, in order

    def clock(self) -> float:
        return self.now

    def link(self, **options) -> Link:
        """A link to this board, by its clock."""
        return Link(self, clock=self.clock, **options)

    def write(self, data: bytes) -> None:
        self.now += len(data) * self.BYTE
        for request in self._frames.read(data):
            self.requests += request[0] != Kind.COUNTERS
            for seconds, piece in self.change(request, self.answer(request)):
                self._line.append((max([self.now + seconds, *(when for when, _ in self._line[-1:])]), piece))

    def read(self, timeout: float) -> bytes:
        assert self.now < self.most_seconds, "the host waits for ever"
        assert timeout >= 0
        if self._line and self._line[0][0] <= self.now + timeout:
            when, piece = self._line.pop(0)
            self.now = max(self.now, when) + len(piece) * self.BYTE
            return piece
        if self.chatter:
            self.now += self.PAUSE
            return self.chatter
        self.now += timeout
        return b""

    def close(self) -> None:
        self.closed = True

    def answer(self, request: bytes) -> bytes:
        """The right answer to a request."""
        kind, number, body = self.board.answer(request)
        if body is None:
            is_count, code = kind == Kind.COUNTERS | REPLY, request[HEAD_BYTES:]
            body = bytes(COUNTER_BYTES * len(COUNTERS)) if is_count else result(IMAGE, request[0], code)
        return message(kind, number, body)


@cache
def result(image: EngineContents, kind: int, code: bytes) -> bytes:
    """The right body of an answer to an image."""
    network, early_exit = image.network, kind == Kind.INFER
    times = decode_spikes(code, network.inputs, network.time_steps)[None]
    expected = Results.from_inference(infer_spikes(network, times, early_exit=early_exit), early_exit=early_exit)
    return result_words(image, expected, random.Random(0), early_exit=early_exit).astype("<u8").tobytes() + b"\0"
