"""The word queue returns every word that an engine can give, unchanged and in order."""

import random

import pytest

from firstspike_hw.chain.input_gate import TIME_BITS
from firstspike_hw.link.core.word_queue import ResultBits, WordQueue
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.shapes import OutputShape, index_bits

from ...bench import STALLS, drain, sender, simulate, watch

SHAPES = [
    EngineShape((), OutputShape(4, 10, 4, 11), 1, 4),
    EngineShape((), OutputShape(4, 2, 8, 1), 2, 2),
    EngineShape((), OutputShape(4, 300, 4, 30), 2, 256),
]


def queue_of(shape: EngineShape) -> WordQueue:
    value = max(TIME_BITS, shape.output.potential_bits)
    return WordQueue(ResultBits(value, shape.output.address_bits, index_bits(shape.time_steps)), depth=4)


def words_of(shape: EngineShape, count: int) -> list[tuple[int, ...]]:
    """Return reports of any potential and decisions after any time, including the extremes."""
    rng, words = random.Random(str(shape)), []
    most, longest = 1 << shape.output.potential_bits - 1, (1 << TIME_BITS) - 1
    for _ in range(count):
        decision = rng.randrange(2)
        value = rng.choice(
            [0, 1, longest, rng.randrange(longest)] if decision else [-most, most - 1, -1, rng.randrange(-most, most)]
        )
        words.append((value, rng.randrange(shape.output.neurons), rng.randrange(shape.time_steps), rng.randrange(2), decision))
    return words


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("stalls", STALLS)
def test_words_come_out_as_they_went_in(shape, stalls):
    dut, words, got = queue_of(shape), words_of(shape, 60), []

    async def settle(ctx):
        while len(got) < len(words):
            await ctx.tick()

    ends = (drain(dut.o, stalls=stalls[1]), watch(dut.o, got))
    simulate(dut, sender(dut.i, words, stalls=stalls[0]), settle, background=ends)
    assert [word for _, word in got] == words
    if stalls == (0, 0):
        cycles = [cycle for cycle, _ in got]
        assert cycles[-1] - cycles[0] == len(words) - 1


def test_it_holds_its_depth():
    dut, words = queue_of(SHAPES[0]), words_of(SHAPES[0], 4)
    simulate(dut, sender(dut.i, words))  # none is taken out
