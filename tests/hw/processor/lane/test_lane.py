"""The lane of the processor against plain Python: from calls and steps to the totals that fire."""

import random
from dataclasses import replace

import pytest

from firstspike_hw.memory.style import ECP5_MEMORY, GENERIC_MEMORY, ICE40UP_MEMORY
from firstspike_hw.processor.lane.lane import Lane
from firstspike_hw.processor.parameters import CALL_SLACK, STEP_SLACK, ProcessorParameters, StepKind
from firstspike_spec.processor.shape import ProcessorShape

from ....levels import each_choice
from ...bench import loader, peek, plain, simulate, with_reset
from .models import NO_STEP, LaneModel, Units, random_units

SMALL = ProcessorShape(
    lanes=1,
    potentials=100,
    potential_bits=12,
    entries=200,
    weight_bits=4,
    value_bits=3,
    rows=20,
    row_entries=9,
    queue_depth=16,
    channel_bits=3,
    side_bits=4,
    spikes=16,
    inputs=16,
    coordinates=16,
    program=64,
)
SHAPES = {
    "small": SMALL,
    "narrow": replace(SMALL, potentials=64, potential_bits=8, weight_bits=2, value_bits=1, channel_bits=1, queue_depth=8),
    "wide": replace(
        SMALL,
        potentials=513,
        potential_bits=32,
        entries=600,
        weight_bits=8,
        value_bits=16,
        rows=70,
        row_entries=40,
        queue_depth=64,
        channel_bits=10,
        side_bits=8,
    ),
    "few entries": replace(SMALL, potentials=300, entries=60, rows=16, row_entries=1, side_bits=5),
}
#: Of some shapes, how many calls may come after ``room`` has gone.
SLACKS = {"narrow": 3, "few entries": 14}


class Driver:
    """Drives a lane cycle by cycle, and uses all of the slack that it promises to have.

    Attributes
    ----------
    fired : list of tuple
    operations, cycle : int
    bubbles : list of int
        Cycles without an operation between the first and the last one.
    """

    def __init__(self, dut, seed, *, stalls=0.0, call_slack=CALL_SLACK):
        self.call_slack, self.dut, self.rng, self.stalls = call_slack, dut, random.Random(f"driver {seed}"), stalls
        self.fired, self.operation_cycles, self.cycle = [], [], 0
        self.fired_cycles = []
        self.forget()

    def forget(self):
        self.calls_left, self.steps_left, self.offered = self.call_slack, STEP_SLACK, None

    async def tick(self, ctx, call=None, step=None):
        """Let a cycle pass with at most one call and one step; say which of them have gone."""
        dut = self.dut
        room, crowded = ctx.get(dut.room), ctx.get(dut.crowded)
        self.calls_left = self.call_slack if room else self.calls_left
        self.steps_left = STEP_SLACK if not crowded else self.steps_left
        calls = call is not None and (room or self.calls_left > 0)
        steps = not crowded or self.steps_left > 0
        self.calls_left -= calls and not room
        ctx.set(dut.call_valid, calls)
        if calls:
            ctx.set(dut.call, dict(zip(("row", "base", "value"), call, strict=True)))
        ctx.set(dut.step, step if steps and step else NO_STEP)
        self.steps_left -= bool(crowded and steps and step)
        ready = self.rng.random() >= self.stalls
        ctx.set(dut.fired.ready, ready)
        offered = plain(ctx.get(dut.fired.payload)) if ctx.get(dut.fired.valid) else None
        assert self.offered is None or offered == self.offered, f"{self.offered} was offered, then {offered}"
        self.offered = None if ready else offered
        if offered and ready:
            self.fired.append(offered)
            self.fired_cycles.append(self.cycle)
        if ctx.get(dut.operation):
            assert ctx.get(dut.working), f"cycle {self.cycle}: an entry is added while nothing is under way"
            self.operation_cycles.append(self.cycle)
        assert not offered or ctx.get(dut.firing), f"cycle {self.cycle}: a total waits while nothing is under way"
        await ctx.tick()
        self.cycle += 1
        assert not (calls and call is not None) or ctx.get(dut.working)
        assert not (steps and step) or ctx.get(dut.firing)
        return calls, steps

    async def run(self, ctx, calls=(), steps=(), *, gaps=0.0):
        """Let calls and steps go, both as fast as they may, and wait until they are done."""
        calls, steps, dut = list(calls), list(steps), self.dut
        while calls or steps:
            call = calls[0] if calls and self.rng.random() >= gaps else None
            waits = bool(steps) and steps[0] is not None and self.rng.random() < gaps
            step = steps[0] if steps and not waits else None
            called, stepped = await self.tick(ctx, call, step)
            if called and call:
                calls.pop(0)
            if steps and not waits and (step is None or stepped):
                steps.pop(0)
        while ctx.get(dut.working) or ctx.get(dut.firing):
            await self.tick(ctx)


