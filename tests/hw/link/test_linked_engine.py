"""The engine behind its link: whatever bytes come, every whole request gets its one right answer.

Most of it runs on the compiled RTL, beside a board in plain Python (`NaiveBoard`) that says what each answer must be.
"""

import gc
import random
from collections import deque
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from firstspike_hw.link.linked_engine import LinkedEngine
from firstspike_hw.simulation import NativeLink
from firstspike_spec import infer_spikes
from firstspike_spec.common.errors import InputError
from firstspike_spec.common.words import RESULT_WORD, Memory
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.contents import EngineContents
from firstspike_spec.inference.results import Results, compare_results
from firstspike_spec.protocol.loading import blocks, check_range, load_end, readable
from firstspike_spec.protocol.messages import COUNTER_BYTES, COUNTERS, REPLY, Identity, Kind, Loss, Reason, Status
from firstspike_spec.protocol.result_words import read_results
from firstspike_spec.protocol.spike_code import decode_spikes, encode_spikes

from ...spec.naive_link import Frames, NaiveBoard, request, split
from ...spec.random_networks import random_network, random_times
from ..bench import put, simulate, stall
from ..models import roomy

SHAPE = roomy((12, 9, 5), (3,), time_steps=7)
IDENTITY = Identity(SHAPE, board="tiny", clock_hz=1_000_000, baud=0, buffer_bytes=2048)

#: Two that differ in all sizes, also in ``T``, and a third.
NETWORKS = [
    random_network(1, (12, 9, 5), time_steps=4, connectivity=0.6),
    random_network(2, (10, 6, 3), time_steps=7, connectivity=0.8),
    random_network(3, (12, 9, 5), time_steps=2, connectivity=0.3),
]
IMAGES = [compile_network(network, SHAPE) for network in NETWORKS]

#: Bytes that are sent before all answers are awaited: they never fill the buffer.
CHUNK = 1024


def load_requests(image: EngineContents, *, longest=40) -> list[tuple[Kind, bytes]]:
    """The requests that load a network, in small blocks."""
    parts = list(blocks(image, longest))
    check = NaiveBoard(IDENTITY)
    for part in parts:
        check.answer(bytes([Kind.LOAD_BEGIN if part is parts[0] else 0]) + bytes(4))
        check._block(part)
    return [
        (Kind.LOAD_BEGIN, b""),
        *((Kind.LOAD_BLOCK, part) for part in parts),
        (Kind.LOAD_END, load_end(image, check.check)),
    ]


