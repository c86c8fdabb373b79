"""The bank against its lanes' software model: each lane gets its own rows, whichever port a spike comes at."""

import random
from collections import deque

import pytest

from firstspike_hw.layer.bank import Bank
from firstspike_hw.memory.loadable_memory import LoadableMemory
from firstspike_spec.common.words import Memory
from firstspike_spec.compiler.shapes import LayerShape

from ..bench import load_word, loader, note, peek, simulate, watch
from ..models import in_lane_steps, layer_outputs, make_bank, parameters, random_contents, random_tokens, words_in


class Run:
    """A bank, driven as a lane group does it.

    Attributes
    ----------
    given : list of list of (int, tuple)
        What each lane gives, with its cycle.
    operations : list of int
        By cycle.

    ``stalls`` are, for each lane's receiver, how likely it waits, or a function that says whether it does in a cycle, as long
    as there are tokens.
    """

    def __init__(self, dut, shape, *, spikes_per_token, stalls=(), seed=0):
        self.dut, self.shape, self.spikes_per_token, self.rng = dut, shape, spikes_per_token, random.Random(f"bank {seed}")
        self.given, self.operations = [[] for _ in range(shape.bank_lanes)], []
        self._stalls = stalls or [0.0] * shape.bank_lanes

    def simulate(self, drive):
        watches = [watch(lane, into) for lane, into in zip(self.dut.lanes, self.given, strict=True)]
        simulate(
            self.dut, drive, background=[*watches, note(self.dut.operations, self.operations)], hostile=True, limit=100_000
        )

    async def sweep(self, ctx):
        for number in range(self.shape.lane_neurons):
            ctx.set(self.dut.sweep, 1)
            ctx.set(self.dut.sweep_last, number == self.shape.lane_neurons - 1)
            await ctx.tick()
        ctx.set(self.dut.sweep, 0)
        ctx.set(self.dut.sweep_last, 0)

    async def tokens(self, ctx, tokens, *, stall=0.0, after=300):
        """Send tokens, as long as there is room, each inference's first one after the start row; then wait."""
        start_row = (self.shape.start_row, 1, *(0, 0) * (self.spikes_per_token - 1), 0, 0)
        waiting, on_their_way, first = deque(), deque([None] * LoadableMemory.latency), True
        cycle = 0
        for token in tokens:
            waiting += [start_row, token] if first else [token]
            first = token[-1]
        names = [f"valid_{port}" for port in range(self.spikes_per_token)] + ["end", "last"]
        while waiting or after:
            goes = waiting and ctx.get(self.dut.room) and self.rng.random() >= stall
            token = waiting.popleft() if goes else None
            after -= not waiting
            cycle += 1
            for port, address in enumerate(self.dut.addresses):
                ctx.set(address, token[2 * port] if token else self.rng.getrandbits(self.shape.source_bits))
            on_their_way.append((*token[1:-2:2], *token[-2:]) if token else (0,) * len(names))
            ctx.set(self.dut.token, dict(zip(names, on_their_way.popleft() or (0,) * len(names), strict=True)))
            for lane, stalls in zip(self.dut.lanes, self._stalls, strict=True):
                waits = stalls(cycle) and waiting if callable(stalls) else self.rng.random() < stalls
                ctx.set(lane.ready, not waits)
            await ctx.tick()

    def steps(self):
        """Return the steps that all lanes give together, as `layer_outputs` does for one bank."""
        lanes = [in_lane_steps([item for _, item in given]) for given in self.given]
        together = []
        for parts in zip(*lanes, strict=True):
            assert len({last for _, last in parts}) == 1
            spikes = [neuron << self.shape.lane_bits | lane for lane, part in enumerate(parts) for neuron in part[0]]
            together.append((sorted(spikes), parts[0][1]))
        return together


def one_bank(seed, sizes, lanes, spikes_per_token, **options):
    """Return the shape and the memories of a layer of one bank, of a random network; and what the whole engine holds."""
    contents = random_contents(seed, sizes, lanes, spikes_per_token=spikes_per_token, bank_lanes=lanes, **options)
    return contents.shape.layers[0], contents.banks[0][0], contents


def make(shape, bank=None, *, spikes_per_token, time_steps=4, queue_depth=8):
    """Return the component."""
    return Bank(parameters(shape, spikes_per_token=spikes_per_token, time_steps=time_steps, queue_depth=queue_depth), bank)


