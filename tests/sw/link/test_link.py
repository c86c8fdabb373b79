"""The host's end of the link, against a board in plain Python behind a way that loses, damages, doubles and delays."""

import random
import re
import time
import zlib
from collections import deque
from itertools import islice

import pytest

from firstspike.link.link import Link, Lost, Refused
from firstspike_spec import InputError
from firstspike_spec.common.errors import DeviceError
from firstspike_spec.compiler.plan import plan
from firstspike_spec.protocol.messages import HEAD_BYTES, MAGIC, REPLY, VERSION, Identity, Kind, Loss, Reason, message

from ...spec.naive_link import Frames, NaiveBoard, framed, split
from ...spec.random_networks import random_network

IDENTITY = Identity(
    plan(random_network(0, (9, 7, 4)), 2), board="fake", clock_hz=0, baud=0, buffer_bytes=512, digest="11" * 32
)

#: What can happen to a frame on its way.
FAULTS = ("lost", "damaged", "shortened", "doubled", "delayed", "overtaken", "noise")


def result(body: bytes) -> bytes:
    """What the board answers to an image."""
    return zlib.crc32(body).to_bytes(4, "little") + body[::-1]


class FakeBoard:
    """A board and the way to it.

    Attributes
    ----------
    faults : dict
        For each of `FAULTS` the chance that it happens to a frame, on either way.
    damages : callable
        Tells of a request's content whether it never arrives as it was sent.
    dies_after : int or None
        Requests after which nothing more is heard of the board.
    most_room : int
        Most bytes that requests without answer had together.
    silences : int
        Times that the host waited in vain.
    """

    name = "the fake board"

    def __init__(self, *, seed=0, faults=None, identity=IDENTITY, damages=lambda content: False):
        self.rng, self.faults, self.damages = random.Random(seed), faults or {}, damages
        self.board, self.frames = NaiveBoard(identity), Frames()
        self.received: list[tuple[int, int, bytes]] = []  # requests that arrived
        self.dead = self.closed = False
        self.dies_after: int | None = None
        self.clock = self.silences = self.most_room = 0
        self._to_board: deque[bytes] = deque()  # frames that come later
        self._overtaken: list[bytes] = []  # frames that come behind the next one
        self._host_clock = 0  # what is said to the host comes no earlier
        self._to_host: list[tuple[int, bytes]] = []  # when, and what
        self._outstanding: list[tuple[int, int]] = []  # number and length of the requests that the host waits for
        self._numbers: set[int] = set()
        self._host = Frames()

    def write(self, data: bytes) -> None:
        for content in Frames(shortest=1).read(data):
            number = split(content)[1]
            assert number not in self._numbers, "a number was used twice"
            self._numbers.add(number)
            self._outstanding.append((number, len(content)))
        self.most_room = max(self.most_room, sum(length for _, length in self._outstanding))
        assert data.endswith(b"\0"), "a part of a frame was sent"
        for piece in re.findall(rb"\0*[^\0]+\0", data):
            damaged = any(map(self.damages, Frames(shortest=1).read(piece)))
            pieces, fate = self._on_the_way(piece[:-2] + b"\0" if damaged else piece)
            overtaken, self._overtaken = self._overtaken, pieces if fate == "overtaken" else []
            if fate == "delayed" or self._to_board:
                self._to_board.extend([*pieces, *overtaken])
            else:
                for arriving in [*(pieces if fate == "now" else []), *overtaken]:
                    self._arrive(arriving)

    def read(self, timeout: float) -> bytes:
        assert self.clock < 20_000, "the host waits forever"
        if self.rng.random() < 0.7 or not self._to_board:
            while self._to_board:
                self._arrive(self._to_board.popleft())
            for arriving in self._overtaken:
                self._arrive(arriving)
            self._overtaken = []
        # Perhaps some of it is late enough for the host to wonder; perhaps not all comes at once.
        self.clock += 1
        if self._to_host and self.rng.random() < 0.8:
            self.clock = max(self.clock, min(when for when, _ in self._to_host))
        due = b"".join(piece for when, piece in self._to_host if when <= self.clock)
        self._to_host = [(when, piece) for when, piece in self._to_host if when > self.clock]
        self.silences += not due
        count = self.rng.choice([len(due), self.rng.randrange(1, len(due) + 1)]) if due else 0
        if count < len(due):
            self._to_host.insert(0, (self.clock, due[count:]))
        for content in self._host.read(due[:count]):
            numbers = [number for number, _ in self._outstanding]
            if content[0] != Kind.NOTICE and split(content)[1] in numbers:
                del self._outstanding[: numbers.index(split(content)[1]) + 1]
        return due[:count]

    def close(self) -> None:
        self.closed = True

    def forget(self) -> None:
        """The host has given up what it waited for."""
        self._outstanding.clear()

    def say(self, content: bytes) -> None:
        """Send a message to the host."""
        pieces, fate = self._on_the_way(framed(content))
        when = max(self.clock, self._host_clock)
        if fate == "delayed":
            self._host_clock = when = when + self.rng.choice([1, 2])
        self._to_host += [(when + (fate == "overtaken"), piece) for piece in pieces]

    def _on_the_way(self, frame: bytes) -> tuple[list[bytes], str]:
        """What becomes of a frame, and whether that comes now, delayed (and all behind it), or overtaken by the next."""
        rng = self.rng
        happens = {fault: rng.random() < self.faults.get(fault, 0) for fault in FAULTS}
        changed = bytearray(frame)
        if happens["damaged"]:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        if happens["shortened"]:
            del changed[rng.randrange(len(changed))]
        if happens["noise"]:
            changed[:0] = rng.randbytes(rng.randrange(1, 9))
        pieces = [] if happens["lost"] else [bytes(changed)] * (2 if happens["doubled"] else 1)
        return pieces, "overtaken" if happens["overtaken"] else "delayed" if happens["delayed"] else "now"

    def _arrive(self, data: bytes) -> None:
        if self.dead:
            return
        for content in self.frames.read(data):
            self._tell_losses()
            self.received.append(split(content))
            self.dead |= len(self.received) == self.dies_after
            kind, number, body = self.board.answer(content)
            if body is None:
                body = bytes(35) if kind == Kind.COUNTERS | REPLY else result(split(content)[2])
            self.say(message(kind, number, body))
        self._tell_losses()

    def _tell_losses(self) -> None:
        if self.frames.losses:
            self.frames.losses = Loss(0)
            self.say(message(Kind.NOTICE, 0, bytes([Loss.DAMAGED])))