async def prepare(ctx, dut, words):
    """Wait for the sweep, and load."""
    while not ctx.get(dut.ready):
        await ctx.tick()
    await loader(dut.load, words)(ctx)
    await ctx.tick().repeat(4)


def random_lane(rng, shape):
    """Return a model with random rows, and for each row its base and the range of its targets.

    The targets of even rows lie in the lower half of the places, those of odd ones in the upper half; a few are hit often.
    """
    model, half, places = LaneModel(shape), shape.potentials // 2, 1 << shape.potential_address_bits
    rows, start, headers = [], 0, 4 * shape.header_words * 2
    low, high = shape.entry.fields[-1].range
    for row in range(shape.rows):
        length = rng.choice([0, 0, 1, 1, 2, 3, shape.row_entries, rng.randint(0, shape.row_entries)])
        length = min(length, shape.row_entries, shape.entries - headers - start)
        base, favourites = rng.randrange(places), [rng.randrange(half - 2) for _ in range(2)]
        targets = [rng.choice([*favourites, rng.randrange(half - 2)]) + row % 2 * half for _ in range(length)]
        weights = [rng.choice([low, high, 1, -1, rng.randint(low, high)]) for _ in range(length)]
        model.set_row(row, start, [((target - base) % places, w) for target, w in zip(targets, weights, strict=True)])
        rows.append(base)
        start += length
    return model, rows


def random_calls(rng, shape, bases, half, count):
    """Return calls that hit one half of the places only."""
    calls = []
    for _ in range(count):
        row = rng.randrange(half, shape.rows, 2)
        base = (bases[row] + rng.randrange(3)) % (1 << shape.potential_address_bits)
        calls.append((row, base, rng.choice([0, 1, (1 << shape.value_bits) - 1, rng.randrange(1 << shape.value_bits)])))
    return calls


def style_named(name, late):
    return {"generic": GENERIC_MEMORY, "iCE40": ICE40UP_MEMORY, "ECP5": late, "ECP5, LUTs": replace(late, lut_ram_words=64)}[
        name
    ]


