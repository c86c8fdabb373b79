"""The list of boards, and what a board refuses."""

from dataclasses import replace

import pytest

from firstspike_hw.boards.board import BAUD_TOLERANCE
from firstspike_hw.boards.registry import BOARDS, board_named
from firstspike_spec.common.errors import InputError
from firstspike_spec.compiler.plan import DEFAULT_LANES

from ...spec.random_networks import random_network


def test_the_boards_by_name():
    assert set(BOARDS) == {
        "ulx3s-12f", "ulx3s-25f", "ulx3s-45f", "ulx3s-85f", "icebreaker", "tang-nano-9k", "colorlight-i5",
    }  # fmt: skip
    assert all(board_named(name).name == name for name in BOARDS)


def test_an_unknown_board_is_an_error_that_lists_all():
    with pytest.raises(InputError, match=r"unknown board 'ulx3s': name one of ulx3s-12f, .*, colorlight-i5"):
        board_named("ulx3s")


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_the_baud_rate_comes_out_of_the_clock(board):
    divisor = round(board.clock_hz / board.baud)
    assert divisor >= 4
    assert abs(board.clock_hz / divisor / board.baud - 1) < BAUD_TOLERANCE


@pytest.mark.parametrize("baud", [25_000_000, 2_960_000 * 7, 75_000_000 * 2])
def test_a_baud_rate_that_the_clock_cannot_make_is_refused(baud):
    with pytest.raises(ValueError, match=rf"ulx3s-85f: {baud} baud cannot be made from \d+ Hz"):
        replace(board_named("ulx3s-85f"), baud=baud)


@pytest.mark.parametrize(
    ("name", "lanes", "bank_lanes", "spikes_per_token", "queue_depth"),
    [("ulx3s-85f", 6, 2, 2, 16), ("ulx3s-85f", 5, 1, 2, 16), ("icebreaker", 4, 1, 1, 8), ("tang-nano-9k", 3, 1, 1, 8)],
)
def test_an_engine_that_suits_the_boards_family(name, lanes, bank_lanes, spikes_per_token, queue_depth):
    shape = board_named(name).plan(random_network(1, (6, 40, 30, 3)), (lanes, 2 * lanes))
    assert [(layer.lanes, layer.bank_lanes) for layer in shape.layers] == [(lanes, bank_lanes), (2 * lanes, spikes_per_token)]
    assert (shape.spikes_per_token, shape.queue_depth) == (spikes_per_token, queue_depth)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_lanes_are_the_boards_where_nobody_says_otherwise(board):
    network = random_network(1, (6, 80, 3))
    assert board.plan(network).layers[0].lanes == board.lanes
    assert board.family.plan(network).layers[0].lanes == DEFAULT_LANES
