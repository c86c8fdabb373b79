"""The lane against its software model: from the rows of tokens to the neurons that fire."""

import random
from collections import deque

import pytest
from amaranth.hdl import Value

from firstspike_hw.lane.accumulator import Accumulator
from firstspike_hw.lane.fire_queue import FireQueue
from firstspike_hw.lane.lane import Lane
from firstspike_hw.lane.parameters import entry_latency
from firstspike_hw.lane.row_reader import RowReader
from firstspike_hw.memory.loadable_memory import LoadableMemory
from firstspike_spec.common.words import Memory
from firstspike_spec.compiler.shapes import LayerShape

from ..bench import STALLS, load_word, loader, peek, plain, simulate, with_reset
from ..models import in_lane_steps, layer_outputs, make_bank, parameters, random_contents, random_tokens, rows_word


class Run:
    """A lane, and a bank around it that has no other.

    Attributes
    ----------
    came : list of int
        The cycles of the tokens' coming.
    given : list of (int, tuple)
        The cycle of each transfer at the output.
    added : int
        Times that ``operation`` was set.
    """

    #: From a look at ``room`` to the token's rows.
    delay = LoadableMemory.latency + 1

    def __init__(self, shape, bank, *, spikes_per_token, time_steps, queue_depth=8, loaded=False, seed=0):
        self.shape, self.bank, self.spikes_per_token, self.rng = shape, bank, spikes_per_token, random.Random(f"run {seed}")
        self._queue_depth = queue_depth
        sizes = parameters(shape, spikes_per_token=spikes_per_token, time_steps=time_steps, queue_depth=queue_depth)
        self.dut = Lane(sizes, () if loaded else bank.initial_potentials)
        pointers = shape.pointer.unpack(bank.pointers)
        self._rows = list(zip(pointers["start"].tolist(), pointers["length_0"].tolist(), strict=True))
        self.came, self.given, self.added, self.cycle_number = [], [], 0, 0
        self.forget()

    def forget(self):
        """Forget what is on its way."""
        self._to_come, self._entries = deque([None] * self.delay), deque([0] * entry_latency(self.shape))
        self._offered = None
        self._first = True
        self.given.clear()

    def rows(self, token):
        """Return what a token means for the lane."""
        ports = [self._rows[a] if valid else (0, 0) for a, valid in zip(token[:-2:2], token[1:-2:2], strict=True)]
        return rows_word(ports, token[-2], token[-1])

    async def cycle(self, ctx, token=None, *, ready=True):
        """Let a cycle pass; return whether the token goes, which it does not if there is no room."""
        dut, begins = self.dut, False
        goes = token is not None and ctx.get(dut.room)
        if goes and self._first:
            # The start row goes instead.
            begins, self._first = True, False
        elif goes:
            self._first = token[-1]
        going = (self.shape.start_row, 1, *(0, 0) * (self.spikes_per_token - 1), 0, 0) if begins else token
        self._to_come.append(going if goes else None)
        coming = self._to_come.popleft()
        if coming:
            self.came.append(self.cycle_number)
        ctx.set(dut.rows, self.rows(coming or (0,) * (2 * self.spikes_per_token + 2)))
        ctx.set(Value.cast(dut.entry), self._entries.popleft())
        address = ctx.get(dut.address)
        self._entries.append(int(self.bank.entries[address]) if address < len(self.bank.entries) else 0)
        ctx.set(dut.o.ready, ready)
        offered = plain(ctx.get(dut.o.payload)) if ctx.get(dut.o.valid) else None
        assert self._offered is None or offered == self._offered, f"{self._offered} was offered, then {offered}"
        self._offered = None if ready else offered
        if ready and offered is not None:
            self.given.append((self.cycle_number, offered))
        self.added += ctx.get(dut.operation)
        self.cycle_number += 1
        await ctx.tick()
        return goes and not begins

    async def sweep(self, ctx):
        """As a lane group does after a reset."""
        for number in range(self.shape.lane_neurons):
            ctx.set(self.dut.sweep, 1)
            ctx.set(self.dut.sweep_last, number == self.shape.lane_neurons - 1)
            await self.cycle(ctx)
        ctx.set(self.dut.sweep, 0)
        ctx.set(self.dut.sweep_last, 0)

    async def tokens(self, ctx, tokens, *, stalls=(0.0, 0.0)):
        """Send tokens; stall each end so often."""
        waiting = deque(tokens)
        while waiting:
            token = waiting[0] if self.rng.random() >= stalls[0] else None
            if await self.cycle(ctx, token, ready=self.rng.random() >= stalls[1]):
                waiting.popleft()

    async def settle(self, ctx):
        """Take what still comes."""
        quiet, most = 0, self._queue_depth * self.spikes_per_token * self.shape.row_entries + self.shape.lane_neurons
        while quiet < Lane.latency + FireQueue.latency + 4 + most:
            before = len(self.given)
            await self.cycle(ctx)
            quiet = quiet + 1 if len(self.given) == before else 0

    def steps(self):
        return in_lane_steps([item for _, item in self.given])