@pytest.mark.parametrize(("name", "style"), each_choice(list(SHAPES), ["generic", "iCE40", "ECP5", "ECP5, LUTs"]))
def test_equals_the_model(name, style, late_block_rams, record_property):
    """Layers take turns on two halves of the places: while one fires, the next one's entries are added."""
    shape, compared = SHAPES[name], 0
    for seed, (gaps, stalls) in enumerate([(0, 0), (0.3, 0.9), (0, 0.6)]):
        rng = random.Random(f"{name} {style} {seed}")
        model, bases = random_lane(rng, shape)
        half = shape.potentials // 2
        headers = shape.entries - 4 * shape.header_words * 2
        slack = SLACKS.get(name, CALL_SLACK)
        dut = Lane(ProcessorParameters(shape, style_named(style, late_block_rams), call_slack=slack))
        driver, expected = Driver(dut, seed, stalls=stalls, call_slack=slack), []
        plans = []
        for number in range(8):
            first = number % 2 * half
            units = random_units(
                rng,
                shape,
                first=first,
                most=half,
                header=headers + number % 2 * 4 * shape.header_words,
                most_units=4,
            )
            low, high = -(1 << shape.potential_bits - 1), (1 << shape.potential_bits - 1) - 1
            plans.append((units, rng.choice([low, high, 1, 5, rng.randint(-30, 30)]), rng.random() < 0.4))

        async def drive(ctx, model=model, driver=driver, plans=plans, expected=expected, rng=rng, bases=bases, gaps=gaps):
            dut = driver.dut
            await prepare(ctx, dut, model.load_words())
            for number in range(len(plans)):
                calls = random_calls(rng, shape, bases, number % 2, rng.choice([5, 60, 200]))
                steps = []
                if number:
                    before, threshold, output = plans[number - 1]
                    model.set_headers(before)
                    words = [w for w in model.load_words() if w[2] == 1 and before.header <= w[1]]
                    await loader(dut.load, words)(ctx)
                    await ctx.tick().repeat(4)
                    ctx.set(dut.threshold, threshold)
                    ctx.set(dut.output, output)
                    steps = list(before.steps(shape.header_words))
                    expected += model.fire(before, threshold, output)
                for call in calls:
                    model.call(*call)
                await driver.run(ctx, calls, steps, gaps=gaps)

        simulate(dut, drive, hostile=True, limit=60_000)
        assert driver.fired == expected
        assert len(driver.operation_cycles) == model.operations
        compared += len(expected)
    assert compared > 30
    record_property("values", 5 * compared)


#: With room for all calls that are on their way, and for rows that wait besides.
ROOMY = replace(SMALL, queue_depth=32)


def lane_with(rows, *, shape=ROOMY, headers=()):
    """Return a model with rows of (offset, weight) by their numbers, and headers of units from word 100 on."""
    model, start = LaneModel(shape), 0
    for row, entries in rows.items():
        model.set_row(row, start, entries)
        start += len(entries)
    units = Units(
        header=100, first=0, lead=0, pitch=8, unit_rows=2, pooling=1, slots=1, fired_rows=16, fired_columns=8, headers=headers
    )
    model.set_headers(units)
    return model, units


def timed(model, calls, steps=(), *, style=GENERIC_MEMORY, call_slack=CALL_SLACK):
    """Return the driver after calls and steps of an output layer."""
    driver = Driver(Lane(ProcessorParameters(model.shape, style, call_slack)), 0, call_slack=call_slack)

    async def drive(ctx):
        await prepare(ctx, driver.dut, model.load_words())
        ctx.set(driver.dut.output, 1)
        driver.cycle = 0
        await driver.run(ctx, calls, steps)

    simulate(driver.dut, drive, hostile=True)
    return driver


@pytest.mark.parametrize("style", ["generic", "ECP5", "iCE40"])
def test_latency(style, late_block_rams):
    """From a call to the addition of its first entry; from the step that closes a window to the output."""
    model, units = lane_with({2: [(5, 1), (6, 2)]}, headers=[(1, 0, 3, 0)])
    style = style_named(style, late_block_rams)
    assert timed(model, [(2, 0, 1)], style=style).operation_cycles == [Lane.latency, Lane.latency + 1]
    steps = list(units.steps(model.shape.header_words))
    first_visit = next(at for at, step in enumerate(steps) if step["kind"] == StepKind.VISIT)
    driver = timed(model, [], steps, style=style)
    assert driver.fired_cycles[0] == first_visit + Lane.step_latency
    assert len(driver.fired) == 16


