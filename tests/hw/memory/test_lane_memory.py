"""The memory within a lane, against a list."""

import random
from dataclasses import replace

import pytest

from firstspike_hw.memory.lane_memory import LaneMemory
from firstspike_hw.memory.style import GENERIC_MEMORY

from ..bench import BLOCK_RAMS, simulate


@pytest.mark.parametrize("in_luts", [False, True])
@pytest.mark.parametrize(("bits", "depth"), [(1, 1), (5, 2), (12, 3), (7, 8), (9, 40), (4, 65), (3, 100)])
def test_reads_what_was_written_until_then(bits, depth, in_luts):
    """Also in the cycle before; with gaps and without, often at one address."""
    for seed in range(2):
        rng = random.Random(f"{bits} {depth} {seed}")
        words = [rng.getrandbits(bits) for _ in range(depth)]
        style = GENERIC_MEMORY if in_luts else BLOCK_RAMS
        dut, collided = LaneMemory(bits=bits, depth=depth, contents=list(words), style=style), 0

        async def drive(ctx, dut=dut, rng=rng, words=words):
            nonlocal collided
            favourite = rng.randrange(depth)
            for cycle in range(400):
                place, to = (rng.choice([favourite, rng.randrange(depth)]) for _ in range(2))
                writes, word = rng.random() < 0.6, rng.getrandbits(bits)
                ctx.set(dut.address, place)
                ctx.set(dut.write, writes)
                ctx.set(dut.write_address, to)
                ctx.set(dut.write_word, word)
                await ctx.tick()
                if writes:
                    words[to] = word
                    collided += to == place
                assert ctx.get(dut.word) == words[place], f"cycle {cycle}"

        simulate(dut, drive, hostile=True)
        assert collided > 20


@pytest.mark.parametrize("in_luts", [False, True])
@pytest.mark.parametrize(("bits", "depth"), [(1, 2), (12, 65), (19, 100), (37, 100), (19, 600)])
def test_late_words(bits, depth, in_luts, late_block_rams):
    """The same a cycle later, and not the writes of that cycle; in LUTs and in block RAM of both kinds."""
    style = replace(late_block_rams, late_lut_ram_bits=bits * depth if in_luts else bits * depth - 1)
    rng = random.Random(f"{bits} {depth}")
    words = [rng.getrandbits(bits) for _ in range(depth)]
    dut, collided = LaneMemory(bits=bits, depth=depth, contents=list(words), style=style), 0

    async def drive(ctx):
        nonlocal collided
        expected = None
        for cycle in range(1000):
            place, to = (rng.choice([1, rng.randrange(depth)]) for _ in range(2))
            writes, word = rng.random() < 0.6, rng.getrandbits(bits)
            ctx.set(dut.address, place)
            ctx.set(dut.write, writes)
            ctx.set(dut.write_address, to)
            ctx.set(dut.write_word, word)
            await ctx.tick()
            if cycle:
                assert ctx.get(dut.word) == expected, f"cycle {cycle}"
            if writes:
                words[to] = word
                collided += to == place
            expected = words[place]

    simulate(dut, drive, hostile=True)
    assert collided > 50