def check(contents, tokens, *, spikes_per_token, time_steps, stalls=(0.0, 0.0), seed=0, **options):
    """Run tokens and compare all with the model; return the run."""
    shape, bank = contents.shape.layers[0], contents.banks[0][0]
    run = Run(shape, bank, spikes_per_token=spikes_per_token, time_steps=time_steps, seed=seed, **options)

    async def drive(ctx):
        await run.sweep(ctx)
        await run.tokens(ctx, tokens, stalls=stalls)
        await run.settle(ctx)

    simulate(run.dut, drive, hostile=True, limit=100_000)
    expected, operations = layer_outputs(shape, [bank], tokens)
    assert run.steps() == expected
    assert run.added == operations
    return run


@pytest.mark.parametrize("spikes_per_token", [1, 2])
@pytest.mark.parametrize("stalls", [*STALLS, (0, 0.95)])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (7, 5, 1), (11, 13, 1)])
def test_equals_the_model_under_stalls(sizes, stalls, spikes_per_token):
    for seed in range(2):
        contents = random_contents(seed, sizes, spikes_per_token=spikes_per_token, connectivity=[0.8, 0.15][seed])
        shape = contents.shape.layers[0]
        tokens = random_tokens(
            seed, range(sizes[0]), 3 + seed, 4, address_bits=shape.source_bits, spikes_per_token=spikes_per_token
        )
        check(contents, tokens, spikes_per_token=spikes_per_token, time_steps=4, stalls=stalls, seed=seed)


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("time_steps", [2, 7, 16])
def test_many_inferences(time_steps, extreme):
    """The numbers of inferences come round more than once, and all kinds of neurons with them."""
    contents = random_contents(time_steps, (8, 11, 1), connectivity=0.5, bits=5, extreme=extreme, threshold=8)
    shape = contents.shape.layers[0]
    assert (contents.banks[0][0].initial_potentials >= 0).any()
    count = 120 // time_steps
    tokens = random_tokens(1, range(8), time_steps, count, address_bits=shape.source_bits, spikes_per_token=2, silent=0.5)
    check(contents, tokens, spikes_per_token=2, time_steps=time_steps, stalls=(0.1, 0.3))