@pytest.mark.parametrize(("depth", "slack"), [(64, 12), (32, 12), (16, 2)])
def test_one_operation_a_cycle(depth, slack):
    """Rows of all lengths follow each other without a gap, and rows without entries cost nothing, once some rows wait."""
    lengths = {0: 9, 1: 0, 2: 1, 3: 1, 4: 0, 5: 0, 6: 1, 7: 3, 8: 2, 9: 0}
    rows = {row: [(row, 1)] * length for row, length in lengths.items()}
    model, _ = lane_with(rows, shape=replace(SMALL, queue_depth=depth))
    numbers = [0, 1, 4, 2, 3, 6, 1, 5, 9, 2, 7, 8, 1, 2, 3, 6, 0, 1, 9, 5, 4, 8, 6, 0, *[2] * 20, 3, 8, 0]
    driver = timed(model, [(row, 0, 1) for row in numbers], call_slack=slack)
    entries = sum(lengths[row] for row in numbers)
    assert driver.operation_cycles == list(range(Lane.latency, Lane.latency + entries))


@pytest.mark.parametrize(("slack", "length"), [(10, 1), (11, 0)])
def test_one_call_a_cycle(slack, length):
    """With six places more than the slack, rows of one entry come and go in each cycle; with five, calls without entries."""
    model, _ = lane_with({1: [(5, 1)] * length, 2: [(6, 1)]}, shape=replace(SMALL, queue_depth=16))
    driver = timed(model, [(1, 0, 1)] * 100 + [(2, 0, 1)], call_slack=slack)
    assert driver.operation_cycles == list(range(Lane.latency + 100 * (1 - length), Lane.latency + 101))


@pytest.mark.parametrize("kind", [StepKind.CLEAR, StepKind.VISIT, StepKind.HEADER])
def test_a_step_takes_the_place_of_one_entry(kind):
    """Each step costs the entries one cycle, whatever it does."""
    model, _ = lane_with({1: [(at, 1) for at in range(9)]})
    steps = [NO_STEP | {"kind": kind, "address": 90 + at % 4} if at % 3 else None for at in range(60)]
    driver = timed(model, [(1, 0, 1)] * 8, steps)
    cycles = driver.operation_cycles
    assert len(cycles) == 72
    gaps = [cycle for cycle in range(cycles[0], cycles[-1]) if cycle not in cycles]
    # A step comes to its turn one cycle after it has come, and an entry is added six cycles after its turn.
    turns = {at + 1 + 6 for at, step in enumerate(steps) if step}
    assert gaps == [cycle for cycle in range(cycles[0], cycles[-1]) if cycle in turns]
    assert len(gaps) >= 30


@pytest.mark.parametrize(("output", "threshold", "count"), [(True, 2047, 32), (False, -2048, 32), (False, 2047, 0)])
def test_all_windows_fire_or_none_while_nobody_takes_totals(output, threshold, count):
    """All totals are negative. The queue becomes full, and nothing is lost."""
    model, units = lane_with({1: [(at, -1) for at in range(9)]}, headers=[(1, 0, 1, -2048 + 36), (1, 0, 2, -40)])
    calls = [(1, base, 4) for base in range(20)]
    for call in calls:
        model.call(*call)
    driver = Driver(Lane(ProcessorParameters(model.shape)), 1, stalls=0.97)

    async def drive(ctx):
        await prepare(ctx, driver.dut, model.load_words())
        ctx.set(driver.dut.threshold, threshold)
        ctx.set(driver.dut.output, output)
        await driver.run(ctx, calls)
        await driver.run(ctx, (), units.steps(model.shape.header_words))

    simulate(driver.dut, drive, hostile=True)
    expected = model.fire(units, threshold, output)
    assert driver.fired == expected
    assert len(expected) == count
    assert all(total < 0 for total, *_ in expected)


