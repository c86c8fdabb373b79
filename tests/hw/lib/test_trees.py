"""Balanced trees: every input of small widths, random ones of large widths."""

import random

import pytest
from amaranth.hdl import Module, Signal

from firstspike_hw.lib.trees import count_ones, lowest_set, one_hot, running_total

from ..bench import simulate


def evaluate(width, function, values):
    """Return the function's outputs for each input, and the widths of the outputs."""
    m = Module()
    bits = Signal(width)
    wires = []
    for value in function(m, bits):
        wire = Signal(len(value))
        m.d.comb += wire.eq(value)
        wires.append(wire)
    m.d.sync += Signal().eq(0)  # the bench wants a clock
    results = []

    async def testbench(ctx):
        for value in values:
            ctx.set(bits, value)
            results.append(tuple(ctx.get(wire) for wire in wires))

    simulate(m, testbench)
    return results, [len(wire) for wire in wires]


def inputs(width):
    rng = random.Random(width)
    if width <= 9:
        return list(range(1 << width))
    sparse = [1 << rng.randrange(width) | 1 << rng.randrange(width) for _ in range(100)]
    return [0, (1 << width) - 1, 1 << (width - 1), *sparse, *(rng.getrandbits(width) for _ in range(100))]


WIDTHS = [*range(1, 10), 16, 17, 33, 100, 255, 256, 257]


@pytest.mark.parametrize("width", WIDTHS)
def test_count_ones(width):
    results, widths = evaluate(width, lambda m, bits: [count_ones(bits)], inputs(width))
    assert results == [(value.bit_count(),) for value in inputs(width)]
    assert widths == [width.bit_length()]


@pytest.mark.parametrize("width", WIDTHS)
def test_lowest_set(width):
    values = [value for value in inputs(width) if value]
    results, widths = evaluate(width, lowest_set, values)
    assert results == [(1, (value & -value).bit_length() - 1) for value in values]
    assert widths == [1, max(1, (width - 1).bit_length())]


def test_no_set_bit_is_told_apart_from_any():
    """The number has no meaning then."""
    assert {width: evaluate(width, lowest_set, [0])[0][0][0] for width in WIDTHS} == dict.fromkeys(WIDTHS, 0)


@pytest.mark.parametrize(("width", "count"), [(width, count) for width in range(1, 5) for count in range(1, (1 << width) + 1)])
def test_one_hot(width, count):
    results, widths = evaluate(width, lambda m, index: [one_hot(index, count)], range(1 << width))
    assert results == [((1 << index) & ((1 << count) - 1),) for index in range(1 << width)]
    assert widths == [count]


def test_one_hot_with_more_bits_than_the_index_reaches():
    """It still has as many bits as asked for: its complement must not clear the others."""
    results, widths = evaluate(1, lambda m, index: [one_hot(index, 5), ~one_hot(index, 5)], range(2))
    assert results == [(0b00001, 0b11110), (0b00010, 0b11101)]
    assert widths == [5, 5]


def test_a_running_total():
    """The last part comes out after one cycle, the first after as many as there are parts; nothing overflows."""
    greatest = [3, 1, 7]
    m, parts = Module(), [Signal(range(most + 1)) for most in greatest]
    total = running_total(m, list(zip(parts, greatest, strict=True)))
    assert len(total) == sum(greatest).bit_length()
    seen = []

    async def testbench(ctx):
        for cycle in range(6):
            for part, most in zip(parts, greatest, strict=True):
                ctx.set(part, most if cycle == 0 else 0)
            await ctx.tick()
            seen.append(ctx.get(total))

    simulate(m, testbench)
    assert seen == [7, 1, 3, 0, 0, 0]