@pytest.mark.parametrize("queue_depth", [8, 16, 32, 64])
def test_no_token_is_lost_while_nobody_takes_anything(queue_depth):
    contents = random_contents(3, (7, 12, 1), connectivity=1.0, threshold=1)
    shape, bank = contents.shape.layers[0], contents.banks[0][0]
    tokens = random_tokens(3, range(7), 4, 10 + queue_depth // 4, address_bits=shape.source_bits, spikes_per_token=2, empty=0)
    run = Run(shape, bank, spikes_per_token=2, time_steps=4, queue_depth=queue_depth)

    async def drive(ctx):
        await run.sweep(ctx)
        waiting = deque(tokens)
        for number in range(3):
            for _ in range(queue_depth * 16):
                if waiting and await run.cycle(ctx, waiting[0], ready=False):
                    waiting.popleft()
            assert waiting
            await run.tokens(ctx, [waiting.popleft() for _ in range(7 + number)])
        await run.tokens(ctx, waiting)
        await run.settle(ctx)

    simulate(run.dut, drive, hostile=True, limit=100_000)
    assert run.steps() == layer_outputs(shape, [bank], tokens)[0]


@pytest.mark.parametrize("cut", range(4))
def test_a_reset_in_the_middle(cut):
    contents = random_contents(cut, (6, 9, 1), connectivity=0.6, threshold=3)
    shape, bank = contents.shape.layers[0], contents.banks[0][0]
    run = Run(shape, bank, spikes_per_token=2, time_steps=5, seed=cut)
    top, reset = with_reset(run.dut)

    async def drive(ctx):
        await run.sweep(ctx)
        for seed in range(6):
            tokens = random_tokens(seed, range(6), 5, 4, address_bits=shape.source_bits, spikes_per_token=2)
            await run.tokens(ctx, tokens[: run.rng.randrange(len(tokens))], stalls=(0, [0, 0.5, 0.9, 0.97][cut]))
            ctx.set(reset, 1)
            ctx.set(run.dut.rows, run.rows((0,) * 6))
            await ctx.tick()
            ctx.set(reset, 0)
            run.forget()
            await run.sweep(ctx)
            tokens = random_tokens(seed + 9, range(6), 3, 3, address_bits=shape.source_bits, spikes_per_token=2)
            await run.tokens(ctx, tokens)
            await run.settle(ctx)
            assert run.steps() == layer_outputs(shape, [bank], tokens)[0]

    simulate(top, drive, hostile=True, limit=100_000)


def test_initial_potentials_from_the_load_port_and_back():
    contents = random_contents(4, (5, 6, 1), connectivity=0.5)
    shape, bank = contents.shape.layers[0], contents.banks[0][0]
    run, initials = Run(shape, bank, spikes_per_token=1, time_steps=4, loaded=True), bank.initial_potentials.tolist()
    tokens = random_tokens(4, range(5), 4, 5, address_bits=shape.source_bits, spikes_per_token=1)

    async def drive(ctx):
        await run.sweep(ctx)
        places = [load_word(Memory.INITIAL_POTENTIALS, address, 0) for address in range(len(initials))]
        mask = (1 << shape.potential_bits) - 1
        words = [(initial & mask, *place[1:]) for initial, place in zip(initials, places, strict=True)]
        await loader(run.dut.load, words)(ctx)
        assert await peek(ctx, run.dut.load, places, Lane.peek_latency) == [initial & mask for initial in initials]
        await run.tokens(ctx, tokens)
        await run.settle(ctx)

    simulate(run.dut, drive, hostile=True)
    assert run.steps() == layer_outputs(shape, [bank], tokens)[0]


SHAPE = LayerShape(3, 1, 1, 4, 64, 5, 4, 8)


def timed(rows, tokens):
    """Return a run of tokens without stalls on a lane with the given rows, whose neurons start at -1."""
    bank = make_bank(SHAPE, {source: [row] for source, row in rows.items()}, [[-1] * SHAPE.lane_neurons])
    run = Run(SHAPE, bank, spikes_per_token=1, time_steps=4)

    async def drive(ctx):
        await run.sweep(ctx)
        for _ in range(10):
            await run.cycle(ctx)
        await run.tokens(ctx, tokens)
        await run.settle(ctx)

    simulate(run.dut, drive, hostile=True)
    assert run.steps() == layer_outputs(SHAPE, [bank], tokens)[0]
    return run


def test_a_spike_and_the_end_behind_it():
    """An end alone takes as long as the first of an entry and an end; what follows comes a cycle later each."""
    run = timed({}, [(0, 0, 1, 0)])
    alone = run.given[0][0] - run.came[1]
    run = timed({0: [(2, 1)]}, [(0, 1, 1, 0)])
    assert [cycle - run.came[1] for cycle, _ in run.given] == [alone + 1, alone + 2]
    assert Lane.latency == RowReader.latency + Accumulator.latency


def test_latency():
    """From the coming of an end to the output: `latency` to its mark, and then the fire queue's."""
    run = timed({}, [(0, 0, 1, 0)])
    assert run.given[0][0] - run.came[1] == Lane.latency + FireQueue.latency


def test_one_operation_a_cycle():
    """Rows of 5, 0, 1 and 3 entries, and an end: nine cycles and one, and nothing for the row that is empty."""
    rows = {0: [(0, -1)] * 5, 2: [(1, -1)], 3: [(2, -1)] * 3}
    short = timed(rows, [(0, 0, 1, 0)])
    run = timed(rows, [(0, 1, 0, 0), (1, 1, 0, 0), (2, 1, 0, 0), (3, 1, 1, 0)])
    assert run.given[0][0] - run.came[1] == short.given[0][0] - short.came[1] + 9


def test_the_next_step_goes_on_while_nobody_takes_the_last_one():
    """Spikes and ends wait in the fire queue; the next steps' weights are added meanwhile."""
    rows = {0: [(0, 1)], 1: [(1, 1)], 2: [(2, 1)]}
    bank = make_bank(SHAPE, {source: [row] for source, row in rows.items()}, [[-1] * SHAPE.lane_neurons])
    run = Run(SHAPE, bank, spikes_per_token=1, time_steps=4)
    tokens = [(0, 1, 1, 0), (1, 1, 1, 0), (2, 1, 1, 1)]

    async def drive(ctx):
        await run.sweep(ctx)
        waiting = deque(tokens)
        for _ in range(60):
            if await run.cycle(ctx, waiting[0] if waiting else None, ready=False):
                waiting.popleft()
        assert run.added == 3
        assert run.given == []
        await run.settle(ctx)

    simulate(run.dut, drive, hostile=True)
    assert run.steps() == [([0], 0), ([1], 0), ([2], 1)]
