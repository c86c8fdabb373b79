"""However late, often or wrongly a board answers, the host comes to an end in the time that docs/protocol.md states."""

from dataclasses import replace
from functools import partial
from itertools import islice

import pytest

from firstspike import DeviceError, UserError
from firstspike.devices import serial_port
from firstspike.devices.linked import LinkedDevice
from firstspike.devices.serial_port import find_board
from firstspike.link.link import Link, NoAnswer
from firstspike_spec import infer_spikes
from firstspike_spec.inference.results import Results, compare_results
from firstspike_spec.protocol.messages import REPLY, Kind, Loss, Reason, message

from ...spec.naive_link import framed, split
from ...spec.random_networks import random_times
from .timed_board import HOLDING, NETWORK, TimedBoard, late

#: Timeouts from one answer to the next, and as many until nothing of an exchange is in the board any more.
WAITS = Link.TRIES


def times(batch: int):
    return random_times(1, NETWORK, batch)


def check_runs(device: LinkedDevice, batch: int = 5) -> None:
    for early_exit in (True, False):
        expected = Results.from_inference(infer_spikes(NETWORK, times(batch), early_exit=early_exit), early_exit=early_exit)
        compare_results(expected, device.run(times(batch), early_exit=early_exit)).check()


@pytest.mark.parametrize("identity", [HOLDING, replace(HOLDING, digest="")], ids=["holds it", "is loaded"])
@pytest.mark.parametrize("timeout", [0.25, 1.0, 30.0])
@pytest.mark.parametrize("lateness", [0.0, 0.5, 0.99, 1.0, 1.01, 1.2, 2.0, 2.5, 3.5, 3.9])
def test_a_late_board_works(identity, timeout, lateness):
    """Up to four timeouts, and the more slowly. Nothing is taken for lost."""
    board = TimedBoard(identity, late(lateness * timeout))
    link = board.link(timeout=timeout)
    link.connect()
    device = LinkedDevice(link, NETWORK)
    check_runs(device)
    assert link.resent == link.strays == 0
    assert board.now <= 1 + 2 * WAITS * timeout * board.requests


@pytest.mark.parametrize("lateness", [4.1, 5.0, 17.0, 1000.0])
@pytest.mark.parametrize("timeout", [0.25, 1.0])
def test_a_board_that_is_too_late_is_given_up(lateness, timeout):
    board = TimedBoard(HOLDING, late(lateness * timeout))
    with pytest.raises(NoAnswer, match="the timed board does not answer"):
        board.link(timeout=timeout).connect()
    assert board.now == pytest.approx(WAITS * timeout, abs=0.1)


def only(*kinds: Kind, seconds: float = 0.0):
    """Answers to these requests, and to no others."""
    return lambda request, answer: [(seconds, framed(answer))] if request[0] in kinds else []


@pytest.mark.parametrize("lateness", [0.0, 0.3, 0.9, 0.999, 1.0, 1.1, 3.5])
def test_answers_that_nobody_wants_keep_nobody_waiting(lateness):
    """The board answers all small requests in between, and never the one that matters."""
    board = TimedBoard(HOLDING, only(Kind.IDENTIFY, Kind.COUNTERS))
    link = board.link()
    link.connect()
    board.change, start = only(Kind.COUNTERS, seconds=lateness), board.now
    known = "answers small requests, but not the request RESET within 4 s" if lateness < 3 else "does not answer"
    with pytest.raises(DeviceError, match=f"the timed board {known}"):
        link.request(Kind.RESET)
    assert board.now - start <= 2 * WAITS + 0.1
    board.change = late(0.0)
    assert link.request(Kind.RESET) == b""


def doubled(request, answer):
    return [(0.0, framed(answer))] * 2


def refused(request, answer):
    number = split(answer)[1]
    return [(0.0, framed(message(Kind.ERROR, number, bytes([Reason.NOT_LOADED]))))]


def small_refused(request, answer):
    return refused(request, answer) if request[0] == Kind.COUNTERS else []


def noticed(request, answer):
    return [(0.0, framed(message(Kind.NOTICE, 0, bytes([Loss.DAMAGED]))))] * 3


def strays(request, answer):
    return [(0.0, framed(message(answer[0], split(answer)[1] ^ 1 << 31, b"")))] * 3


CHATTER = {
    "noise": b"\x01\x02\x03\x00",
    "text without an end": b"$GPGGA,123519,4807.038,N\r\n",
    "notices": framed(message(Kind.NOTICE, 0, b"\1")),
    "strays": framed(message(Kind.COUNTERS | REPLY, 77, bytes(35))),
    "short messages": framed(b"\1\2"),
    "zeros": bytes(10),
}


@pytest.mark.parametrize("chatter", ["", *CHATTER])
@pytest.mark.parametrize("change", [only(), noticed, strays, small_refused, refused, doubled])
def test_whatever_comes_every_exchange_ends(change, chatter):
    """Of a board that was right until then; also if the exchange is left in the middle."""
    board = TimedBoard(HOLDING)
    link = board.link()
    link.connect()
    device = LinkedDevice(link, NETWORK)
    board.change, board.chatter, board.most_seconds = change, CHATTER.get(chatter, b""), board.now + 60
    for _ in range(3):
        start = board.now
        try:
            device.run(times(20), early_exit=True)
            assert change is doubled
        except DeviceError:
            assert change is not doubled
        assert board.now - start <= 2 * WAITS + 0.5
    start = board.now
    exchange = link.exchange((Kind.RESET, b"") for _ in range(30))
    if change is doubled:
        assert list(islice(exchange, 3)) == [b""] * 3
    exchange.close()
    assert board.now - start <= WAITS + 0.5
    board.change, board.chatter = late(0.0), b""
    check_runs(device)


