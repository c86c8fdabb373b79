"""A stage of the chain that loads memories: what it gives to its parts, and what it passes on."""

import random

import pytest

from firstspike_hw.memory.load_bus import LoadStage
from firstspike_spec.common.words import LOAD_WORD, Memory

from ..bench import load_word, plain, simulate

NAMES = [field.name for field in LOAD_WORD.fields]


@pytest.mark.parametrize(("first", "count"), [(0, 1), (2, 3), (5, 4)])
def test_words_go_to_their_part_and_to_the_next_stage(first, count):
    """Each word and each peek one cycle later; what was read, of this stage and those before, likewise."""
    dut, rng = LoadStage(first=first, count=count), random.Random(f"{first} {count}")
    given = [0] * count

    async def drive(ctx):
        for _ in range(300):
            lane = rng.randrange(first + count + 2)
            word = load_word(rng.choice(list(Memory)), rng.randrange(8), rng.getrandbits(16), lane=lane)
            write, peek = rng.choice([(0, 0), (1, 0), (0, 1)])
            read = [rng.getrandbits(32) for _ in range(count + 1)]
            ctx.set(dut.i.word, dict(zip(NAMES, word, strict=True)))
            for signal, value in zip((dut.i.write, dut.i.peek, dut.i.peeked), (write, peek, read[-1]), strict=True):
                ctx.set(signal, value)
            for part, value in zip(dut.parts, read[:-1], strict=True):
                ctx.set(part.peeked, value)
            await ctx.tick()
            assert (plain(ctx.get(dut.o.word)), ctx.get(dut.o.write), ctx.get(dut.o.peek)) == (word, write, peek)
            together = 0
            for value in read:
                together |= value
            assert ctx.get(dut.o.peeked) == together
            for number, part in enumerate(dut.parts):
                mine = lane == first + number
                expected = (word, write and mine, peek and mine)
                assert (plain(ctx.get(part.word)), ctx.get(part.write), ctx.get(part.peek)) == expected
                given[number] += (write or peek) and mine

    simulate(dut, drive)
    assert min(given) > 10
