"""The fire sequencer against the loops of FIRE."""

import random
from itertools import pairwise

import pytest

from firstspike_hw.processor.parameters import HEADER_GAP, StepKind
from firstspike_hw.processor.shared.fire_sequencer import FireSequencer
from firstspike_spec.processor.instructions import Fire

from ...bench import note, simulate
from .models import small, visits


def random_fire(rng, parameters, **fixed):
    """Return a FIRE of any geometry that its lane's places allow; odd ones too."""
    shape = parameters.shape
    fields = {
        "source": 1,
        "opens": False,
        "closes": False,
        "output": False,
        "thresholds": (2, 1),
        "units": rng.choice([0, 1, 1, 2, 3]),
        "header": rng.randrange(shape.entries),
        "first": rng.randrange(1 << 16),
        "lead": rng.choice([0, 0, 1, 2, 7]),
        "pitch": rng.choice([1, 2, 3, 5, 9, 17]),
        "unit_rows": rng.choice([1, 2, 3, 5, 8]),
        "pooling": rng.choice([1, 1, 2, 3, 4, 15]),
        "slots_log2": rng.randrange(3),
        "fired_rows": rng.choice([0, 1, 2, 3, 5, 8, 20, 511]),
        "fired_columns": rng.choice([0, 1, 2, 3, 5, 9, 511]),
    }
    return Fire(**fields | fixed)


def expected_steps(fire, parameters):
    """Return (kind, address) of each step; of a visit all fields."""
    shape = parameters.shape
    places, words, side = 1 << shape.potential_address_bits, 1 << parameters.entry_address_bits, 1 << shape.side_bits
    steps = []
    for name, *fields in visits(fire):
        if name == "clear":
            steps.append((StepKind.CLEAR, fields[0] % places))
        elif name == "header":
            first = fire.header + fields[0] * shape.header_words
            steps += [(StepKind.HEADER, (first + word) % words) for word in range(shape.header_words)]
        else:
            address, opens, closes, row, column = fields
            slots = sum(
                (row << fire.slots_log2 | slot) < fire.fired_rows and column < fire.fired_columns
                for slot in range(1 << fire.slots_log2)
            )
            steps.append((StepKind.VISIT, address % places, int(opens), int(closes), slots, row % side, column % side))
    return steps


def shown(step):
    kind, *fields = step
    return (kind, *fields) if kind == StepKind.VISIT else (kind, fields[0])


async def execute(ctx, dut, fire, rng, stalls):
    """Run a FIRE."""
    ctx.set(dut.geometry, {name: getattr(fire, name) for name in dut.geometry.shape().members})
    await ctx.tick().repeat(2)
    ctx.set(dut.start, 1)
    await ctx.tick()
    ctx.set(dut.start, 0)
    while ctx.get(dut.busy):
        ctx.set(dut.crowded, rng.random() < stalls)
        await ctx.tick()
    await ctx.tick()


@pytest.mark.parametrize("stalls", [0, 0.5])
@pytest.mark.parametrize(
    "sizes", [{}, {"potentials": 16, "side_bits": 1}, {"potentials": 3000, "entries": 5000, "weight_bits": 8}], ids=str
)
def test_against_the_loops(sizes, stalls, record_property):
    parameters = small(**sizes)
    dut, rng, steps, expected = FireSequencer(parameters), random.Random(f"{sizes} {stalls}"), [], []

    async def drive(ctx):
        for _ in range(60):
            fire = random_fire(rng, parameters)
            expected.extend(expected_steps(fire, parameters))
            await execute(ctx, dut, fire, rng, stalls)
            got = [shown(step) for step in steps if step[0] != StepKind.NOTHING]
            assert got == expected, fire

    simulate(dut, drive, background=[note(dut.step, steps)], limit=60_000)
    assert len(expected) > 1000
    record_property("values", sum(map(len, expected)))


def test_latency_and_throughput():
    """A step a cycle without a pause, but before a unit's header: `HEADER_GAP` cycles, and one before the first unit's."""
    parameters = small(potentials=2000)
    rng = random.Random(0)
    for _ in range(40):
        dut, steps = FireSequencer(parameters), []
        fire = random_fire(rng, parameters, units=rng.randrange(1, 4))

        async def drive(ctx, dut=dut, fire=fire):
            await execute(ctx, dut, fire, rng, 0)

        simulate(dut, drive, background=[note(dut.step, steps)])
        times = [(cycle, step[0]) for cycle, step in enumerate(steps) if step[0] != StepKind.NOTHING]
        assert times[0][0] == 2 + FireSequencer.latency + (fire.lead == 0)
        assert len(times) == len(expected_steps(fire, parameters))
        for (early, before), (late, kind) in pairwise(times):
            new_unit = kind == StepKind.HEADER and before != StepKind.HEADER
            gap = 0 if not new_unit else 1 if before == StepKind.CLEAR else HEADER_GAP
            assert late - early == 1 + gap


def test_slack():
    """One step after ``crowded`` has come, which is that of the same cycle."""
    parameters, steps = small(), []
    dut, fire = FireSequencer(parameters), random_fire(random.Random(1), parameters, units=3, pitch=5, unit_rows=8)

    async def drive(ctx):
        ctx.set(dut.geometry, {name: getattr(fire, name) for name in dut.geometry.shape().members})
        await ctx.tick().repeat(2)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        await ctx.tick().repeat(20)
        ctx.set(dut.crowded, 1)
        await ctx.tick().repeat(10)
        assert sum(step[0] != StepKind.NOTHING for step in steps[23:]) == FireSequencer.slack
        assert ctx.get(dut.busy)

    simulate(dut, drive, background=[note(dut.step, steps)])