class Board:
    """The compiled board and the one in plain Python, with the same bytes."""

    def __init__(self, cache):
        self.link = NativeLink(IDENTITY, cache=cache)
        self.model, self.frames, self.answers = NaiveBoard(IDENTITY), Frames(longest=IDENTITY.buffer_bytes), Frames()
        self.images = {image.digest: image for image in IMAGES}
        self.compared_images = self.answered = self.number = 0
        self._right: dict[tuple, list[int]] = {}

    def exchange(self, data: bytes) -> list[bytes]:
        """Send bytes; return all messages that come, until nothing more would."""
        self.link.write(data)
        messages = []
        while given := self.link.read():
            messages += self.answers.read(given)
        assert self.answers.rest == b""
        assert self.answers.damaged == 0
        return messages

    def feed(self, data: bytes) -> list[tuple[int, int, bytes]]:
        """Send bytes; check all answers, and return them."""
        answers = []
        for at in range(0, len(data), CHUNK):
            piece = data[at : at + CHUNK]
            self.frames.losses = told = Loss(0)
            requests = self.frames.read(piece)
            got = []
            for kind, number, body in map(split, self.exchange(piece)):
                if kind == Kind.NOTICE:
                    assert (number, len(body)) == (0, 1)
                    assert body[0]
                    told |= Loss(body[0])
                else:
                    got.append((kind, number, body))
            assert told == self.frames.losses
            assert len(got) == len(requests)
            for content, answer in zip(requests, got, strict=True):
                self._check(content, answer)
            answers += got
        self.answered += len(answers)
        return answers

    def ask(self, *requests: tuple[Kind, bytes]) -> list[tuple[int, bytes]]:
        """Send requests; return the kinds and bodies of their answers."""
        data, numbers = b"", []
        for kind, body in requests:
            self.number += 1
            numbers.append(self.number)
            data += request(kind, self.number, body)
        answers = self.feed(data)
        assert [number for _, number, _ in answers] == numbers
        return [(kind, body) for kind, _, body in answers]

    def load(self, image: EngineContents) -> None:
        self.ask(*load_requests(image, longest=500))
        assert self.model.loaded

    def state(self) -> str:
        """The digest of what the board says that it holds; empty if nothing."""
        ((_, identity),) = self.ask((Kind.IDENTIFY, b""))
        return Identity.unpack(identity).digest

    def check_state(self) -> str:
        """As `state`; also check that an image gives what that network must give, or that nothing is loaded."""
        digest, compared = self.state(), self.compared_images
        image = self.images.get(digest, IMAGES[0])
        ((kind, body),) = self.ask((Kind.INFER_ALL, code_of(image, 5)))
        if digest:
            assert self.compared_images == compared + 1
        else:
            assert (kind, body) == (Kind.ERROR, bytes([Reason.NOT_LOADED]))
        return digest

    def _check(self, content: bytes, answer: tuple[int, int, bytes]) -> None:
        was_loaded = self.model.loaded
        kind, number, body = self.model.answer(content)
        assert answer[:2] == (kind, number), f"{content.hex()} was answered with {answer}"
        if body is not None:
            assert answer[2] == body, f"{content.hex()} was answered with {answer}, not {body.hex()}"
        elif kind == Kind.COUNTERS | REPLY:
            assert len(answer[2]) == COUNTER_BYTES * len(COUNTERS)
        else:
            self._check_image(split(content), answer[2])
        if self.model.loaded and not was_loaded:
            self._check_memories()

    def _check_memories(self) -> None:
        """What has just been loaded is all of one network."""
        image = self.images.get(self.model.digest.hex())
        for part in image.memories() if image else ():
            for address, word in enumerate(part.words.tolist()):
                assert self.model.memories[part.layer, part.lane, part.memory, address] == word

    def _check_image(self, content: tuple[int, int, bytes], body: bytes) -> None:
        kind, _number, code = content
        words, status = np.frombuffer(body[:-1], "<u8").astype(np.uint64), body[-1]
        decisions = RESULT_WORD.unpack(words)["decision"]
        assert decisions.sum() == decisions[-1] == 1
        image = self.images.get(self.model.digest.hex())
        if image is None:
            return
        key = (image.digest, kind, code)
        plain = sorted(int(word) if not decision else int(word) >> 32 for word, decision in zip(words, decisions, strict=True))
        if key not in self._right:
            try:
                times = decode_spikes(code, image.network.inputs, image.network.time_steps)[None]
            except InputError:
                return  # the spike decoder's tests say which status there must be
            early_exit = kind == Kind.INFER
            expected = infer_spikes(image.network, times, early_exit=early_exit)
            got = read_results(image, words, batch=1, early_exit=early_exit)
            compare_results(Results.from_inference(expected, early_exit=early_exit), got).check()
            self._right[key] = plain
        assert plain == self._right[key]
        assert status == Status.RIGHT
        self.compared_images += 1


def code_of(image: EngineContents, seed: int) -> bytes:
    return encode_spikes(random_times(seed, image.network, 1)[0], image.network.time_steps)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("links")


@pytest.fixture
def board(cache):
    board = Board(cache)
    yield board
    board.link.close()


def counters(board: Board) -> dict[str, int]:
    ((_, body),) = board.ask((Kind.COUNTERS, b""))
    values = [int.from_bytes(body[at : at + COUNTER_BYTES], "little") for at in range(0, len(body), COUNTER_BYTES)]
    return dict(zip(COUNTERS, values, strict=True))


def test_a_board_without_a_network_says_so(board):
    assert board.check_state() == ""
    assert board.ask((Kind.INFER, b"\xff"), (Kind.LOAD_END, bytes(36)), (0x55, b"abc")) == [
        (Kind.ERROR, bytes([Reason.NOT_LOADED])),
        (Kind.ERROR, bytes([Reason.NOT_LOADING])),
        (Kind.ERROR, bytes([Reason.UNKNOWN_KIND])),
    ]


