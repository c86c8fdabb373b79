"""The layer: lane groups and spike merger together, against the lanes' software model."""

import random

import pytest

from firstspike_hw.lane.parameters import LayerParameters
from firstspike_hw.layer import layer as layer_module
from firstspike_hw.layer.layer import Layer
from firstspike_spec.common.words import Memory

from ..bench import load_word, loader, note, peek, sender, simulate, watch, with_reset
from ..models import in_steps, layer_outputs, random_contents, random_tokens, words_in


class Run:
    """A layer, and all that it gives."""

    def __init__(self, contents, *, loaded=False, stalls=(0, 0), rule=True, seed=0):
        self.shape, self.banks = contents.shape.layers[0], contents.banks[0]
        self.dut = Layer(LayerParameters.of(contents.shape, 0), None if loaded else self.banks)
        self.given, self.operations, self._stalls, self._rng = [], [], stalls, random.Random(f"layer {seed}")
        self.background = [
            watch(self.dut.i, [], rule=rule),
            watch(self.dut.o, self.given, rule=rule),
            note(self.dut.operations, self.operations),
            self._take,
        ]

    async def _take(self, ctx):
        while True:
            ctx.set(self.dut.o.ready, self._rng.random() >= self._stalls[1])
            await ctx.tick()

    async def infer(self, ctx, tokens):
        """Send tokens, and wait until all of their ends have come."""
        ends = sum(token[-2] for _, token in self.given) + sum(token[-2] for token in tokens)
        await sender(self.dut.i, tokens, stalls=self._stalls[0])(ctx)
        while sum(token[-2] for _, token in self.given) < ends:
            await ctx.tick()
        await ctx.tick().repeat(30)

    def simulate(self, drive, top=None):
        simulate(top or self.dut, drive, background=self.background, hostile=True, limit=100_000)

    def check(self, tokens):
        """All that it has given is what it had to give for these tokens."""
        expected, operations = layer_outputs(self.shape, self.banks, tokens)
        assert in_steps([token for _, token in self.given]) == expected
        return operations


def tokens_for(contents, seed, inferences, *, time_steps=None, **options):
    shape, inputs = contents.shape, contents.network.inputs
    steps = time_steps or shape.time_steps
    options = {"address_bits": shape.source_bits, "spikes_per_token": shape.spikes_per_token, **options}
    return random_tokens(seed, range(inputs), steps, inferences, **options)


@pytest.mark.parametrize("stalls", [(0, 0.6), (0.5, 0.5)])
@pytest.mark.parametrize(
    ("lanes", "bank_lanes", "group_banks", "spikes_per_token"),
    [
        (1, 1, 4, 1),
        (1, 1, 4, 2),
        (2, 2, 1, 2),
        (3, 1, 2, 1),
        (4, 2, 4, 2),
        (6, 2, 2, 1),
        (6, 2, 1, 2),
        (7, 1, 3, 2),
        (9, 1, 4, 1),
    ],
)
def test_equals_the_model_under_stalls(lanes, bank_lanes, group_banks, spikes_per_token, stalls, monkeypatch):
    """One lane group and more, full and not; spikes, ends, and weights added."""
    monkeypatch.setattr(layer_module, "GROUP_BANKS", group_banks)
    contents = random_contents(
        lanes, (8, 17, 1), lanes, spikes_per_token=spikes_per_token, bank_lanes=bank_lanes, connectivity=0.4
    )
    assert contents.shape.layers[0].lanes == lanes
    tokens = tokens_for(contents, lanes, 2)
    run = Run(contents, stalls=stalls)

    async def drive(ctx):
        await run.infer(ctx, tokens)

    run.simulate(drive)
    assert sum(run.operations) == run.check(tokens) > 0
    assert max(run.operations) <= lanes


@pytest.mark.parametrize(("lanes", "bank_lanes"), [(1, 1), (5, 1), (6, 2)])
def test_all_its_memories_from_the_load_port_and_back(lanes, bank_lanes, monkeypatch):
    """Each word goes to its own bank; a word a cycle, each `peek_latency` cycles later; zero where there is no bank."""
    monkeypatch.setattr(layer_module, "GROUP_BANKS", 2)
    contents = random_contents(5, (6, 11, 1), lanes, bank_lanes=bank_lanes, connectivity=0.6)
    words = [(place, word) for place, word in words_in(contents) if place[-1] == 0]
    banks, tokens = contents.shape.layers[0].banks, tokens_for(contents, 5, 3)
    run = Run(contents, loaded=True)

    async def drive(ctx):
        await loader(run.dut.load, [(word, *place[1:]) for place, word in words])(ctx)
        await ctx.tick()  # a word on its way is not yet the new one
        latency = Layer.peek_latency(contents.shape.layers[0])
        assert await peek(ctx, run.dut.load, [place for place, _ in words], latency) == [word for _, word in words]
        nowhere = [load_word(memory, 0, 0, lane=lane) for memory in Memory for lane in (banks, 64, 255)]
        nowhere.append(load_word(Memory.TIME_STEPS, 0, 0))
        assert await peek(ctx, run.dut.load, nowhere, latency) == [0] * len(nowhere)
        await run.infer(ctx, tokens)

    run.simulate(drive)
    run.check(tokens)
    assert {place[3] for place, _ in words} == set(range(banks))


@pytest.mark.parametrize("seed", range(2))
def test_a_reset_in_the_middle(seed, monkeypatch):
    monkeypatch.setattr(layer_module, "GROUP_BANKS", 1)
    contents = random_contents(seed, (7, 12, 1), 4, bank_lanes=2, connectivity=0.6, threshold=2)
    run, rng = Run(contents, stalls=(0, 0.3), rule=False), random.Random(seed)
    top, reset = with_reset(run.dut)

    async def drive(ctx):
        for number in range(4):
            tokens = tokens_for(contents, number, 3)
            await sender(run.dut.i, tokens[: rng.randrange(len(tokens))])(ctx)
            await ctx.tick().repeat(rng.randint(1, 25))
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)
            await ctx.tick()
            run.given.clear()
            tokens = tokens_for(contents, number + 99, 2, time_steps=rng.choice([2, 3, 4]))
            await run.infer(ctx, tokens)
            run.check(tokens)

    run.simulate(drive, top)


@pytest.mark.parametrize(("lanes", "bank_lanes", "group_banks"), [(4, 2, 1), (3, 1, 4)])
def test_a_receiver_that_waits_for_long(lanes, bank_lanes, group_banks, monkeypatch):
    """All queues, in all lane groups, are full then; nothing is lost."""
    monkeypatch.setattr(layer_module, "GROUP_BANKS", group_banks)
    contents = random_contents(3, (7, 30, 1), lanes, bank_lanes=bank_lanes, connectivity=1.0, threshold=1)
    tokens = tokens_for(contents, 3, 6, silent=0, empty=0)
    run = Run(contents)
    run.background.pop()

    async def drive(ctx):
        await run.infer(ctx, tokens)

    async def take(ctx):
        for cycle in range(100_000):
            ctx.set(run.dut.o.ready, cycle % 220 >= 150)
            await ctx.tick()

    run.background.append(take)
    run.simulate(drive)
    run.check(tokens)