def linked(board: FakeBoard, **options) -> Link:
    """A link to a board, connected while nothing happens on the way."""
    faults, board.faults = board.faults, {}
    link = Link(board, **options)
    link.connect()
    board.faults = faults
    return link


def bodies(seed: int, count: int, longest=60) -> list[bytes]:
    rng = random.Random(f"bodies {seed}")
    return [number.to_bytes(3, "little") + rng.randbytes(rng.randrange(longest)) for number in range(count)]


def images(made: list[bytes]):
    return ((Kind.INFER, body) for body in made)


def check_usable(link: Link, board: FakeBoard) -> None:
    """The next requests get their answers, as if nothing had been before."""
    made = bodies(99, 40)
    assert list(link.exchange(images(made))) == list(map(result, made))
    assert board.most_room <= IDENTITY.buffer_bytes


def test_a_way_without_faults():
    """All answers in order, the board's room well used and never exceeded; nothing is sent twice or waited for."""
    board = FakeBoard()
    link = linked(board)
    assert link.identity == IDENTITY
    made = bodies(0, 300)
    assert list(link.exchange(images(made))) == list(map(result, made))
    assert [body for kind, _, body in board.received if kind == Kind.INFER] == made
    assert IDENTITY.buffer_bytes - 100 < board.most_room <= IDENTITY.buffer_bytes
    assert (link.resent, link.strays, link.damaged, board.silences) == (0, 0, 0, 0)
    assert link.sent_bytes >= sum(map(len, made))
    assert 4 * (link.longest_body + HEAD_BYTES) <= link.room <= IDENTITY.buffer_bytes


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("seed", range(4))
def test_every_fault_is_made_good(fault, seed):
    board = FakeBoard(seed=seed, faults={fault: 0.03})
    link = linked(board)
    made = bodies(seed, 200)
    assert list(link.exchange(images(made))) == list(map(result, made))
    assert board.most_room <= IDENTITY.buffer_bytes
    check_usable(link, board)
    if fault in ("lost", "damaged", "shortened"):
        assert link.resent > 3
    if fault == "doubled":
        assert link.strays > 3


@pytest.mark.parametrize("seed", range(30))
def test_all_faults_together_are_made_good(seed):
    board = FakeBoard(seed=seed, faults=dict.fromkeys(FAULTS, 0.008))
    link = linked(board)
    made = bodies(seed, 150)
    assert list(link.exchange(images(made))) == list(map(result, made))
    assert board.most_room <= IDENTITY.buffer_bytes
    check_usable(link, board)
    sent = sum(kind == Kind.INFER for kind, _, _ in board.received)
    assert link.resent >= sent - 190 - 15  # those that came doubled


