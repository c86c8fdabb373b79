"""The engine and its link: whatever bytes come, every intact request gets one right answer.

Most tests run on the compiled RTL. A board in plain Python (`NaiveBoard`) gives the expected answers.
"""

import gc
import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from firstspike_hw.link.linked_engine import LinkedEngine
from firstspike_spec import infer_spikes
from firstspike_spec.common.words import Memory
from firstspike_spec.compiler.contents import EngineContents
from firstspike_spec.inference.results import Results, compare_results
from firstspike_spec.protocol.loading import check_range, readable
from firstspike_spec.protocol.messages import REPLY, Identity, Kind, Loss, Reason
from firstspike_spec.protocol.result_words import read_results
from firstspike_spec.protocol.spike_code import encode_spikes

from ...spec.naive_link import Frames, NaiveBoard, request, split
from ...spec.random_networks import random_times
from ..bench import put, simulate, stall
from .board import CONTENTS, IDENTITY, Board, code_of, counters, load_requests
from .noise import Noise


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("links")


@pytest.fixture
def board(cache):
    board = Board(cache)
    yield board
    board.link.close()


def test_a_board_without_a_network_refuses_images(board):
    assert board.check_state() == ""
    assert board.ask((Kind.INFER, b"\xff"), (Kind.LOAD_END, bytes(36)), (0x55, b"abc")) == [
        (Kind.ERROR, bytes([Reason.NOT_LOADED])),
        (Kind.ERROR, bytes([Reason.NOT_LOADING])),
        (Kind.ERROR, bytes([Reason.UNKNOWN_KIND])),
    ]


def test_networks_are_loaded_read_back_and_run_in_turn(board):
    for contents in (*CONTENTS, CONTENTS[0]):
        board.load(contents)
        parts = readable(contents)
        ranges = [check_range(part, 0, len(part.words)) for part in parts]
        assert [body for _, body in board.ask(*((Kind.CHECK, body) for body, _ in ranges))] == [end for _, end in ranges]
        for kind in (Kind.INFER, Kind.INFER_ALL, Kind.INFER):
            board.ask(*((kind, code_of(contents, seed)) for seed in range(12)))
        assert board.check_state() == contents.digest
    assert board.compared_images == 4 * 37


def test_early_exit_changes_between_images_and_requests_of_all_kinds_keep_their_order(board):
    board.load(CONTENTS[0])
    rng = random.Random(0)
    others = [Kind.IDENTIFY, Kind.COUNTERS, Kind.RESET, 0x70]
    requests = []
    for seed in range(60):
        requests.append((rng.choice([Kind.INFER, Kind.INFER_ALL]), code_of(CONTENTS[0], seed % 20)))
        requests += [(rng.choice(others), b"")] * (rng.random() < 0.2)
    board.ask(*requests)
    assert board.compared_images == 60


def test_a_whole_buffer_of_images_at_once(board):
    """As many unanswered requests as the identity allows, sent without a pause."""
    contents = CONTENTS[1]
    board.load(contents)
    codes = [code_of(contents, seed) for seed in range(500)]
    sent, room = [], IDENTITY.buffer_bytes
    for number, code in enumerate(codes):
        room -= 5 + len(code)
        if room >= 0:
            sent.append((number, code))
    answers = board.exchange(b"".join(request(Kind.INFER, number, code) for number, code in sent))
    assert [split(answer)[:2] for answer in answers] == [(REPLY | Kind.INFER, number) for number, _ in sent]
    for (number, code), answer in zip(sent, answers, strict=True):
        board._check_image((Kind.INFER, number, code), split(answer)[2])
    assert board.compared_images == len(sent) > 100


def test_requests_beyond_the_buffer_are_lost_and_reported_and_the_others_are_answered(board):
    contents = CONTENTS[1]
    board.load(contents)
    codes = [code_of(contents, seed) for seed in range(800)]
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
    assert board.check_state() == contents.digest


