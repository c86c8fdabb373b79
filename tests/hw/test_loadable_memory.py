"""A memory that is read or loaded, against a list."""

import random

import pytest

from firstspike_hw.loadable_memory import LoadableMemory
from firstspike_spec.words import LOAD_WORD, Memory

from .bench import load_word, simulate

NAMES = [field.name for field in LOAD_WORD.fields]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("bits", "depth"), [(1, 1), (3, 2), (7, 3), (8, 5), (32, 9), (13, 16)])
def test_reads_loads_and_peeks_in_random_order(bits, depth, seed):
    """The word read is there one cycle later and stays until the next read; other kinds of words change nothing.

    A word peeked at shows for that one cycle; otherwise there is a zero.
    """
    rng = random.Random(seed)
    init = [rng.getrandbits(bits) for _ in range(rng.randrange(depth + 1))]
    dut = LoadableMemory(Memory.ENTRIES, bits=bits, depth=depth, init=init)
    words = init + [0] * (depth - len(init))
    compared = peeked = 0

    async def testbench(ctx):
        nonlocal compared, peeked
        held = None
        for _ in range(200):
            loads, reads, address, word = rng.random() < 0.3, rng.random() < 0.5, rng.randrange(depth), rng.getrandbits(bits)
            kind = rng.choice(list(Memory))
            fields = load_word(kind, rng.randrange(depth), word, lane=3, layer=2)
            ctx.set(dut.load.payload, dict(zip(NAMES, fields, strict=True)))
            ctx.set(dut.load.valid, loads)
            # Never two in one cycle: that is the component's condition.
            peeks = not loads and rng.random() < 0.5
            reads &= not ((loads or peeks) and kind == Memory.ENTRIES)
            ctx.set(dut.peek, peeks)
            ctx.set(dut.enable, reads)
            ctx.set(dut.address, address)
            await ctx.tick()
            if loads and kind == Memory.ENTRIES:
                words[fields[1]] = word
            peeks &= kind == Memory.ENTRIES
            assert ctx.get(dut.peeked) == (words[fields[1]] if peeks else 0)
            peeked += peeks
            if peeks:
                held = words[fields[1]]
            if reads:
                held = words[address]
            if held is not None:
                assert ctx.get(dut.data) == held
                compared += 1

    simulate(dut, testbench)
    assert compared > 100
    assert peeked > 5