@pytest.mark.parametrize("seed", range(10))
def test_a_way_that_is_too_bad_is_told_and_gives_no_wrong_answer(seed):
    board = FakeBoard(seed=seed, faults=dict.fromkeys(("lost", "damaged", "delayed", "doubled"), 0.25))
    link = linked(board)
    made, got = bodies(seed, 300), []
    with pytest.raises(DeviceError, match=r"does not answer|loses requests"):
        got.extend(link.exchange(images(made)))
    assert got == list(map(result, made))[: len(got)]
    assert board.most_room <= IDENTITY.buffer_bytes
    board.faults = {}
    board.forget()
    check_usable(link, board)


def test_a_damaged_request_is_asked_for_at_once():
    """The board's notice tells of it: nobody waits for silence."""
    damaged = set()

    def once(content: bytes) -> bool:
        body = split(content)[2]
        first = body[:1] == b"\7" and body not in damaged
        damaged.add(body)
        return first

    board = FakeBoard(damages=once)
    link = linked(board)
    made = bodies(1, 30)
    assert list(link.exchange(images(made))) == list(map(result, made))
    assert link.resent == 1
    assert board.silences == 0


def test_a_request_that_never_arrives():
    board = FakeBoard(damages=lambda content: split(content)[2] == b"never")
    link = linked(board)
    got = []
    with pytest.raises(DeviceError, match="the fake board loses requests: the request INFER was sent 4 times; try another"):
        got.extend(link.exchange(images([b"first", b"never", b"last"])))
    assert got == [result(b"first")]
    check_usable(link, board)


def test_a_dead_board():
    board = FakeBoard()
    board.dead = True
    with pytest.raises(DeviceError, match="the fake board does not answer: check that the board has power"):
        Link(board).connect()
    assert board.silences == board.clock == Link.TRIES


def test_a_board_that_dies_under_way():
    """The answers that came before are given, and after it lives again the link is usable."""
    board = FakeBoard()
    link = linked(board)
    made, got = bodies(2, 100), []
    board.dies_after = 30
    with pytest.raises(DeviceError, match="does not answer"):
        got.extend(link.exchange(images(made)))
    assert 20 <= len(got) < 30
    assert got == list(map(result, made))[: len(got)]
    assert board.silences <= Link.TRIES
    board.dead, board.dies_after = False, None
    board.forget()
    check_usable(link, board)


class Chatter:
    """Something else at the port, that talks without end."""

    name = "the port"

    def __init__(self, data: bytes):
        self.data, self.until = data, time.monotonic() + 5

    def write(self, data: bytes) -> None:
        pass

    def read(self, timeout: float) -> bytes:
        time.sleep(min(timeout, 0.005))
        assert time.monotonic() < self.until, "the host listens forever"
        return self.data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"$GPGGA,123519,4807.038,N\r\n", "the port does not answer"),
        (b"noise\0", "what is at the port does not speak the protocol of firstspike: is it another device, or another baud"),
        (framed(b"\0\1\2"), "does not answer"),
        (framed(message(Kind.NOTICE, 0, b"\1")), "does not answer"),
        (framed(message(0x86, 7, b"stray")), "does not answer"),
    ],
)
def test_something_that_talks_without_end_is_no_board(data, message):
    with pytest.raises(DeviceError, match=message):
        Link(Chatter(data), timeout=0.1).connect()


def test_a_way_that_damages_everything_is_given_up():
    """The board tells of each loss, but that is no answer."""
    board = FakeBoard()
    link = linked(board)
    board.damages = lambda content: True
    with pytest.raises(DeviceError, match="does not answer"):
        link.request(Kind.RESET)
    assert board.clock < 40
    board.damages = lambda content: False
    board.forget()
    check_usable(link, board)


class Impostor(FakeBoard):
    """Answers `Kind.IDENTIFY` with something else."""

    def __init__(self, body: bytes):
        super().__init__()
        self.body = body

    def say(self, content: bytes) -> None:
        super().say(content[:HEAD_BYTES] + self.body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"hello", "the fake board: what answered is not a firstspike board"),
        (MAGIC + bytes([VERSION + 1]) + IDENTITY.pack()[5:], f"the fake board: the board speaks version {VERSION + 1}"),
        (IDENTITY.pack()[:-1], "the fake board: the board's identity cannot be read"),
    ],
)
def test_what_is_no_board_of_ours_is_refused(body, message):
    with pytest.raises(InputError, match=message):
        Link(Impostor(body)).connect()


