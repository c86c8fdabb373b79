"""The potential unit against a list: one operation in every cycle, most of them on the places of those just before."""

import random
from dataclasses import replace

import pytest

from firstspike_hw.memory.style import GENERIC_MEMORY, ICE40UP_MEMORY
from firstspike_hw.processor.lane.potential_unit import PotentialUnit
from firstspike_hw.processor.parameters import ProcessorParameters

from ...bench import simulate
from .models import wrapped
from .test_lane import SHAPES


@pytest.mark.parametrize("style", ["generic", "ECP5", "iCE40"])
@pytest.mark.parametrize("name", ["small", "narrow", "wide"])
def test_one_operation_a_cycle_on_few_places(name, style, late_block_rams, record_property):
    shape = SHAPES[name]
    style = {"generic": GENERIC_MEMORY, "ECP5": late_block_rams, "iCE40": ICE40UP_MEMORY}[style]
    dut = PotentialUnit(ProcessorParameters(replace(shape, potentials=100), style, call_slack=3))
    rng, compared, followed = random.Random(f"{name}"), 0, [0] * 5
    weights = shape.entry.fields[-1].range
    values = (1 << shape.value_bits) - 1

    async def drive(ctx):
        nonlocal compared
        potentials, expected, before = [0] * 100, [], [("rest", None)] * 4
        for place in range(100):
            ctx.set(dut.clear, 1)
            ctx.set(dut.address, place)
            await ctx.tick()
        few = [3, 4, 99]
        for number in range(2500):
            if number % 200 == 0:
                few = rng.sample(range(100), rng.randint(1, 5))
            place, base = rng.choice(few), rng.randrange(128)
            what = rng.choice(["add", "add", "add", "clear", "rest"])
            if what == "clear" and before[-1] in (("add", place), ("clear", place)):
                what = "add"  # what a clearing reads need not have the result of the operation in the cycle before
            weight, value = rng.choice([*weights, rng.randint(*weights)]), rng.choice([values, rng.randint(0, values)])
            ctx.set(dut.valid, what == "add")
            ctx.set(dut.clear, what == "clear")
            ctx.set(dut.entry, {"offset": (place - base) % 128, "weight": weight})
            ctx.set(dut.base, base)
            ctx.set(dut.value, value)
            ctx.set(dut.address, place)
            expected.append(potentials[place] if what == "clear" else None)
            if what == "add":
                potentials[place] = wrapped(potentials[place] + weight * value, shape.potential_bits)
            elif what == "clear":
                potentials[place] = 0
            if what != "rest":
                for back in range(1, 5):
                    followed[back] += before[-back][0] != "rest" and before[-back][1] == place
            before = [*before[1:], (what, place)]
            await ctx.tick()
            at = number - PotentialUnit.latency + 1
            if at >= 0 and expected[at] is not None:
                assert ctx.get(dut.potential) == expected[at], f"cycle {number}"
                compared += 1

    simulate(dut, drive, hostile=True)
    assert compared > 300
    assert min(followed[1:]) > 300
    record_property("values", compared)


@pytest.mark.parametrize("name", ["small", "wide"])
def test_latency(name):
    """`operation` in the `latency`-th cycle after ``valid``, which is the last one of ``busy``."""
    dut, seen = PotentialUnit(ProcessorParameters(SHAPES[name])), []

    async def drive(ctx):
        for number in range(9):
            ctx.set(dut.valid, number == 0)
            seen.append((ctx.get(dut.operation), ctx.get(dut.busy)))
            await ctx.tick()

    simulate(dut, drive, hostile=True)
    latency = PotentialUnit.latency
    assert seen == [(0, 0), *[(0, 1)] * (latency - 1), (1, 1), *[(0, 0)] * (8 - latency)]