def test_networks_are_loaded_read_back_and_run_in_turn(board):
    for image in (*IMAGES, IMAGES[0]):
        board.load(image)
        parts = readable(image)
        ranges = [check_range(part, 0, len(part.words)) for part in parts]
        assert [body for _, body in board.ask(*((Kind.CHECK, body) for body, _ in ranges))] == [end for _, end in ranges]
        for kind in (Kind.INFER, Kind.INFER_ALL, Kind.INFER):
            board.ask(*((kind, code_of(image, seed)) for seed in range(12)))
        assert board.check_state() == image.digest
    assert board.compared_images == 4 * 37


def test_early_exit_changes_between_images_and_requests_of_all_kinds_keep_their_order(board):
    board.load(IMAGES[0])
    rng = random.Random(0)
    others = [Kind.IDENTIFY, Kind.COUNTERS, Kind.RESET, 0x70]
    requests = []
    for seed in range(60):
        requests.append((rng.choice([Kind.INFER, Kind.INFER_ALL]), code_of(IMAGES[0], seed % 20)))
        requests += [(rng.choice(others), b"")] * (rng.random() < 0.2)
    board.ask(*requests)
    assert board.compared_images == 60


def test_a_whole_buffer_of_images_at_once(board):
    """As many requests without answers as the identity allows, sent in one go."""
    image = IMAGES[1]
    board.load(image)
    codes = [code_of(image, seed) for seed in range(500)]
    contents, room = [], IDENTITY.buffer_bytes
    for number, code in enumerate(codes):
        room -= 5 + len(code)
        if room >= 0:
            contents.append((number, code))
    answers = board.exchange(b"".join(request(Kind.INFER, number, code) for number, code in contents))
    assert [split(answer)[:2] for answer in answers] == [(REPLY | Kind.INFER, number) for number, _ in contents]
    for (number, code), answer in zip(contents, answers, strict=True):
        board._check_image((Kind.INFER, number, code), split(answer)[2])
    assert board.compared_images == len(contents) > 100


def test_requests_beyond_the_buffer_are_lost_told_of_and_the_others_are_right(board):
    image = IMAGES[1]
    board.load(image)
    codes = [code_of(image, seed) for seed in range(800)]
    given = board.exchange(b"".join(request(Kind.INFER_ALL, number + 1, code) for number, code in enumerate(codes)))
    answers = [split(answer) for answer in given if answer[0] != Kind.NOTICE]
    numbers = [number for _, number, _ in answers]
    assert 100 < len(numbers) < 800
    assert numbers == sorted(set(numbers))
    assert any(answer[0] == Kind.NOTICE and answer[-1] == Loss.OVERSIZED for answer in given)
    for _, number, body in answers:
        board._check_image((Kind.INFER_ALL, number, codes[number - 1]), body)
    assert board.compared_images == len(numbers)
    board.frames.oversized = len(codes) - len(numbers)
    assert counters(board)["oversized_frames"] == board.frames.oversized
    assert board.check_state() == image.digest


def test_counters_are_those_of_the_golden_model(board):
    image = IMAGES[0]
    board.load(image)
    board.ask((Kind.INFER, code_of(image, 0)), (Kind.RESET, b""))
    before = counters(board)
    assert before["cycles"] < 500
    assert all(value == 0 for name, value in before.items() if name != "cycles")
    times = random_times(9, image.network, 20)
    codes = [encode_spikes(row, image.network.time_steps) for row in times]
    board.ask(*((Kind.INFER_ALL, code) for code in codes))
    after, inference = counters(board), infer_spikes(image.network, times, early_exit=False)
    assert after["spikes"] == inference.spikes.sum()
    assert after["synaptic_operations"] == inference.synaptic_operations.sum() > 0
    assert 0 < after["stall_cycles"] < after["busy_cycles"] < after["cycles"]
    board.feed(b"\1\2\3\0" + b"\5\0" + request(9, 1)[:-1] + b"\1\0")
    lost = counters(board)
    assert (lost["damaged_frames"], lost["oversized_frames"]) == (3, 0)
    # A reset clears them and leaves the network.
    board.ask((Kind.RESET, b""))
    assert counters(board)["damaged_frames"] == 0
    assert board.check_state() == image.digest


def test_the_cycle_counter_is_told_as_of_one_moment(board):
    """Its bytes must not be of different moments: between two askings of the same kind lies always the same time."""
    board.ask((Kind.RESET, b""))
    seen = [counters(board)["cycles"] for _ in range(600)]
    assert len(set(np.diff(seen).tolist())) == 1


