"""The step finder against a count of thresholds."""

import random

import pytest

from firstspike_hw.processor.shared.step_finder import StepFinder

from ...bench import STALLS, drain, sender, simulate, watch
from .models import small


async def write_thresholds(ctx, dut, thresholds):
    for step, threshold in enumerate(thresholds):
        ctx.set(dut.write, 1)
        ctx.set(dut.write_step, step)
        ctx.set(dut.threshold, threshold)
        await ctx.tick()
    ctx.set(dut.write, 0)
    ctx.set(dut.threshold, 77)
    await ctx.tick()
    ctx.set(dut.time_steps, len(thresholds))


def random_thresholds(rng, steps, highest):
    """Return falling thresholds: within the range of potentials, in part above it, or all above it."""
    most = min(rng.choice([highest, highest, 4 * highest, 2**32]), 2**32 - 1)
    low = rng.choice([1, 1, max(1, highest // 2), min(highest + 1, most - steps)])
    return sorted(rng.sample(range(low, max(most, low + steps) + 1), steps), reverse=True)


def random_totals(rng, thresholds, bits, count):
    """Return totals: just below, at and above thresholds, extremes, and any."""
    half = 1 << (bits - 1)
    near = [threshold + offset for threshold in thresholds for offset in (-1, 0, 1)]
    near = [total for total in near if total < half] + [-half, half - 1, 0, -1]
    return [rng.choice([rng.choice(near), rng.randrange(-half, half)]) for _ in range(count)]


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize(
    "sizes", [{}, {"potential_bits": 18, "side_bits": 8}, {"potential_bits": 32, "channel_bits": 1}], ids=str
)
def test_against_a_count(sizes, stalls, record_property):
    """Of one layer after the other; totals that reach no threshold are given for the output layer only."""
    parameters = small(**sizes)
    shape, rng = parameters.shape, random.Random(f"{sizes} {stalls}")
    dut, given, expected = StepFinder(parameters), [], []
    bits, side = shape.potential_bits, 1 << shape.side_bits

    async def drive(ctx):
        for steps in [32, 2, 31, 16, 17, 15, 8, 4, 3, 1, 32]:
            thresholds = random_thresholds(rng, steps, (1 << (bits - 1)) - 1)
            output, slots_log2 = rng.randrange(2), rng.randrange(3)
            ctx.set(dut.output, output)
            ctx.set(dut.slots_log2, slots_log2)
            await write_thresholds(ctx, dut, thresholds)
            assert ctx.get(dut.last_threshold) == min(thresholds[-1], (1 << (bits - 1)) - 1)
            items = []
            for total in random_totals(rng, thresholds, bits, 40):
                channel, slot = rng.randrange(1 << shape.channel_bits), rng.randrange(1 << slots_log2)
                row, column = rng.randrange(side), rng.randrange(side)
                items.append((total, channel, slot, row, column))
                step = sum(threshold > total for threshold in thresholds)
                if step < steps or output:
                    y = (row << slots_log2 | slot) % side
                    expected.append((total, channel, y, column, min(step, steps - 1), int(step < steps)))
            await sender(dut.i, items, stalls=stalls[0], seed=steps)(ctx)
            while ctx.get(dut.busy):
                await ctx.tick()
            await ctx.tick()
            assert [item for _, item in given] == expected

    simulate(dut, drive, background=[drain(dut.o, stalls=stalls[1]), watch(dut.o, given)], hostile=True)
    assert len(expected) > 200
    record_property("values", 6 * len(expected))


def test_latency_and_throughput():
    parameters, taken, given = small(), [], []
    dut, rng = StepFinder(parameters), random.Random(0)
    items = [(rng.randrange(-512, 512), 1, 0, 2, 3) for _ in range(30)]

    async def drive(ctx):
        ctx.set(dut.output, 1)
        await write_thresholds(ctx, dut, [300, 100, 5])
        await sender(dut.i, items)(ctx)
        await ctx.tick().until(~dut.busy)

    simulate(dut, drive, background=[drain(dut.o), watch(dut.i, taken), watch(dut.o, given)])
    cycles = [cycle for cycle, _ in taken]
    assert cycles == list(range(cycles[0], cycles[0] + 30))
    assert [cycle for cycle, _ in given] == [cycle + StepFinder.latency for cycle in cycles]
