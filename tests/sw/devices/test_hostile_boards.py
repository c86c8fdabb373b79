"""Boards that say anything at any time: nothing but right results or a clear refusal, in bounded time.

Each case is a whole session with a board in plain Python: who is there, loading, reading back, images in both modes.
"""

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from firstspike import UserError
from firstspike.devices.linked import LinkedDevice
from firstspike.link.link import Link
from firstspike_spec import infer_spikes
from firstspike_spec.inference.results import Results, compare_results
from firstspike_spec.protocol.messages import HEAD_BYTES, REPLY, Identity, Kind, Reason, message

from ...levels import THOROUGH
from ...spec.naive_link import Frames, framed, split
from ...spec.naive_results import changed_words, is_possible
from ...spec.random_networks import random_times
from ..link.timed_board import HOLDING, IMAGE, NETWORK, TimedBoard

#: Sessions, and parts that they are shared out among.
CASES, PARTS = 40_000 if THOROUGH else 3_200, 8

TIMES = random_times(5, NETWORK, 4)
RIGHT = {
    early_exit: Results.from_inference(infer_spikes(NETWORK, TIMES, early_exit=early_exit), early_exit=early_exit)
    for early_exit in (True, False)
}

#: What a board may do in place of an answer: pieces for the line, each so many seconds late.
Trick = Callable[[random.Random, bytes, bytes], list[tuple[float, bytes]]]


def now(*contents: bytes) -> list[tuple[float, bytes]]:
    return [(0.0, framed(content)) for content in contents]


def with_body(answer: bytes, body: bytes) -> bytes:
    return answer[:HEAD_BYTES] + body


