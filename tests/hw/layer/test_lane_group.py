"""The lane group: what its lanes give, and what it hands on."""

import random
from itertools import pairwise

import pytest

from firstspike_hw.layer.lane_group import LaneGroup
from firstspike_spec.common.words import Memory
from firstspike_spec.compiler.shapes import LayerShape

from ..bench import drain, load_word, loader, note, peek, sender, simulate, watch, with_reset
from ..models import (
    in_lane_steps,
    layer_outputs,
    make_bank,
    parameters,
    random_contents,
    random_tokens,
    with_start_tokens,
    words_in,
)


class Run:
    """A lane group with receivers, and all that it gives.

    Parameters
    ----------
    last : bool
        No group follows: what it hands on is always taken.
    stalls : tuple of float
        Before each transfer, of the sender, the next group and each lane's receiver.
    rule : bool
        Hold the streams to their rule.
    """

    def __init__(
        self,
        shape,
        banks,
        *,
        spikes_per_token,
        last=False,
        time_steps=4,
        queue_depth=8,
        first_bank=0,
        loaded=False,
        stalls=(0, 0, 0),
        seed=0,
        rule=True,
    ):
        self.shape, self.spikes_per_token, self._stalls, self._seed = shape, spikes_per_token, stalls, seed
        sizes = parameters(shape, spikes_per_token=spikes_per_token, time_steps=time_steps, queue_depth=queue_depth)
        contents = None if loaded else banks
        self.dut = LaneGroup(sizes, first_bank=first_bank, banks=len(banks), contents=contents)
        self.taken, self.handed_on, self.given, self.operations = [], [], [[] for _ in self.dut.lanes], []
        self.background = [
            watch(self.dut.i, self.taken, rule=rule),
            note(self.dut.operations, self.operations),
            *(watch(lane, given, rule=rule) for lane, given in zip(self.dut.lanes, self.given, strict=True)),
            *(drain(lane, stalls=stalls[2], seed=f"{seed} {at}") for at, lane in enumerate(self.dut.lanes)),
        ]
        stalls_of_next = 0 if last else stalls[1]
        self.background += [watch(self.dut.o, self.handed_on, rule=rule), drain(self.dut.o, stalls=stalls_of_next, seed=seed)]

    async def infer(self, ctx, tokens):
        """Send tokens, with those of the start row, and wait until all lanes have given all of their ends."""
        ends = [sum(item[1] for _, item in given) + sum(token[-2] for token in tokens) for given in self.given]
        await sender(self.dut.i, self.with_starts(tokens), stalls=self._stalls[0], seed=self._seed)(ctx)
        while any(sum(item[1] for _, item in given) < count for given, count in zip(self.given, ends, strict=True)):
            await ctx.tick()
        await ctx.tick().repeat(30)

    def simulate(self, drive, top=None):
        simulate(top or self.dut, drive, background=self.background, hostile=True, limit=100_000)

    def with_starts(self, tokens):
        return with_start_tokens(self.shape, self.spikes_per_token, tokens)

    def steps(self):
        """Return the steps that all lanes give together, as `layer_outputs` does."""
        together = []
        for parts in zip(*(in_lane_steps([item for _, item in given]) for given in self.given), strict=True):
            assert len({last for _, last in parts}) == 1
            spikes = [neuron << self.shape.lane_bits | lane for lane, part in enumerate(parts) for neuron in part[0]]
            together.append((sorted(spikes), parts[0][1]))
        return together


def some_banks(seed, banks, bank_lanes, spikes_per_token, sizes=(8, 13, 1), **options):
    """Return the shape and the memories of a random network's layer with ``banks`` banks; and what the whole engine holds."""
    contents = random_contents(
        seed, sizes, banks * bank_lanes, spikes_per_token=spikes_per_token, bank_lanes=bank_lanes, **options
    )
    assert contents.shape.layers[0].banks == banks
    return contents.shape.layers[0], contents.banks[0], contents