@pytest.mark.parametrize(
    "requests",
    [
        [(Kind.LOAD_BEGIN, b""), (Kind.LOAD_END, bytes(4) + bytes(32))],
        # A memory's number beyond all memories, and a T of 0 and of 1.
        *([(Kind.LOAD_BEGIN, b""), (Kind.LOAD_BLOCK, bytes([0, 0, memory, 2, 0, 0, 0, steps, 0]))] for memory, steps in
          ((7, 9), (7, 200), (3, 0), (3, 1), (255, 3))),
    ],
)  # fmt: skip
def test_a_load_of_hardly_anything_cannot_stop_the_board(board, requests):
    """The host does not send such; but whatever it sends, every image is answered."""
    board.ask(*requests)
    if requests[-1][0] != Kind.LOAD_END:
        board.ask((Kind.LOAD_END, board.model.check.to_bytes(4, "little") + bytes(32)))
    assert board.model.loaded
    answers = board.ask(*((kind, code_of(IMAGES[0], seed)) for seed in range(3) for kind in (Kind.INFER, Kind.INFER_ALL)))
    assert [kind for kind, _ in answers] == [0x86, 0x87] * 3
    board.load(IMAGES[0])
    assert board.check_state() == IMAGES[0].digest


# Loads that are interrupted.


@pytest.mark.parametrize("seed", range(2))
def test_an_interrupted_load_leaves_no_mixture(board, seed):
    """After every message of a load, and with replays of both networks in between: the old, the new or none."""
    rng = random.Random(seed)
    old, new = IMAGES[:2] if seed % 2 else IMAGES[1::-1]
    requests, others = load_requests(new), load_requests(old)
    states = []
    for cut in range(len(requests) + 1):
        board.load(old)
        sent = requests[:cut]
        if cut % 2:
            # Not the end itself: behind all blocks of the other network it would be right.
            for _ in range(rng.choice([1, 1, 2, 5])):
                sent.insert(rng.randrange(len(sent) + 1), rng.choice(others + requests))
        board.ask(*sent)
        states.append(board.check_state())
        assert states[-1] in ("", old.digest, new.digest)
        if cut % 2 == 0:
            assert states[-1] == (old.digest if cut == 0 else new.digest if cut == len(requests) else "")
        # The end that was held back does not help later, unless all blocks have come.
        board.ask(requests[-1])
        assert board.check_state() in ("", old.digest, new.digest)
    assert states[0] == old.digest
    assert states.count("") > len(requests) // 2


def test_each_block_that_is_missing_doubled_exchanged_or_changed_spoils_the_load(board):
    image = IMAGES[0]
    requests, rng = load_requests(image), random.Random(1)
    for at in range(1, len(requests) - 1):
        kind, body = requests[at]
        flipped = bytearray(body)
        flipped[rng.randrange(7, len(body))] ^= 1 << rng.randrange(8)
        following = [requests[at + 1], requests[at]] if at < len(requests) - 2 else []
        for instead in ([], [requests[at]] * 2, [(kind, bytes(flipped))], following + [(kind, b"")] * (not following)):
            sent = requests[:at] + instead + requests[at + 1 + (len(following) > 0 and instead == following) :]
            answers = board.ask(*sent)
            assert answers[-1] == (Kind.ERROR, bytes([Reason.WRONG_CHECK])) or instead == [(kind, b"")]
            assert board.state() == ""
    board.load(image)
    assert board.check_state() == image.digest


# Noise.