def flipped(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def with_other_words(answer: bytes, rng: random.Random) -> bytes:
    """An image's answer with a few changes in its words; another answer stays as it is."""
    if answer[0] not in (Kind.INFER | REPLY, Kind.INFER_ALL | REPLY):
        return answer
    words = changed_words(np.frombuffer(answer[HEAD_BYTES:-1], "<u8"), rng)
    return with_body(answer, words.astype("<u8").tobytes() + answer[-1:])


def another_number(answer: bytes, rng: random.Random) -> bytes:
    number = rng.choice([0, split(answer)[1] + rng.choice([-1, 1]), rng.randrange(1 << 32)])
    return message(answer[0], number % (1 << 32), answer[HEAD_BYTES:])


def some_bytes(answer: bytes, rng: random.Random) -> bytes:
    return rng.randbytes(rng.choice([0, 1, 4, 9, 17, 35, len(answer) - HEAD_BYTES, 400]))


TRICKS: dict[str, Trick] = {
    "late": lambda rng, answer, last: [(rng.choice([0.3, 1.1, 2.2, 3.5, 3.9, 4.1, 9.0, 100.0]), framed(answer))],
    "doubled": lambda rng, answer, last: [*now(answer, answer), (rng.choice([0.0, 1.5]), framed(answer))],
    "missing": lambda rng, answer, last: [],
    "the last one": lambda rng, answer, last: now(last),
    "the last one again": lambda rng, answer, last: now(answer, last),
    "truncated": lambda rng, answer, last: now(
        answer[: rng.choice([HEAD_BYTES, len(answer) - 1, rng.randrange(len(answer))])]
    ),
    "extended": lambda rng, answer, last: now(answer + rng.randbytes(rng.choice([1, 8, 16, 3000]))),
    "damaged": lambda rng, answer, last: [(0.0, flipped(framed(answer), rng))],
    "noise": lambda rng, answer, last: [(0.0, rng.randbytes(rng.choice([1, 30, 5000]))), *now(answer)],
    "a bit": lambda rng, answer, last: now(flipped(answer, rng)),
    "some bytes": lambda rng, answer, last: now(with_body(answer, some_bytes(answer, rng))),
    "all the same": lambda rng, answer, last: now(
        with_body(answer, bytes([rng.choice([0, 1, 255])]) * (len(answer) - HEAD_BYTES))
    ),
    "another kind": lambda rng, answer, last: now(
        bytes([rng.choice([*Kind, *(kind | REPLY for kind in Kind), 0])]) + answer[1:]
    ),
    "another number": lambda rng, answer, last: now(another_number(answer, rng)),
    "refused": lambda rng, answer, last: now(message(Kind.ERROR, split(answer)[1], bytes([rng.choice([*Reason, 0, 77])]))),
    "notice": lambda rng, answer, last: now(message(Kind.NOTICE, rng.choice([0, split(answer)[1]]), rng.randbytes(1))),
    "notice before": lambda rng, answer, last: now(message(Kind.NOTICE, 0, b"\1"), answer),
    "other words": lambda rng, answer, last: now(with_other_words(answer, rng)),
}


class Session:
    """One host and one board, which plays a trick in place of some of its answers.

    Parameters
    ----------
    identity : Identity
        What the board is.
    trick : Trick
    rng : random.Random
    meant : callable
        Tells of a request's kind, and of how many answers there were before, whether the trick is played.
    """

    def __init__(self, identity: Identity, trick: Trick, rng: random.Random, meant: Callable[[int, int], bool]):
        self.trick, self.rng, self.meant = trick, rng, meant
        self.board = TimedBoard(identity, self._change, most_seconds=10_000)
        self._right: dict[int, bytes] = {}  # by number, the right answer
        self._said: list[bytes] = []  # what was said instead
        self._last = b""

    def run(self) -> str:
        """Load, run and count; tell what came of it: ``right``, ``refused`` or ``wrong``."""
        try:
            link = self.board.link()
            link.connect()
            device = LinkedDevice(link, NETWORK)
            got = {early_exit: device.run(TIMES, early_exit=early_exit) for early_exit in RIGHT}
            device.counters()
            outcome = "right" if all(compare_results(RIGHT[mode], got[mode]).passed for mode in RIGHT) else "wrong"
        except UserError:
            outcome = "refused"
        # No more than four timeouts for each answer, and four until nothing is in the board any more.
        assert self.board.now <= 2 * Link.TRIES * link.timeout * self.board.requests + 1
        return outcome

    def lied(self) -> bool:
        """Whether the board answered an image with what an engine could give for another one: nobody can notice that."""
        return any(
            kind in (Kind.INFER | REPLY, Kind.INFER_ALL | REPLY)
            and content != self._right.get(number)
            and len(body) % 8 == 1
            and body[-1] == 0
            and is_possible(IMAGE, np.frombuffer(body[:-1], "<u8"), early_exit=kind == Kind.INFER | REPLY)
            for content in self._said
            for kind, number, body in [split(content)]
        )

    def _change(self, request: bytes, answer: bytes) -> list[tuple[float, bytes]]:
        number = split(answer)[1]
        played = self.meant(request[0], len(self._right))
        pieces = self.trick(self.rng, answer, self._last or answer) if played else now(answer)
        self._right[number] = self._last = answer
        if played:
            self._said += Frames().read(b"\0".join(piece for _, piece in pieces) + b"\0")
        return pieces


def some_answers(rng: random.Random) -> Callable[[int, int], bool]:
    """One answer, those to one kind of request, all from one on, or some."""
    first, kind, share = rng.randrange(20), rng.choice([kind for kind in Kind if kind < REPLY]), rng.random() ** 3
    return rng.choice(
        [
            lambda asked, before: before == first,
            lambda asked, before: asked == kind,
            lambda asked, before: before >= first,
            lambda asked, before: rng.random() < share,
        ]
    )


@pytest.mark.parametrize("part", range(PARTS))
def test_answers_of_all_kinds_late_doubled_missing_and_impossible(part):
    found = Counter()
    for case in range(part, CASES, PARTS):
        rng = random.Random(case)
        name = list(TRICKS)[case // PARTS % len(TRICKS)]
        session = Session(replace(HOLDING, digest=rng.choice(["", HOLDING.digest])), TRICKS[name], rng, some_answers(rng))
        try:
            outcome = session.run()
            assert outcome != "wrong" or session.lied(), "a wrong result"
        except Exception as error:
            raise AssertionError(f"case {case}, {name}: {error!r}") from error
        found[name, outcome] += 1
    accepted = {name for name, outcome in found if outcome == "right"}
    refused = {name for name, outcome in found if outcome == "refused"}
    assert accepted == set(TRICKS)
    assert refused >= set(TRICKS) - {"doubled", "the last one again", "noise", "notice before", "damaged", "notice", "late"}


FACTS = json.loads(HOLDING.constants())
VALUES = [None, True, "", "7", 7.5, float("nan"), -1, 0, 1, 2, 3, 7, 64, 255, 257, 1 << 16, 1 << 40, [], [1], {}, {"lanes": 1}]


def places(facts: object) -> list[tuple]:
    """The places of all values in nested dictionaries and lists."""
    inner = facts.items() if isinstance(facts, dict) else enumerate(facts) if isinstance(facts, list) else ()
    return [(), *((name, *place) for name, value in inner for place in places(value))]


def with_value(facts: object, place: tuple, value: object) -> object:
    if not place:
        return value
    changed = list(facts) if isinstance(facts, list) else dict(facts)
    changed[place[0]] = with_value(facts[place[0]], place[1:], value)
    return changed


@pytest.mark.parametrize("loaded", [True, False])
def test_identities_of_all_kinds(loaded):
    """Every fact with values of every kind; some are in range, but not those of this board."""
    found = Counter()
    for place in places(FACTS):
        for value in VALUES:
            text = json.dumps(with_value(FACTS, place, value)).encode()

            def trick(rng, answer, last, text=text):
                return now(answer[: HEAD_BYTES + len(HOLDING.pack()) - len(HOLDING.constants())] + text)

            identity = replace(HOLDING, digest=HOLDING.digest if loaded else "")
            session = Session(identity, trick, random.Random(0), lambda asked, before: asked == Kind.IDENTIFY)
            try:
                outcome = session.run()
                assert outcome != "wrong", "a wrong result"
            except Exception as error:
                raise AssertionError(f"{place} = {value!r}: {error!r}") from error
            found[outcome] += 1
    assert found["right"] > 20
    assert found["refused"] > 400