@pytest.mark.parametrize("stalls", [(0, 0, 0), (0.4, 0.5, 0.1), (0, 0.9, 0), (0, 0, 0.9)])
@pytest.mark.parametrize("spikes_per_token", [1, 2])
@pytest.mark.parametrize("lanes", [1, 2])
def test_equals_the_model_under_stalls(lanes, spikes_per_token, stalls):
    """Also lanes of which one waits for long: the other one goes on as far as the queue reaches."""
    for seed, (sizes, connectivity) in enumerate([((9, 7, 1), 0.6), ((6, 12, 1), 0.2)]):
        shape, bank, _ = one_bank(seed, sizes, lanes, spikes_per_token, connectivity=connectivity)
        tokens = random_tokens(seed, range(sizes[0]), 4, 5, address_bits=shape.source_bits, spikes_per_token=spikes_per_token)
        dut = make(shape, bank, spikes_per_token=spikes_per_token)
        run = Run(dut, shape, spikes_per_token=spikes_per_token, stalls=stalls[1 : lanes + 1], seed=seed)

        async def drive(ctx, run=run, tokens=tokens):
            await run.sweep(ctx)
            await run.tokens(ctx, tokens, stall=stalls[0])

        run.simulate(drive)
        expected, operations = layer_outputs(shape, [bank], tokens)
        assert run.steps() == expected
        assert sum(run.operations) == operations > 0
        assert max(run.operations) <= lanes


@pytest.mark.parametrize("spikes_per_token", [1, 2])
@pytest.mark.parametrize("lanes", [1, 2])
def test_all_its_memories_from_the_load_port_and_back(lanes, spikes_per_token):
    """A word a cycle, each `peek_latency` cycles later; what runs afterwards is not changed by it."""
    shape, bank, contents = one_bank(5, (9, 7, 1), lanes, spikes_per_token, connectivity=0.6)
    words = [(place, word) for place, word in words_in(contents) if place[-1] == 0]
    dut = make(shape, spikes_per_token=spikes_per_token)
    run = Run(dut, shape, spikes_per_token=spikes_per_token)
    tokens = random_tokens(5, range(9), 4, 4, address_bits=shape.source_bits, spikes_per_token=spikes_per_token)

    async def drive(ctx):
        await run.sweep(ctx)
        await loader(dut.load, [(word, *place[1:]) for place, word in words])(ctx)
        await loader(dut.load, [load_word(Memory.TIME_STEPS, address, 0) for address in range(7)])(ctx)
        assert await peek(ctx, dut.load, [place for place, _ in words], Bank.peek_latency) == [word for _, word in words]
        assert await peek(ctx, dut.load, [load_word(Memory.TIME_STEPS, 0, 0)], Bank.peek_latency) == [0]
        await run.tokens(ctx, tokens)

    run.simulate(drive)
    assert run.steps() == layer_outputs(shape, [bank], tokens)[0]
    assert {place[2] for place, _ in words} == {Memory.POINTERS, Memory.ENTRIES, Memory.INITIAL_POTENTIALS}


@pytest.mark.parametrize("lanes", [1, 2])
def test_two_spikes_at_once(lanes):
    """The rows of both ports, at either one, with rows of all lengths in either lane; also of the same source."""
    shape = LayerShape(3, lanes, lanes, 3, 40, 3, 4, 8)
    rows = {
        source: [[(neuron, 1 + source % 3) for neuron in range(lengths[lane])] for lane in range(lanes)]
        for source, lengths in enumerate([(0, 0), (1, 0), (0, 1), (3, 2), (2, 3), (1, 1), (3, 3)])
    }
    bank = make_bank(shape, rows, [[-6, -7, -8], [-5, -6, -9]][:lanes])
    pairs = [(a, b) for a in rows for b in rows]
    tokens = []
    for number, (a, b) in enumerate(pairs):
        tokens += [(a, 1, b, 1, 0, 0), (a, number % 2, b, 1 - number % 2, 1, 0), (b, 0, a, 1, 1, 1)]
    dut = make(shape, bank, spikes_per_token=2)
    run = Run(dut, shape, spikes_per_token=2)

    async def drive(ctx):
        await run.sweep(ctx)
        await run.tokens(ctx, tokens)

    run.simulate(drive)
    expected, operations = layer_outputs(shape, [bank], tokens)
    assert run.steps() == expected
    assert sum(run.operations) == operations
    assert len({tuple(spikes) for spikes, _ in expected}) > 3


@pytest.mark.parametrize("queue_depth", [8, 16, 64])
@pytest.mark.parametrize("blocked", [0, 1])
def test_no_token_is_lost_while_one_lane_waits(blocked, queue_depth):
    """At full pressure: each token means something to both lanes; the blocked one's room is what counts."""
    shape, bank, _ = one_bank(2, (7, 13, 1), 2, 2, connectivity=1.0, threshold=1)
    tokens = random_tokens(
        2, range(7), 3, 8 + queue_depth // 3, address_bits=shape.source_bits, spikes_per_token=2, empty=0, silent=0
    )
    dut = make(shape, bank, spikes_per_token=2, time_steps=3, queue_depth=queue_depth)
    # It takes a few now and then, and waits for long in between.
    stalls = [0, 0]
    stalls[blocked] = lambda cycle: cycle % (3 * queue_depth + 160) < 3 * queue_depth + 100
    run = Run(dut, shape, spikes_per_token=2, stalls=stalls)

    async def drive(ctx):
        await run.sweep(ctx)
        await run.tokens(ctx, tokens, after=16 * queue_depth + 100)

    run.simulate(drive)
    assert run.steps() == layer_outputs(shape, [bank], tokens)[0]
