"""A processor and its link: every intact request gets one right answer, and no bytes bring an input that does not exist.

The compiled RTL is compared with a board in plain Python, as in `test_linked_engine`.
"""

import random
from dataclasses import replace

import numpy as np
import pytest

from firstspike_spec import LayeredNetwork, compile_layered, infer_spikes
from firstspike_spec.processor.plan import plan_processor
from firstspike_spec.protocol.loading import check_range, readable
from firstspike_spec.protocol.messages import REPLY, Identity, Kind, Reason
from firstspike_spec.protocol.spike_code import END_OF_STEP, encode_spikes

from ...spec.naive_link import request, split
from ...spec.random_layered_networks import random_chain, random_layered_map_network, random_layered_times
from .board import Board, code_of, counters
from .noise import Noise

#: One with maps, one without, and one with another number of inputs and steps.
NETWORKS: list[LayeredNetwork] = [
    random_layered_map_network(3),
    random_chain(1, (12, 9, 5)),
    random_chain(2, (40, 6, 3)),
]


def shape_for(networks):
    """Return a processor with room for all of them."""
    shapes = [plan_processor(network, 3) for network in networks]
    sizes = {name: max(getattr(shape, name) for shape in shapes) for name in shapes[0].as_dict()}
    return replace(shapes[0], **sizes)


SHAPE = shape_for(NETWORKS)
IDENTITY = Identity(SHAPE, board="tiny", clock_hz=1_000_000, baud=0, buffer_bytes=2048)
CONTENTS = [compile_layered(network, SHAPE) for network in NETWORKS]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("links")


@pytest.fixture
def board(cache):
    board = Board(cache, IDENTITY, CONTENTS)
    yield board
    board.link.close()


def test_it_refuses_images_until_a_network_is_loaded(board):
    assert board.check_state() == ""
    assert board.ask((Kind.INFER, b"\xff")) == [(Kind.ERROR, bytes([Reason.NOT_LOADED]))]


def test_networks_are_loaded_read_back_and_run_in_turn(board):
    words = 0
    for contents in (*CONTENTS, CONTENTS[0]):
        board.load(contents)
        parts = readable(contents)
        ranges = [check_range(part, 0, len(part.words)) for part in parts]
        assert [body for _, body in board.ask(*((Kind.CHECK, body) for body, _ in ranges))] == [end for _, end in ranges]
        words += sum(len(part.words) for part in parts)
        for kind in (Kind.INFER, Kind.INFER_ALL):
            board.ask(*((kind, code_of(contents, seed)) for seed in range(12)))
        assert board.check_state() == contents.digest
    assert board.compared_images == 4 * 25
    assert words > 1500


def test_hidden_spikes_are_those_of_the_golden_model(board):
    compared = 0
    for contents in CONTENTS:
        board.load(contents)
        times = random_layered_times(7, contents.network, 9)
        board.link.watch(contents, len(times))
        board.ask(*((Kind.INFER, encode_spikes(row, contents.network.input_time_steps)) for row in times))
        got, golden = board.link.spike_times(contents, times), infer_spikes(contents.network, times)
        for mine, wanted in zip(got, golden.spike_times[:-1], strict=True):
            np.testing.assert_array_equal(mine, wanted)
            compared += mine.size
    assert compared > 500


def test_a_reset_and_a_reload_between_images(board):
    rng, contents = random.Random(0), CONTENTS[0]
    for _ in range(12):
        board.load(contents)
        board.ask(*((rng.choice([Kind.INFER, Kind.INFER_ALL]), code_of(contents, seed)) for seed in range(rng.randrange(4))))
        board.ask((Kind.RESET, b""))
        assert board.check_state() == contents.digest
        contents = rng.choice(CONTENTS)


def test_counters_are_those_of_the_golden_model(board):
    contents = CONTENTS[0]
    board.load(contents)
    board.ask((Kind.RESET, b""))
    times = random_layered_times(9, contents.network, 8)
    board.ask(*((Kind.INFER, encode_spikes(row, contents.network.input_time_steps)) for row in times))
    after, inference = counters(board), infer_spikes(contents.network, times)
    assert after["spikes"] == inference.spikes.sum()
    assert after["synaptic_operations"] == inference.synaptic_operations.sum() > 0
    assert 0 < after["busy_cycles"] < after["cycles"]


@pytest.mark.parametrize("contents", CONTENTS[:2])
def test_wrong_codes_are_answered_and_leave_nothing_behind(board, contents):
    """Inputs beyond the last one, missing ends, surplus bytes: the status says so, and the next image is right."""
    board.load(contents)
    rng, steps = random.Random(1), contents.network.input_time_steps
    wrong = 0
    for seed in range(60):
        right = code_of(contents, seed)
        bad = [
            bytes(rng.randrange(256) for _ in range(rng.randrange(1, 60))),
            right[: rng.randrange(1, len(right) + 1)],
            right + bytes(rng.randrange(1, 4)),
            # All inputs of a step and some after the last one.
            bytes(-(-(contents.network.inputs + rng.randrange(1, 9)) // 2)) + bytes([END_OF_STEP * 17] * steps),
        ]
        [(kind, body), (_, after)] = board_answers(board, (Kind.INFER, rng.choice(bad)), (Kind.INFER, right))
        assert kind == Kind.INFER | REPLY
        wrong += body[-1]
        board._check_image((Kind.INFER, 0, right), after)
    assert wrong > 30


def board_answers(board, *requests):
    """Return the kinds and bodies of answers, unchecked."""
    data = b"".join(request(kind, number, body) for number, (kind, body) in enumerate(requests))
    return [(kind, body) for kind, _number, body in map(split, board.exchange(data))]


def test_no_noise_stops_it_or_makes_it_answer_wrong(board):
    noise, rng = Noise(0, CONTENTS), random.Random(1)
    for contents in CONTENTS:  # before that, what the memories hold is unknown
        board.load(contents)
    noise.loaded = 2
    for _ in range(12):
        board.feed(noise.take(5_000))
        board.feed(b"\0")
        assert board.check_state() in ("", *board.contents)
        noise.loaded = rng.randrange(len(CONTENTS))
        board.load(CONTENTS[noise.loaded])
    assert board.answered > 500
    assert board.frames.damaged > 200