def test_counters_are_those_of_the_golden_model(board):
    contents = CONTENTS[0]
    board.load(contents)
    board.ask((Kind.INFER, code_of(contents, 0)), (Kind.RESET, b""))
    before = counters(board)
    assert before["cycles"] < 500
    assert all(value == 0 for name, value in before.items() if name != "cycles")
    times = random_times(9, contents.network, 20)
    codes = [encode_spikes(row, contents.network.time_steps) for row in times]
    board.ask(*((Kind.INFER_ALL, code) for code in codes))
    after, inference = counters(board), infer_spikes(contents.network, times, early_exit=False)
    assert after["spikes"] == inference.spikes.sum()
    assert after["synaptic_operations"] == inference.synaptic_operations.sum() > 0
    assert 0 < after["stall_cycles"] < after["busy_cycles"] < after["cycles"]
    board.feed(b"\1\2\3\0" + b"\5\0" + request(9, 1)[:-1] + b"\1\0")
    lost = counters(board)
    assert (lost["damaged_frames"], lost["oversized_frames"]) == (3, 0)
    # A reset clears them and leaves the network.
    board.ask((Kind.RESET, b""))
    assert counters(board)["damaged_frames"] == 0
    assert board.check_state() == contents.digest


def test_the_cycle_counter_is_that_of_one_moment(board):
    """Its bytes must not come from different moments: the time between two equal requests is always the same."""
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
    """The host sends no such load; but whatever it sends, every image is answered."""
    board.ask(*requests)
    if requests[-1][0] != Kind.LOAD_END:
        board.ask((Kind.LOAD_END, board.model.check.to_bytes(4, "little") + bytes(32)))
    assert board.model.loaded
    answers = board.ask(*((kind, code_of(CONTENTS[0], seed)) for seed in range(3) for kind in (Kind.INFER, Kind.INFER_ALL)))
    assert [kind for kind, _ in answers] == [0x86, 0x87] * 3
    board.load(CONTENTS[0])
    assert board.check_state() == CONTENTS[0].digest


# Loads that are interrupted.


@pytest.mark.parametrize("seed", range(2))
def test_an_interrupted_load_leaves_no_mixture(board, seed):
    """After any number of its messages, also with replays of both networks: the old network, the new one or none."""
    rng = random.Random(seed)
    old, new = CONTENTS[:2] if seed % 2 else CONTENTS[1::-1]
    requests, others = load_requests(new), load_requests(old)
    states = []
    for cut in range(len(requests) + 1):
        board.load(old)
        sent = requests[:cut]
        if cut % 2:
            # Not the end itself: after all blocks of the other network it would be right.
            for _ in range(rng.choice([1, 1, 2, 5])):
                sent.insert(rng.randrange(len(sent) + 1), rng.choice(others + requests))
        board.ask(*sent)
        states.append(board.check_state())
        assert states[-1] in ("", old.digest, new.digest)
        if cut % 2 == 0:
            assert states[-1] == (old.digest if cut == 0 else new.digest if cut == len(requests) else "")
        # An end that comes later completes the load only if all blocks have come.
        board.ask(requests[-1])
        assert board.check_state() in ("", old.digest, new.digest)
    assert states[0] == old.digest
    assert states.count("") > len(requests) // 2


def test_each_block_that_is_missing_doubled_exchanged_or_changed_ruins_the_load(board):
    contents = CONTENTS[0]
    requests, rng = load_requests(contents), random.Random(1)
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
    board.load(contents)
    assert board.check_state() == contents.digest


NOISE_BYTES = 1_000_000


def test_no_noise_stops_the_board_or_makes_it_answer_wrong(board):
    """Each answer is checked against the board in plain Python; after each part a network is loaded and images run."""
    noise, rng = Noise(0), random.Random(1)
    board.load(CONTENTS[0])  # before that, the memories' contents are unknown
    sent = 0
    while sent < NOISE_BYTES:
        data = noise.take(5_000)
        board.feed(data)
        sent += len(data)
        board.feed(b"\0")
        # After the noise it holds a complete network, or none.
        assert board.check_state() in ("", *board.contents)
        noise.loaded = rng.randrange(len(CONTENTS))
        board.load(CONTENTS[noise.loaded])
        assert board.check_state() == CONTENTS[noise.loaded].digest
    assert board.answered > 15_000
    assert board.compared_images > 3_000
    assert board.frames.damaged > 5_000
    assert board.frames.oversized > 10