@pytest.mark.parametrize("stalls", [(0, 0, 0), (0.5, 0.5, 0.5), (0, 0.9, 0), (0, 0, 0.9)])
@pytest.mark.parametrize(
    ("banks", "bank_lanes", "spikes_per_token", "last"), [(1, 1, 1, False), (1, 2, 1, True), (2, 2, 2, False), (3, 1, 2, True)]
)
def test_equals_the_model_under_stalls(banks, bank_lanes, spikes_per_token, stalls, last):
    """The lanes' spikes, the weights added, and each token once and in order for the next group."""
    shape, contents_of_banks, _ = some_banks(banks, banks, bank_lanes, spikes_per_token, connectivity=0.4)
    tokens = random_tokens(banks, range(8), 3, 3, address_bits=shape.source_bits, spikes_per_token=spikes_per_token)
    run = Run(shape, contents_of_banks, spikes_per_token=spikes_per_token, last=last, stalls=stalls)

    async def drive(ctx):
        await run.infer(ctx, tokens)

    run.simulate(drive)
    expected, operations = layer_outputs(shape, contents_of_banks, tokens)
    assert run.steps() == expected
    assert sum(run.operations) == operations > 0
    assert max(run.operations) <= shape.lanes
    assert [item for _, item in run.taken] == run.with_starts(tokens)
    assert [item for _, item in run.handed_on] == run.with_starts(tokens)


def test_what_the_next_group_is_offered_stays():
    """The stream's rule: what is offered stays the same until it is taken."""
    shape, contents_of_banks, _ = some_banks(2, 2, 2, 2, connectivity=1.0)
    tokens = random_tokens(2, range(8), 3, 6, address_bits=shape.source_bits, spikes_per_token=2, silent=0)
    run, offers = Run(shape, contents_of_banks, spikes_per_token=2, last=False, stalls=(0, 0.3, 0.9)), []

    async def drive(ctx):
        await run.infer(ctx, tokens)

    async def watch_offers(ctx):
        o = run.dut.o
        while True:
            *_, valid, ready, payload = await ctx.tick().sample(o.valid, o.ready, o.payload)
            offers.append((valid, ready, [int(payload[name]) for name in payload.shape().members]))

    run.background.append(watch_offers)
    run.simulate(drive)
    broken = [now for before, now in pairwise(offers) if before[0] and not before[1] and (not now[0] or now[2] != before[2])]
    assert broken == []


@pytest.mark.parametrize("stall", [0, 0.5])
@pytest.mark.parametrize("spikes_per_token", [1, 2])
def test_the_start_row_is_a_row_as_any_other(spikes_per_token, stall):
    """Weights in it, which it normally has not, count; before all that the first token does."""
    shape = LayerShape(3, 2, 2, 3, 20, 3, 4, 8)
    rows = {shape.start_row: [[(0, 1), (1, 2)], [(2, 3)]], 1: [[(0, 1)], []]}
    bank = make_bank(shape, rows, [[-1, -4, -5], [-1, -5, -6]])
    # Inferences whose first token is an end, an end with a spike, a spike, or nothing at all.
    nothing, spike = (0, 0) * spikes_per_token, (1, 1, *(0, 0) * (spikes_per_token - 1))
    tokens = []
    for first in ([], [(*nothing, 0, 0)], [(*spike, 0, 0)], [(*spike, 1, 0)], []):
        tokens += [*first, (*nothing, 1, 0), (*nothing, 1, 1)]
    run = Run(shape, [bank], spikes_per_token=spikes_per_token, last=True, stalls=(stall, 0, stall))

    async def drive(ctx):
        await run.infer(ctx, tokens)

    run.simulate(drive)
    expected, operations = layer_outputs(shape, [bank], tokens)
    assert expected[0] == ([0 << 1 | 0], 0)
    assert operations == 5 * 3 + 2
    assert run.steps() == expected
    assert sum(run.operations) == operations


def test_throughput():
    """One token a cycle."""
    shape, contents_of_banks, _ = some_banks(1, 1, 1, 1, connectivity=0)
    tokens = [(at % 8, 1, 0, 0) for at in range(7)] + [(0, 0, 1, 0), (3, 1, 0, 0), (0, 0, 1, 1)] + [(1, 1, 0, 0)] * 3
    run = Run(shape, contents_of_banks, spikes_per_token=1, last=False)

    async def drive(ctx):
        await ctx.tick().repeat(2 * shape.lane_neurons)
        await sender(run.dut.i, [*tokens, (0, 0, 1, 0), (0, 0, 1, 1)])(ctx)
        await ctx.tick().repeat(20)

    run.simulate(drive)
    cycles = [cycle - run.handed_on[0][0] for cycle, _ in run.handed_on]
    assert len(cycles) > len(tokens)
    assert cycles == list(range(len(cycles)))