def test_a_board_that_dribbles_is_waited_for():
    """Each answer comes shortly before it would be given up: that is progress, however slow."""
    board = TimedBoard(HOLDING)
    link = board.link()
    link.connect()
    board.change = late(3.9)
    for _ in range(20):
        assert link.request(Kind.RESET) == b""
    assert link.resent == 0


def test_time_in_which_nobody_waits_does_not_count():
    """Who takes the answers may take an hour over each."""
    board = TimedBoard(HOLDING, late(3.0))
    link = board.link()
    link.connect()
    for _ in link.exchange([(Kind.RESET, b"")] * 10):
        board.now += 3600
    assert link.resent == 0


class Ports:
    """Ports with a board that is heard at any baud rate, or at one only."""

    def __init__(self, monkeypatch, board: TimedBoard, baud: int | None = None):
        self.board, self.baud, self.opened, self.noted = board, baud, [], []
        monkeypatch.setattr(serial_port, "SerialTransport", self.open)
        monkeypatch.setattr(serial_port, "Link", partial(Link, clock=board.clock))

    def open(self, port: str, baud: int) -> TimedBoard:
        assert not self.opened or self.board.closed, "the port was left open"
        self.opened.append(baud)
        self.board.closed = False
        self.board.change = self.change if self.baud in (None, baud) else only()
        return self.board

    def find(self, change, place="/dev/fake"):
        self.change = change
        try:
            return find_board(place)
        except BaseException:
            assert self.board.closed
            raise


@pytest.mark.parametrize("place", ["/dev/fake", "/dev/fake@1000000"])
@pytest.mark.parametrize("lateness", [0.3, 0.5, 0.9, 1.1, 2.0, 3.5, 3.9, 4.1, 10.0])
def test_a_late_board_is_found_or_not_in_bounded_time(monkeypatch, place, lateness):
    ports = Ports(monkeypatch, TimedBoard())
    named = "@" in place
    if lateness < (4.0 if named else 1.0):
        link = ports.find(late(lateness), place)
        assert link.timeout == 1.0
        check_runs(LinkedDevice(link, NETWORK))
    else:
        with pytest.raises(DeviceError, match="no board answers at /dev/fake"):
            ports.find(late(lateness), place)
        assert ports.opened == ([1_000_000] if named else list(serial_port._BAUDS))
        assert ports.board.now <= 7.5


@pytest.mark.parametrize("change", [noticed, strays, small_refused, only(Kind.COUNTERS, seconds=0.2)])
@pytest.mark.parametrize("chatter", CHATTER.values(), ids=CHATTER)
def test_seven_baud_rates_take_bounded_time(monkeypatch, change, chatter):
    ports = Ports(monkeypatch, TimedBoard(chatter=chatter))
    with pytest.raises(DeviceError):
        ports.find(change)
    assert ports.board.now <= 7.5


@pytest.mark.parametrize("baud", [3_000_000, 1_000_000, 12_000_000])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (refused, "refused the request IDENTIFY: no network is loaded"),
        (only(Kind.COUNTERS), "answers small requests, but not the request IDENTIFY within 1 s"),
        (lambda request, answer: [(0.0, framed(request))], "answered the request IDENTIFY with a message of kind 0x1"),
        (lambda request, answer: [(0.0, framed(answer[:5]))], "what answered is not a firstspike board"),
        (lambda request, answer: [(0.0, framed(answer[:50]))], "the board's identity cannot be read"),
        (lambda request, answer: [(0.0, framed(answer[:9] + b"\x01" + answer[10:]))], "speaks version 1 of the protocol"),
        (lambda request, answer: [(0.0, framed(bytes([Kind.ERROR]) + answer[1:5]))], "with 0 bytes instead of 1"),
    ],
)
def test_a_bad_answer_to_the_first_question_is_told_as_what_it_is(monkeypatch, baud, change, message):
    """At whichever baud rate it comes; it is no silence."""
    ports = Ports(monkeypatch, TimedBoard(), baud)
    with pytest.raises(UserError, match=message):
        ports.find(change)
    assert ports.opened[-1] == baud


def test_a_board_at_one_of_seven_rates_is_found(monkeypatch):
    ports = Ports(monkeypatch, TimedBoard(), 4_000_000)
    check_runs(LinkedDevice(ports.find(late(0.0)), NETWORK))
    assert ports.opened[-1] == 4_000_000


def test_loading_comes_to_an_end():
    """Three times at most, whatever is refused, lost or late on the way."""

    def loses(request, answer):
        return [] if request[0] == Kind.LOAD_BLOCK else [(0.9, framed(answer))]

    board = TimedBoard(replace(HOLDING, digest=""), loses, most_seconds=100)
    link = board.link()
    link.connect()
    with pytest.raises(DeviceError):
        LinkedDevice(link, NETWORK)
    assert board.now <= 3 * 2 * WAITS + 5