def test_a_visit_directly_after_the_last_entries():
    """Once ``working`` has gone, a step may come at once; an entry may be added to a place that has just been cleared."""
    model, units = lane_with({1: [(3, 1)] * 9, 2: [(3, 2)]}, headers=[(1, 0, 1, 0)])
    driver = Driver(Lane(ProcessorParameters(model.shape)), 0)

    async def drive(ctx):
        await prepare(ctx, driver.dut, model.load_words())
        ctx.set(driver.dut.output, 1)
        for distance in range(12):
            await driver.run(ctx, [(1, 0, 1)])
            # The entry's turn is `distance` cycles after, or before, that of the visit.
            steps = [None] * distance + list(units.steps(model.shape.header_words))
            await driver.run(ctx, [(2, 0, 1)], steps)
            await driver.run(ctx, [], units.steps(model.shape.header_words))
            totals = [total for total, *_, column in driver.fired if column == 3]
            assert sum(totals) == 9 + 2, f"distance {distance}"
            driver.fired.clear()

    simulate(driver.dut, drive, hostile=True)


@pytest.mark.parametrize("style", ["generic", "ECP5"])
def test_a_reset_in_the_middle(style, late_block_rams):
    """Afterwards all potentials are 0, and nothing is under way."""
    model, units = lane_with({row: [(at * 11 + row, 1) for at in range(9)] for row in range(9)}, headers=[(1, 0, 5, 7)] * 6)
    driver = Driver(Lane(ProcessorParameters(model.shape, style_named(style, late_block_rams))), 0, stalls=0.5)
    top, reset = with_reset(driver.dut)

    async def drive(ctx):
        await prepare(ctx, driver.dut, model.load_words())
        ctx.set(driver.dut.output, 1)
        rng = random.Random(5)
        for _ in range(4):
            steps = iter(list(units.steps(model.shape.header_words)) * 3)
            for number in range(rng.randint(30, 90)):
                await driver.tick(ctx, (rng.randrange(9), 0, 3), next(steps) if number > 20 else None)
            ctx.set(driver.dut.call_valid, 0)
            ctx.set(driver.dut.step, NO_STEP)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)
            driver.forget()
            driver.fired.clear()
            cycles = 0
            while not ctx.get(driver.dut.ready):
                assert not ctx.get(driver.dut.fired.valid)
                await ctx.tick()
                cycles += 1
            assert cycles == model.shape.potentials - 1
            await driver.run(ctx, [], units.steps(model.shape.header_words))
            assert [total for total, *_ in driver.fired] == [7] * 96

    simulate(top, drive, hostile=True)


def test_words_are_read_back():
    """Also while a word of a header was read before: that is not shown."""
    rng, model = random.Random(3), LaneModel(SMALL)
    model.pointers = [(rng.randrange(200), rng.randrange(10)) for _ in model.pointers]
    model.entries = [rng.getrandbits(SMALL.entry.bits) for _ in model.entries]
    words = model.load_words()
    dut = Lane(ProcessorParameters(SMALL))

    async def drive(ctx):
        await prepare(ctx, dut, words)
        shown = []
        for number in range(12):
            ctx.set(dut.step, NO_STEP | {"kind": StepKind.HEADER, "address": number} if number < 5 else NO_STEP)
            await ctx.tick()
            shown.append(ctx.get(dut.load.peeked))
        assert shown == [0] * 12
        assert await peek(ctx, dut.load, words, Lane.peek_latency) == [word for word, *_ in words]

    simulate(dut, drive, hostile=True)


def test_memories_are_those_that_there_are():
    """Of the example of 48 lanes: one block for pointers, two for entries, one for potentials, and two queues in LUTs."""
    shape = ProcessorShape(48, 1024, 18, 2048, 8, 5, 1024, 127, 16, 9, 5, 1024, 1024, 64, 64)
    memories = list(Lane.memories(ProcessorParameters(shape, ECP5_MEMORY)))
    assert [memory.blocks for memory, _ in memories] == [1, 2, 1, 0, 0]
    assert all(count == 1 for _, count in memories)
