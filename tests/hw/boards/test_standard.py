"""The standard processors: boards that exist, block RAM that their FPGAs have, and a design down to pins."""

from dataclasses import replace

import pytest

from firstspike_hw.boards.family import ECP5
from firstspike_hw.boards.registry import BOARDS, board_named
from firstspike_hw.boards.standard import STANDARD_PROCESSORS, standard_processor
from firstspike_hw.boards.top import BoardTop
from firstspike_hw.memory.dp16kd import grid
from firstspike_hw.processor.parameters import ProcessorParameters
from firstspike_hw.processor.processor import Processor
from firstspike_spec.common.errors import InputError

#: Block RAMs of the link beside its buffer for requests: the identity, and the results of a frame.
LINK = 2


def block_rams(board, shape):
    """Return the block RAMs of a processor and its link; the buffer for requests has 9 bits a byte."""
    memories = Processor.memories(ProcessorParameters(shape, board.fpga.memory_style))
    return LINK + grid(9, 1 << board.buffer_bits).blocks + sum(count * description.blocks for description, count in memories)


@pytest.mark.parametrize("name", [name for name in STANDARD_PROCESSORS if board_named(name).family is ECP5])
def test_it_fits_the_block_ram(name):
    """Where the gateware makes the block RAMs itself; elsewhere synthesis does."""
    board = board_named(name)
    shape = standard_processor(board)
    assert block_rams(board, shape) <= board.fpga.block_rams
    assert block_rams(board, replace(shape, lanes=2 * shape.lanes)) > board.fpga.block_rams


def test_it_becomes_rtlil():
    """One with few lanes; those of a whole one are the same (`tests/hw/flow/test_bitstream.py` makes one)."""
    board = board_named("ulx3s-45f")
    design = board.platform().prepare(BoardTop(board, replace(standard_processor(board), lanes=3)), "top")
    assert "uart_0__tx__io" in design.files["top.il"]


@pytest.mark.parametrize("name", sorted(BOARDS.keys() - STANDARD_PROCESSORS.keys()))
def test_other_boards_say_which_have_one(name):
    with pytest.raises(InputError, match=f"{name} has no standard processor, .*; name one of ulx3s-85f, ulx3s-45f"):
        standard_processor(board_named(name))