@pytest.mark.parametrize("queue_depth", [8, 16])
@pytest.mark.parametrize("blocked", [0, 3, None])
def test_no_token_is_lost_at_full_pressure(blocked, queue_depth):
    """Each token means something to each lane, and one lane, or the next group, takes nothing for long."""
    shape, contents_of_banks, _ = some_banks(2, 2, 2, 2, sizes=(7, 26, 1), connectivity=1.0, threshold=1)
    count = 6 + queue_depth // 3
    tokens = random_tokens(2, range(7), 3, count, address_bits=shape.source_bits, spikes_per_token=2, silent=0, empty=0)
    run = Run(shape, contents_of_banks, spikes_per_token=2, last=False, time_steps=3, queue_depth=queue_depth)
    everything = len(run.with_starts(tokens))
    waits = run.dut.o if blocked is None else run.dut.lanes[blocked]

    async def drive(ctx):
        await run.infer(ctx, tokens)
        assert [item for _, item in run.handed_on] == run.with_starts(tokens)

    async def block(ctx):
        for cycle in range(100_000):
            ctx.set(waits.ready, cycle % (3 * queue_depth + 160) >= 3 * queue_depth + 100 or len(run.taken) == everything)
            await ctx.tick()

    # After the receiver that is always ready: the later one has the last word in each cycle.
    run.background.append(block)
    run.simulate(drive)
    assert run.steps() == layer_outputs(shape, contents_of_banks, tokens)[0]


@pytest.mark.parametrize("first", [0, 5])
@pytest.mark.parametrize(("banks", "bank_lanes"), [(1, 1), (3, 1), (2, 2)])
def test_all_its_memories_from_the_load_port_and_back(banks, bank_lanes, first):
    """Each word goes to its own bank; a word a cycle, each `peek_latency` cycles later."""
    shape, contents_of_banks, contents = some_banks(5, banks, bank_lanes, 2, connectivity=0.6)
    words = [((*place[:3], place[3] + first, 0), word) for place, word in words_in(contents) if place[4] == 0]
    run = Run(shape, contents_of_banks, spikes_per_token=2, last=True, first_bank=first, loaded=True)
    tokens = random_tokens(5, range(8), 4, 3, address_bits=shape.source_bits, spikes_per_token=2)

    async def drive(ctx):
        await loader(run.dut.load, [(word, *place[1:]) for place, word in words])(ctx)
        await ctx.tick()  # a word on its way is not yet the new one
        latency, places, peeked = LaneGroup.peek_latency, [place for place, _ in words], run.dut.next_load.peeked
        assert await peek(ctx, run.dut.load, places, latency, peeked=peeked) == [word for _, word in words]
        nowhere = [load_word(memory, 0, 0, lane=lane) for memory in Memory for lane in (first - 1, first + banks) if lane >= 0]
        nowhere.append(load_word(Memory.TIME_STEPS, 0, 0, lane=first))
        assert await peek(ctx, run.dut.load, nowhere, latency, peeked=peeked) == [0] * len(nowhere)
        await run.infer(ctx, tokens)

    run.simulate(drive)
    assert run.steps() == layer_outputs(shape, contents_of_banks, tokens)[0]
    assert {place[3] for place, _ in words} == {first + bank for bank in range(banks)}


@pytest.mark.parametrize("seed", range(3))
def test_a_reset_in_the_middle(seed):
    """It sweeps then, and begins a new inference; nothing is left of the old one."""
    shape, contents_of_banks, _ = some_banks(seed, 2, 2, 2, connectivity=0.6, threshold=2)
    assert any((bank.initial_potentials >= 0).any() for bank in contents_of_banks)
    run = Run(shape, contents_of_banks, spikes_per_token=2, last=False, stalls=(0, 0.1, 0.3), seed=seed, rule=False)
    top, reset = with_reset(run.dut)
    rng = random.Random(seed)

    async def drive(ctx):
        for number in range(4):
            tokens = random_tokens(number, range(8), 4, 3, address_bits=shape.source_bits, spikes_per_token=2)
            await sender(run.dut.i, run.with_starts(tokens)[: rng.randrange(len(tokens))])(ctx)
            await ctx.tick().repeat(rng.randint(1, 20))
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)
            await ctx.tick()  # what was taken in the cycle of the reset has been noted
            for given in (run.handed_on, *run.given):
                given.clear()
            tokens = random_tokens(number + 99, range(8), 3, 3, address_bits=shape.source_bits, spikes_per_token=2)
            await run.infer(ctx, tokens)
            assert run.steps() == layer_outputs(shape, contents_of_banks, tokens)[0]
            assert [item for _, item in run.handed_on] == run.with_starts(tokens)

    run.simulate(drive, top)
