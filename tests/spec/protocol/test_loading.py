"""Loading: blocks fill exactly the memories, and a range is checked by the CRC-32 of its words."""

import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec.common.words import Memory
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.plan import plan
from firstspike_spec.protocol.loading import blocks, check_range, load_end, readable
from firstspike_spec.protocol.messages import Identity, Kind, Reason, message

from ..naive_link import NaiveBoard
from ..random_networks import networks, random_network


def board_of(shape: EngineShape) -> NaiveBoard:
    return NaiveBoard(Identity(shape, board="", clock_hz=0, baud=0, buffer_bytes=256))


@given(networks(max_layers=3), st.integers(1, 4), st.integers(11, 90))
@settings(max_examples=60, deadline=None)
def test_blocks_are_exactly_the_memories(network, lanes, most_bytes):
    contents = compile_network(network, plan(network, lanes))
    board = board_of(contents.shape)
    board.answer(message(Kind.LOAD_BEGIN, 0))
    check = written = 0
    for body in blocks(contents, most_bytes):
        assert len(body) <= most_bytes
        check = zlib.crc32(body, check)
        before = len(board.memories)
        assert board.answer(message(Kind.LOAD_BLOCK, 0, body))[2] == b""
        assert len(board.memories) - before == (len(body) - 7) // body[3] > 0
        written += len(board.memories) - before
    expected = {
        (part.layer, part.lane, part.memory, address): word
        for part in contents.memories()
        for address, word in enumerate(part.words.tolist())
    }
    assert board.memories == expected
    assert written == len(expected)
    assert board.answer(message(Kind.LOAD_END, 0, load_end(contents, check)))[2] == b""
    assert bytes(board.digest).hex() == contents.digest
    # The board's memories, read back in parts, are right too.
    for part in readable(contents):
        middle = len(part.words) // 2
        for first, count in ((0, len(part.words)), (middle, len(part.words) - middle), (middle, 1), (0, 0)):
            body, answer = check_range(part, first, count)
            assert board.answer(message(Kind.CHECK, 0, body))[2] == answer


def test_a_larger_engine_is_loaded_in_all_used_places():
    small, large = random_network(1, (5, 4, 3), bits=3), random_network(2, (16, 12, 9), bits=6)
    shape = plan(large, 4)
    shape = replace(
        shape,
        layers=tuple(replace(layer, potential_bits=24) for layer in shape.layers),
        output=replace(shape.output, potential_bits=24),
    )
    contents = compile_network(small, shape)
    board = board_of(shape)
    board.answer(message(Kind.LOAD_BEGIN, 0))
    for body in blocks(contents, 64):
        board.answer(message(Kind.LOAD_BLOCK, 0, body))

    def loaded(*wanted):
        return sum(place[:3] == wanted for place in board.memories)

    (layer,) = shape.layers
    assert (layer.banks, layer.lane_neurons, shape.output.slices) == (2, 3, 5)
    for bank in range(layer.banks):
        assert loaded(0, bank, Memory.POINTERS) == layer.rows
        assert loaded(0, bank, Memory.INITIAL_POTENTIALS) == 6
    for number, neurons in enumerate((2, 2, 2, 2, 1)):
        assert loaded(1, number, Memory.ENTRIES) == shape.output.rows
        assert loaded(1, number, Memory.INITIAL_POTENTIALS) == neurons


def test_the_bytes_of_a_range():
    """Low byte first, each word in as few bytes as its width needs."""
    network = random_network(3, (9, 7, 4))
    contents = compile_network(network, plan(network, 2))
    for part in readable(contents):
        width = (part.bits + 7) // 8
        count = min(3, len(part.words) - 1)
        assert count > 0
        body, answer = check_range(part, 1, count)
        assert list(body) == [part.layer, part.lane, part.memory, width, 1, 0, 0, count, 0, 0]
        words = b"".join(int(word).to_bytes(width, "little") for word in part.words[1 : 1 + count])
        assert answer == zlib.crc32(words).to_bytes(4, "little")


def test_what_can_be_read_back():
    """Everything but ``T``, and memories without a word."""
    network = random_network(4, (6, 4, 3), connectivity=0.0)
    hidden = replace(network.layers[0], initial_potentials=np.zeros(4, np.int32), potential_bits=None)
    network = replace(network, layers=(hidden, network.layers[1]))
    parts = readable(compile_network(network, plan(network, 2, bank_lanes=1)))
    hidden = [(0, bank, memory) for bank in range(2) for memory in (Memory.POINTERS, Memory.INITIAL_POTENTIALS)]
    output = [(1, 0, memory) for memory in (Memory.ENTRIES, Memory.INITIAL_POTENTIALS)]
    assert [(part.layer, part.lane, part.memory) for part in parts] == hidden + output
    network = random_network(4, (6, 4, 3), connectivity=1.0)
    contents = compile_network(network, plan(network))
    assert len(readable(contents)) == len(list(contents.memories())) - 1


def test_the_end_of_a_load():
    network = random_network(5, (4, 3))
    contents = compile_network(network, plan(network))
    assert load_end(contents, 0x01020304) == bytes([4, 3, 2, 1]) + bytes.fromhex(contents.digest)


def test_one_word_that_changes_changes_its_check():
    network = random_network(6, (9, 5, 3))
    contents = compile_network(network, plan(network, 2))
    for part in readable(contents):
        _, right = check_range(part, 0, len(part.words))
        for address in range(len(part.words)):
            for bit in range(part.bits):
                words = part.words.copy()
                words[address] ^= np.uint64(1 << bit)
                assert check_range(replace(part, words=words), 0, len(words))[1] != right


@pytest.mark.parametrize("memory", [Memory.POINTERS, Memory.ENTRIES])
def test_the_plain_board_takes_no_block_without_a_begin(memory):
    network = random_network(7, (4, 3, 2), connectivity=1.0)
    contents = compile_network(network, plan(network, 1))
    board = board_of(contents.shape)
    body = next(body for body in blocks(contents, 40) if body[2] == memory)
    assert board.answer(message(Kind.LOAD_BLOCK, 5, body)) == (Kind.ERROR, 5, bytes([Reason.NOT_LOADING]))
    assert board.memories == {}
