"""The accumulator against a memory that is updated one operation at a time."""

import random

import pytest

from firstspike_hw.accumulator import Accumulator
from firstspike_spec.compiler import LaneImage
from firstspike_spec.engine import LayerShape
from firstspike_spec.words import LOAD_WORD, Memory

from .bench import load_word, peek, simulate

NAMES = [field.name for field in LOAD_WORD.fields]


def make(neurons, *, weight_bits=4, potential_bits=12):
    return LayerShape(2, 1, neurons, 8, weight_bits, potential_bits)


async def load(ctx, dut, starts):
    for address, start in enumerate(starts):
        fields = load_word(Memory.START_POTENTIALS, address, start)
        ctx.set(dut.load.payload, dict(zip(NAMES, fields, strict=True)))
        ctx.set(dut.load.valid, 1)
        await ctx.tick()
    ctx.set(dut.load.valid, 0)
    while ctx.get(dut.busy):
        await ctx.tick()


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("neurons", [1, 2, 3, 5, 8])
def test_random_work(neurons, seed, loaded):
    """Entries with and without gaps, often of the same neuron; then flags, potentials, and a restart."""
    rng = random.Random(f"{neurons} {seed}")
    starts = [rng.randrange(-30, 31) for _ in range(neurons)]
    dut = Accumulator(make(neurons), None if loaded else LaneImage([], [], starts))
    checked = 0

    def flags(potentials):
        return sum((potential >= 0) << neuron for neuron, potential in enumerate(potentials))

    async def testbench(ctx):
        nonlocal checked
        if loaded:
            await load(ctx, dut, starts)
        else:
            await ctx.tick()
        for _ in range(4):
            potentials, gap = list(starts), rng.choice([0, 0.3, 0.7])
            assert ctx.get(dut.above) == flags(potentials)
            for _ in range(rng.choice([0, 1, 10, 40])):
                while rng.random() < gap:
                    await ctx.tick()
                neuron = rng.randrange(neurons) if rng.random() < 0.5 else min(1, neurons - 1)
                weight = rng.randrange(-8, 8)
                potentials[neuron] += weight
                ctx.set(dut.i.payload, {"neuron": neuron, "weight": weight})
                ctx.set(dut.i.valid, 1)
                await ctx.tick()
                ctx.set(dut.i.valid, 0)
            while ctx.get(dut.busy):
                await ctx.tick()
            assert ctx.get(dut.above) == flags(potentials)
            for neuron in rng.sample(range(neurons), neurons):
                ctx.set(dut.query.payload, neuron)
                ctx.set(dut.query.valid, 1)
                await ctx.tick()
                ctx.set(dut.query.valid, 0)
                for _ in range(rng.randrange(3)):  # it stays until the next query
                    assert ctx.get(dut.potential.as_signed()) == potentials[neuron]
                    await ctx.tick()
                assert ctx.get(dut.potential.as_signed()) == potentials[neuron]
                checked += 1
            ctx.set(dut.restart, 1)
            await ctx.tick()
            ctx.set(dut.restart, 0)

    simulate(dut, testbench)
    assert checked == 4 * neurons


def test_latency_and_throughput():
    """A flag shows 2 cycles after its entry; hits on one neuron in each cycle are all counted."""
    dut = Accumulator(make(2), LaneImage([], [], [-7, -1]))

    async def testbench(ctx):
        await ctx.tick()
        seen = []
        ctx.set(dut.i.payload, {"neuron": 0, "weight": 1})
        ctx.set(dut.i.valid, 1)
        for _ in range(8 + Accumulator.latency):
            seen.append(ctx.get(dut.above))
            if len(seen) == 8:
                ctx.set(dut.i.valid, 0)
            await ctx.tick()
        # The seventh entry, in cycle 6, brings neuron 0 to the threshold.
        assert seen.index(1) == 6 + Accumulator.latency
        assert Accumulator.latency == 2

    simulate(dut, testbench)


@pytest.mark.parametrize("bits", [5, 8, 32])
def test_the_ends_of_the_potentials_range(bits):
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    dut = Accumulator(make(2, potential_bits=bits), LaneImage([], [], [low, high - 7]))

    async def testbench(ctx):
        await ctx.tick()
        assert ctx.get(dut.above) == 0b10
        for neuron, weight, expected in ((1, 7, high), (1, -8, high - 8), (0, 7, low + 7), (0, -7, low)):
            ctx.set(dut.i.payload, {"neuron": neuron, "weight": weight})
            ctx.set(dut.i.valid, 1)
            await ctx.tick()
            ctx.set(dut.i.valid, 0)
            await ctx.tick().until(~dut.busy)
            ctx.set(dut.query.payload, neuron)
            ctx.set(dut.query.valid, 1)
            await ctx.tick()
            ctx.set(dut.query.valid, 0)
            assert ctx.get(dut.potential.as_signed()) == expected
        assert ctx.get(dut.above) == 0b10

    simulate(dut, testbench)


def test_loading_other_memories_changes_nothing():
    dut = Accumulator(make(3), LaneImage([], [], [-1, 0, -1]))

    async def testbench(ctx):
        for memory in (Memory.POINTERS, Memory.ENTRIES, Memory.TIME_STEPS):
            for address in range(3):
                fields = load_word(memory, address, 0)
                ctx.set(dut.load.payload, dict(zip(NAMES, fields, strict=True)))
                ctx.set(dut.load.valid, 1)
                await ctx.tick()
        ctx.set(dut.load.valid, 0)
        assert ctx.get(dut.above) == 0b010

    simulate(dut, testbench)


def test_start_potentials_can_be_read_back():
    """A word a cycle, each one cycle later; other memories' words read as zero, and the flags stay."""
    starts = [-3, 5, 0, -7, 2]
    dut = Accumulator(make(5, potential_bits=8), LaneImage([], [], starts))

    async def testbench(ctx):
        places = [load_word(Memory.START_POTENTIALS, address, 0) for address in (4, 0, 3, 3, 1, 2)]
        assert await peek(ctx, dut, places, 1) == [starts[address] % 256 for address in (4, 0, 3, 3, 1, 2)]
        assert await peek(ctx, dut, [load_word(memory, 1, 0) for memory in Memory if memory != 2], 1) == [0] * 3
        assert ctx.get(dut.above) == 0b10110

    simulate(dut, testbench)