@pytest.mark.parametrize("faults", [{}, {"lost": 0.02, "damaged": 0.02, "doubled": 0.02}])
@pytest.mark.parametrize("place", [0, 1, 17, 39])
def test_a_refused_request_leaves_the_link_usable(place, faults):
    """All answers before it are given, although more requests are on their way."""
    board = FakeBoard(faults=faults, seed=place)
    link = linked(board)
    made, got = bodies(3, 40), []
    made[place] = b""  # an image without a code
    with pytest.raises(Refused, match="the fake board refused the request INFER: the request had a wrong length") as caught:
        got.extend(link.exchange(images(made)))
    assert caught.value.reason == Reason.WRONG_LENGTH
    # What was lost before it is not asked for any more.
    assert got == list(map(result, made[: place if not faults else len(got)]))
    check_usable(link, board)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_explained(reason):
    assert "reason" not in str(Refused("it", Kind.INFER, reason))
    assert str(Refused("it", 0x77, 99)) == "it refused a request of kind 0x77: reason 99"


@pytest.mark.parametrize("faults", [{}, {"lost": 0.015, "damaged": 0.015, "doubled": 0.015, "delayed": 0.015}])
@pytest.mark.parametrize("count", [0, 1, 30])
def test_an_exchange_abandoned_in_the_middle_leaves_the_link_usable(count, faults):
    board = FakeBoard(faults=faults, seed=count)
    link = linked(board)
    for _ in range(5):
        made = bodies(4, 100)
        exchange = link.exchange(images(made))
        assert list(islice(exchange, count)) == list(map(result, made[:count]))
        exchange.close()
        check_usable(link, board)


def test_requests_that_break_off_leave_the_link_usable():
    board = FakeBoard()
    link = linked(board)

    def broken():
        yield from images(bodies(5, 30))
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(link.exchange(broken()))
    check_usable(link, board)


def test_a_request_too_large_for_the_board_is_refused_and_the_others_get_through():
    board = FakeBoard()
    link = linked(board)
    largest = bytes(link.room - HEAD_BYTES)
    assert link.request(Kind.INFER, largest) == result(largest)
    with pytest.raises(InputError, match=r"a request of \d+ bytes does not fit into the board's buffer"):
        link.request(Kind.INFER, largest + b"\0")
    check_usable(link, board)


@pytest.mark.parametrize("place", [0, 1, 17, 39, 40])
def test_what_must_not_be_sent_again_is_not(place):
    """A begin or a block that is lost ends the exchange, whatever the board says of those behind it."""
    board = FakeBoard()
    link = linked(board)
    made = [bytes([0, 0, 0, 1, 0, 0, 0]) + body for body in bodies(6, 40)]
    victim = [b"", *made][place]  # the begin itself, or a block
    board.damages = lambda content: split(content)[2] == victim and content[0] != Kind.COUNTERS
    requests = [(Kind.LOAD_BEGIN, b""), *((Kind.LOAD_BLOCK, body) for body in made)]
    with pytest.raises(Lost, match="requests to the fake board were lost; try again"):
        list(link.exchange(requests, again=False))
    sent = [(kind, body) for kind, _, body in board.received if kind in (Kind.LOAD_BEGIN, Kind.LOAD_BLOCK)]
    assert sent == [wanted for wanted in requests if wanted in sent]
    assert link.resent == 0
    board.damages = lambda content: False
    assert list(link.exchange(requests[:1] + requests[:1], again=False)) == [b"", b""]


def test_an_answer_of_another_kind():
    class Confused(FakeBoard):
        def say(self, content):
            kind = Kind.RESET | REPLY if content[0] == Kind.INFER | REPLY else content[0]
            super().say(bytes([kind]) + content[1:])

    link = linked(Confused())
    with pytest.raises(DeviceError, match="answered the request INFER with a message of kind 0x89"):
        link.request(Kind.INFER, b"x")


def test_answers_to_nobody_are_counted_and_passed_over():
    board = FakeBoard()
    link = linked(board)
    for number in range(20):
        board.say(message(Kind.INFER | REPLY, number + 1, b"to somebody else"))
    check_usable(link, board)
    assert link.strays == 20


def test_the_numbers_go_round_without_the_one_of_notices():
    board = FakeBoard()
    link = linked(board)
    link._number = (1 << 32) - 3
    made = bodies(7, 6)
    assert list(link.exchange(images(made))) == list(map(result, made))
    assert [number for kind, number, _ in board.received if kind == Kind.INFER] == [*range((1 << 32) - 3, 1 << 32), 1, 2, 3]


def test_closing_closes_the_way():
    board = FakeBoard()
    linked(board).close()
    assert board.closed