class Noise:
    """Bytes of all kinds: real requests, fresh and old, whole and damaged, and what never was one."""

    def __init__(self, seed: int):
        self.rng = random.Random(seed)
        self.loads = [load_requests(image, longest=longest) for image, longest in zip(IMAGES, (60, 300, 30), strict=True)]
        self.codes = [[code_of(image, seed) for seed in range(30)] for image in IMAGES]
        self.loaded = 0  # the network whose images come most
        ranges = [(part, len(part.words)) for image in IMAGES for part in readable(image)]
        self.checks = [check_range(part, count // 3, count - count // 3)[0] for part, count in ranges]
        self.history: deque[bytes] = deque(maxlen=300)

    def request(self) -> bytes:
        rng = self.rng
        kind, body = rng.choice([Kind.INFER, Kind.INFER_ALL]), rng.choice(self.codes[self.loaded])
        draw = rng.random()
        if draw > 0.9:
            body = rng.choice(rng.choice(self.codes))
        elif draw < 0.1:
            kind, body = Kind.CHECK, rng.choice(self.checks)
        elif draw < 0.25:
            kind, body = rng.choice(rng.choice(self.loads))
        elif draw < 0.3:
            kind, body = rng.choice([Kind.IDENTIFY, Kind.COUNTERS, Kind.RESET]), b""
        elif draw < 0.32:
            kind, body = rng.choice([*Kind, rng.randrange(256)]), rng.randbytes(rng.randrange(30))
        return self.framed(kind, body)

    def framed(self, kind: int, body: bytes) -> bytes:
        frame = request(kind, self.rng.getrandbits(32), body)
        self.history.append(frame)
        return frame

    def load(self) -> bytes:
        """A whole load, or one with messages that are missing, doubled, exchanged or of another network."""
        rng, requests = self.rng, list(self.rng.choice(self.loads))
        for _ in range(rng.choice([0, 0, 1, 2])):
            at, change = rng.randrange(len(requests)), rng.randrange(4)
            if change == 0:
                del requests[at]
            elif change == 1:
                requests.insert(at, rng.choice(requests))
            elif change == 2:
                requests.insert(at, requests.pop(rng.randrange(len(requests))))
            else:
                requests.insert(at, rng.choice(rng.choice(self.loads)))
        return b"".join(self.framed(kind, body) for kind, body in requests)

    def damaged(self) -> bytes:
        rng = self.rng
        frame = bytearray(self.request() if rng.random() < 0.7 else rng.choice(self.history or [b"\1\2\0"]))
        for _ in range(rng.choice([1, 1, 2, 5])):
            at, change = rng.randrange(len(frame)), rng.randrange(5)
            if change == 0:
                frame[at] ^= 1 << rng.randrange(8)
            elif change == 1 and len(frame) > 1:
                del frame[at : at + rng.choice([1, 1, 3])]
            elif change == 2:
                frame.insert(at, rng.randrange(256))
            elif change == 3:
                frame[at:at] = frame[at : at + 4]
            else:
                del frame[at + 1 :]
            frame = frame or bytearray(b"\0")
        return bytes(frame)

    def piece(self) -> bytes:
        rng = self.rng
        draw = rng.random()
        if draw < 0.40:
            return self.request()
        if draw < 0.50:
            return rng.choice(self.history) if self.history else b""
        if draw < 0.75:
            return self.damaged()
        if draw < 0.85:
            frames = [self.request() for _ in range(rng.randrange(2, 6))]
            return b"".join(rng.sample(frames, len(frames)))
        if draw < 0.93:
            return rng.randbytes(rng.randrange(1, 60))
        if draw < 0.95:
            return self.load()
        if draw < 0.955:
            return self.framed(rng.choice(list(Kind)), rng.randbytes(rng.randrange(2044, 4000)))
        if draw < 0.96:
            return bytes(rng.randrange(1, 256) for _ in range(3000))
        return bytes(rng.choice([0, 0, 1, 255]) for _ in range(rng.randrange(20)))

    def take(self, count: int) -> bytes:
        pieces, length = [], 0
        while length < count:
            pieces.append(self.piece())
            length += len(pieces[-1])
        return b"".join(pieces)


NOISE_BYTES = 1_000_000


def test_no_noise_stops_the_board_or_makes_it_answer_wrong(board):
    """Each answer is checked against the board in plain Python; after each part a network is loaded and images run."""
    noise, rng = Noise(0), random.Random(1)
    board.load(IMAGES[0])  # before that, memories hold what nobody knows
    sent = 0
    while sent < NOISE_BYTES:
        data = noise.take(5_000)
        board.feed(data)
        sent += len(data)
        board.feed(b"\0")
        # Whatever it holds after the noise, it holds all of it.
        assert board.check_state() in ("", *board.images)
        noise.loaded = rng.randrange(len(IMAGES))
        board.load(IMAGES[noise.loaded])
        assert board.check_state() == IMAGES[noise.loaded].digest
    assert board.answered > 15_000
    assert board.compared_images > 3_000
    assert board.frames.damaged > 5_000
    assert board.frames.oversized > 10


# In Amaranth's simulator: what the compiled board does not show.


def respond(data: bytes, answers: int, *, image: EngineContents | None = None, stalls=0.0):
    """Send bytes; return the messages that come, and what the lights showed in each cycle."""
    identity = replace(IDENTITY, digest=image.digest if image else "")
    dut = LinkedEngine(identity, image)
    given, lights = bytearray(), []

    async def bytes_in(ctx):
        for byte in data:
            await put(ctx, dut.i, byte)

    async def bytes_out(ctx):
        rng = random.Random(0)
        while given.count(0) < answers:
            await stall(ctx, rng, stalls)
            ctx.set(dut.o.ready, 1)
            *_, byte = await ctx.tick().sample(dut.o.payload).until(dut.o.valid)
            ctx.set(dut.o.ready, 0)
            given.append(byte)
        await ctx.tick().repeat(3)

    async def watch_lights(ctx):
        while True:
            *_, loaded, busy, lost = await ctx.tick().sample(dut.loaded, dut.busy, dut.lost)
            lights.append((loaded, busy, lost))

    simulate(dut, bytes_in, bytes_out, background=(watch_lights,), limit=100_000)
    return Frames().read(bytes(given)), lights


@pytest.mark.parametrize("stalls", [0, 0.8])
def test_a_network_from_power_up(stalls):
    """It runs without being loaded, whatever the link's way out stalls, and the identity tells of it."""
    image = IMAGES[1]
    codes = [code_of(image, seed) for seed in range(5)]
    data = b"".join(request(Kind.INFER_ALL, number, code) for number, code in enumerate(codes))
    messages, lights = respond(data + request(Kind.IDENTIFY, 9), 6, image=image, stalls=stalls)
    words = [np.frombuffer(split(message)[2][:-1], "<u8").astype(np.uint64) for message in messages[:-1]]
    assert [split(message)[1] for message in messages] == [0, 1, 2, 3, 4, 9]
    times = np.concatenate([random_times(seed, image.network, 1) for seed in range(5)])
    expected = Results.from_inference(infer_spikes(image.network, times, early_exit=False), early_exit=False)
    compare_results(expected, read_results(image, np.concatenate(words), batch=5, early_exit=False)).check()
    assert Identity.unpack(split(messages[-1])[2]) == replace(IDENTITY, digest=image.digest)
    assert all(loaded for loaded, _, _ in lights)
    assert [lights[0][1], lights[-1][1]] == [0, 0]
    assert any(busy for _, busy, _ in lights)


def test_the_lights():
    """Loaded from the end of a load until the next begins, busy while there is work, lost for a cycle a frame."""
    image = IMAGES[2]
    load = b"".join(request(kind, 1, body) for kind, body in load_requests(image, longest=400))
    answers = len(load_requests(image, longest=400))
    data = b"\1\1\0" + load + b"\2\0" + request(Kind.LOAD_BEGIN, 2)
    messages, lights = respond(data, answers + 3)
    assert [message[0] for message in messages if message[0] != Kind.NOTICE][-1] == Kind.LOAD_BEGIN | REPLY
    assert sum(lost for _, _, lost in lights) == 2
    changes = [now for (before, _, _), (now, _, _) in pairwise(lights) if now != before]
    assert (lights[0][0], changes) == (0, [1, 0])
    assert lights[-1][1] == 0


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
@pytest.mark.parametrize(
    ("identity", "image", "message"),
    [
        (replace(IDENTITY, digest="00" * 32), None, "must be that of the image"),
        (IDENTITY, IMAGES[0], "must be that of the image"),
        (replace(IDENTITY, digest=IMAGES[1].digest), IMAGES[0], "must be that of the image"),
        (replace(IDENTITY, buffer_bytes=1000), None, "buffer_bytes must be a power of two, 256 or more, not 1000"),
    ],
)
def test_an_identity_that_is_not_the_boards(identity, image, message):
    with pytest.raises(ValueError, match=message):
        LinkedEngine(identity, image)
    gc.collect()  # now, and not in another test: Amaranth warns of what was made and never used


def test_memories_of_the_tests_are_all_loaded():
    """The plain board sees every word of every memory."""
    board = NaiveBoard(IDENTITY)
    for kind, body in load_requests(IMAGES[0]):
        assert board.answer(bytes([kind]) + bytes(4) + body)[0] == kind | REPLY
    assert len(board.memories) == sum(len(part.words) for part in IMAGES[0].memories())
    assert {memory for _, _, memory, _ in board.memories} == set(Memory)
