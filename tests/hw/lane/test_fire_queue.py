"""The fire queue against a list of the neurons that have reached the threshold, and of what became of them."""

import random
from collections import deque

import pytest

from firstspike_hw.lane.accumulator import Accumulator
from firstspike_hw.lane.fire_queue import FireQueue
from firstspike_hw.lane.parameters import place_bits
from firstspike_spec.compiler.shapes import LayerShape

from ..bench import plain, simulate
from ..models import in_lane_steps, parameters
from .test_row_reader import cycles_until_held


def make(neurons):
    return FireQueue(parameters(LayerShape(2, 1, 1, neurons, 8, 8, 4, 8)))


class Run:
    """A fire queue and what it says; operations reach it `Accumulator.latency` cycles after they begin.

    An operation is ("push", neuron, fires), ("mark", neuron, fires) of one that was pushed in this step, or ("end", last).
    """

    def __init__(self, neurons):
        self.dut, self.places = make(neurons), 1 << place_bits(neurons)
        self.given, self.cycle_number = [], 0
        self._stages, self._holds = deque([None] * Accumulator.latency), deque([0] * cycles_until_held())
        self._pushes, self._place_of, self._offered = 0, {}, None

    async def cycle(self, ctx, operation=None, *, ready=True):
        """Let a cycle pass; return whether the operation began, which it does not if the fire queue was crowded."""
        dut, marks = self.dut, self.dut.marks
        held = self._holds.popleft()
        begins = operation is not None and not held
        what, *fields = self._stages.popleft() or ["nothing"]
        ending = any(later and later[0] == "end" for later in [[what], *self._stages, begins and operation])
        if what == "push":
            self._place_of[fields[0]] = self._pushes % self.places
        values = {
            "push": what in ("push", "end"),
            "mark": what in ("push", "mark"),
            "place": self._place_of[fields[0]] if what in ("push", "mark") else 0,
            "fires": fields[1] if what in ("push", "mark") else 0,
            "neuron": fields[0] if what in ("push", "mark") else 0,
            "end": what == "end",
            "last": fields[0] if what == "end" else 0,
            "ending": ending,
        }
        ctx.set(marks, values)
        self._holds.append(ctx.get(dut.crowded))
        ctx.set(dut.o.ready, ready)
        self._pushes += what in ("push", "end")
        assert ctx.get(dut.next_place) == self._pushes % self.places
        offered = plain(ctx.get(dut.o.payload)) if ctx.get(dut.o.valid) else None
        assert self._offered is None or offered == self._offered, f"{self._offered} was offered, then {offered}"
        self._offered = None if ready else offered
        if ready and offered is not None:
            self.given.append((self.cycle_number, offered))
        self._stages.append(operation if begins else None)
        self.cycle_number += 1
        await ctx.tick()
        return begins

    async def operations(self, ctx, operations, *, rng, gap=0.0, stalls=(0.0, 0.0)):
        waiting, stalled = deque(operations), False
        while waiting:
            stalled = rng.random() < stalls[stalled]
            if await self.cycle(ctx, waiting[0] if rng.random() >= gap else None, ready=not stalled):
                waiting.popleft()

    async def settle(self, ctx):
        for _ in range(Accumulator.latency + FireQueue.latency + self.places + 4):
            await self.cycle(ctx)


def random_operations(rng, neurons, steps):
    """Return operations, and the steps that they are."""
    operations, expected = [], []
    for step in range(steps):
        fires = {}
        for _ in range(rng.choice([0, 1, neurons, 2 * neurons])):
            neuron = rng.randrange(neurons)
            operations.append(("mark" if neuron in fires else "push", neuron, rng.randrange(2) if neuron in fires else 1))
            fires[neuron] = operations[-1][2]
        last = int(rng.random() < 0.3 or step == steps - 1)
        operations.append(("end", last))
        expected.append((sorted(neuron for neuron, fire in fires.items() if fire), last))
    return operations, expected


@pytest.mark.parametrize("stalls", [(0, 0), (0.5, 0.5), (0.02, 0.98), (1, 0.9)])
@pytest.mark.parametrize("neurons", [1, 2, 5, 12, 13, 28, 40])
def test_random_marks(neurons, stalls):
    """Marks that change until the last moment; more than fits into the queue, which nothing is lost of."""
    for seed in range(2):
        rng, run = random.Random(f"{neurons} {stalls} {seed}"), Run(neurons)
        operations, expected = random_operations(rng, neurons, 25)

        async def drive(ctx, run=run, operations=operations, rng=rng, gap=0.3 * seed):
            await run.operations(ctx, operations, rng=rng, gap=gap, stalls=stalls)
            await run.settle(ctx)

        simulate(run.dut, drive, hostile=True)
        assert in_lane_steps([item for _, item in run.given]) == expected


@pytest.mark.parametrize("neurons", [12, 13, 28, 60])
def test_nobody_takes_anything(neurons):
    """With a push in each cycle, it is crowded in time, whenever the first step ends; then all come in order."""
    for first in range(0, neurons + 1, 1 + neurons // 30):
        steps = [first, neurons, neurons, neurons]
        operations, run = [], Run(neurons)
        for count in steps:
            operations += [*(("push", neuron, 1) for neuron in range(count)), ("end", 0)]

        async def drive(ctx, run=run, operations=operations):
            waiting = deque(operations)
            for _ in range(2 * run.places):
                if await run.cycle(ctx, waiting[0], ready=False):
                    waiting.popleft()
            assert waiting, "it is never crowded"
            await run.operations(ctx, waiting, rng=random.Random(0))
            await run.settle(ctx)

        simulate(run.dut, drive, hostile=True)
        assert in_lane_steps([item for _, item in run.given]) == [(list(range(count)), 0) for count in steps]


def test_nothing_is_given_before_the_step_ends():
    run = Run(4)

    async def drive(ctx):
        for operation in [("push", 3, 1), ("push", 1, 1), *[None] * 30]:
            await run.cycle(ctx, operation)
        assert run.given == []
        for operation in [("mark", 3, 0), ("end", 1), *[None] * 30]:
            await run.cycle(ctx, operation)

    simulate(run.dut, drive, hostile=True)
    assert [item for _, item in run.given] == [(1, 0, 0), (0, 1, 1)]


def test_throughput():
    """One neuron a cycle, whether it fires or not, also across ends."""
    run, fires = Run(40), [1, 0, 0, 1, 1, 0, 1, 0]
    step = [*(("push", neuron, 1) for neuron in range(8)), *(("mark", neuron, fire) for neuron, fire in enumerate(fires))]

    async def drive(ctx):
        for operation in [*step, ("end", 0), ("push", 5, 1), ("end", 1), *[None] * 40]:
            assert await run.cycle(ctx, operation) or operation is None

    simulate(run.dut, drive, hostile=True)
    first = run.given[0][0]
    assert [(cycle - first, item[0]) for cycle, item in run.given if not item[1]] == [(0, 0), (3, 3), (4, 4), (6, 6), (9, 5)]
    assert [(cycle - first, item[2]) for cycle, item in run.given if item[1]] == [(8, 0), (10, 1)]


def test_latency():
    """From an end's push to the output, if nothing is before it."""
    run = Run(4)

    async def drive(ctx):
        for operation in [("end", 0), *[None] * 20]:
            await run.cycle(ctx, operation)

    simulate(run.dut, drive, hostile=True)
    assert [cycle for cycle, _ in run.given] == [Accumulator.latency + FireQueue.latency]