# In Amaranth's simulator: what cannot be seen on the compiled board.


def respond(data: bytes, answers: int, *, contents: EngineContents | None = None, stalls=0.0):
    """Send bytes; return the messages that come back, and the lights in each cycle."""
    identity = replace(IDENTITY, digest=contents.digest if contents else "")
    dut = LinkedEngine(identity, contents)
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
    """It runs without a load, however the link's output stalls, and the identity has its digest."""
    contents = CONTENTS[1]
    codes = [code_of(contents, seed) for seed in range(5)]
    data = b"".join(request(Kind.INFER_ALL, number, code) for number, code in enumerate(codes))
    messages, lights = respond(data + request(Kind.IDENTIFY, 9), 6, contents=contents, stalls=stalls)
    words = [np.frombuffer(split(message)[2][:-1], "<u8").astype(np.uint64) for message in messages[:-1]]
    assert [split(message)[1] for message in messages] == [0, 1, 2, 3, 4, 9]
    times = np.concatenate([random_times(seed, contents.network, 1) for seed in range(5)])
    expected = Results.from_inference(infer_spikes(contents.network, times, early_exit=False), early_exit=False)
    compare_results(expected, read_results(contents, np.concatenate(words), batch=5, early_exit=False)).check()
    assert Identity.unpack(split(messages[-1])[2]) == replace(IDENTITY, digest=contents.digest)
    assert all(loaded for loaded, _, _ in lights)
    assert [lights[0][1], lights[-1][1]] == [0, 0]
    assert any(busy for _, busy, _ in lights)


def test_the_lights():
    """``loaded`` from the end of a load until the next begins, ``busy`` during requests, ``lost`` for a cycle a frame."""
    contents = CONTENTS[2]
    load = b"".join(request(kind, 1, body) for kind, body in load_requests(contents, longest=400))
    answers = len(load_requests(contents, longest=400))
    data = b"\1\1\0" + load + b"\2\0" + request(Kind.LOAD_BEGIN, 2)
    messages, lights = respond(data, answers + 3)
    assert [message[0] for message in messages if message[0] != Kind.NOTICE][-1] == Kind.LOAD_BEGIN | REPLY
    assert sum(lost for _, _, lost in lights) == 2
    changes = [now for (before, _, _), (now, _, _) in pairwise(lights) if now != before]
    assert (lights[0][0], changes) == (0, [1, 0])
    assert lights[-1][1] == 0


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
@pytest.mark.parametrize(
    ("identity", "contents", "message"),
    [
        (replace(IDENTITY, digest="00" * 32), None, "must be that of the contents"),
        (IDENTITY, CONTENTS[0], "must be that of the contents"),
        (replace(IDENTITY, digest=CONTENTS[1].digest), CONTENTS[0], "must be that of the contents"),
        (replace(IDENTITY, buffer_bytes=1000), None, "buffer_bytes must be a power of two, 256 or more, not 1000"),
    ],
)
def test_an_identity_that_does_not_fit(identity, contents, message):
    with pytest.raises(ValueError, match=message):
        LinkedEngine(identity, contents)
    gc.collect()  # now, not in another test: Amaranth warns about unused components


def test_the_tests_load_all_memories():
    """The board in plain Python gets every word of every memory."""
    board = NaiveBoard(IDENTITY)
    for kind, body in load_requests(CONTENTS[0]):
        assert board.answer(bytes([kind]) + bytes(4) + body)[0] == kind | REPLY
    assert len(board.memories) == sum(len(part.words) for part in CONTENTS[0].memories())
    assert {memory for _, _, memory, _ in board.memories} == set(Memory)
