"""The spike merger merges the lanes' streams step by step."""

import random

import pytest

from firstspike_hw.lane.lane_stage import LaneStage
from firstspike_hw.layer.spike_merger import Merge, SpikeMerger
from firstspike_hw.lib.skid_buffer import SkidBuffer
from firstspike_spec.compiler.shapes import LayerShape

from ..bench import STALLS, receiver, sender, simulate, watch
from ..models import in_lane_steps, in_steps, parameters, spikes_in


def make(lanes, spikes_per_token):
    """Return a spike merger of lanes with four neurons each, and the layer's shape."""
    shape = LayerShape(3, lanes, 1, 4, 8, 8, 4, 8)
    return SpikeMerger(parameters(shape, spikes_per_token=spikes_per_token)), shape


def lane_items(rng, neurons, steps):
    """Return what a lane gives in some steps, its spikes in any order; with a spike, ``last`` means nothing."""
    items = []
    for step in range(steps):
        spikes = rng.sample(range(neurons), rng.choice([0, 0, 1, neurons]))
        items += [(neuron, 0, rng.randrange(2)) for neuron in spikes]
        items.append((rng.randrange(neurons), 1, int(step % 3 == 2)))
    return items


def together(items, address):
    """Return the steps of several lanes as one list of steps; ``address`` makes one of a lane and its neuron."""
    steps = []
    for parts in zip(*map(in_lane_steps, items), strict=True):
        spikes = [address(lane, neuron) for lane, part in enumerate(parts) for neuron in part[0]]
        steps.append((sorted(spikes), parts[0][1]))
    return steps


def test_stage():
    """A spike or end in two cycles, each a cycle after its transfer; with nothing there, neither is set."""
    dut, taken, given, got = LaneStage(3), [], [], []
    items = [(5, 0, 1), (2, 1, 0), (7, 0, 0), (0, 1, 1)] * 8

    async def watch_idle(ctx):
        while True:
            *_, valid, payload = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            assert payload.spike + payload.end == valid

    background = [watch(dut.i, taken), watch(dut.o, given), watch_idle]
    simulate(dut, sender(dut.i, items), receiver(dut.o, len(items), got), background=background)
    assert [(address, end, last) for address, last, _spike, end in got] == items
    assert [cycle - given[0][0] for cycle, _ in given] == list(range(0, 64, 2))
    assert [cycle for cycle, _ in given] == [cycle + LaneStage.latency for cycle, _ in taken]


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("inputs", [1, 2, 3, 4])
def test_merge(inputs, stalls):
    """Spikes of all inputs once, with the input's number at its place in the address; one end for all."""
    for low_bits in (0, 1, 2):
        rng = random.Random(f"{inputs} {stalls} {low_bits}")
        items = [lane_items(rng, 8, 9) for _ in range(inputs)]
        dut = Merge(3, inputs=inputs, low_bits=low_bits, number_bits=2)

        def address(number, spike, low_bits=low_bits):
            return spike >> low_bits << low_bits + 2 | number << low_bits | spike & (1 << low_bits) - 1

        expected, got = together(items, address), []
        simulate(
            dut,
            *(sender(dut.inputs[at], items[at], stalls=stalls[0] * at / inputs, seed=at) for at in range(inputs)),
            receiver(dut.o, sum(len(spikes) + 1 for spikes, _ in expected), got, stalls=stalls[1]),
            background=[watch(dut.o, [], rule=False), *(watch(part, []) for part in dut.inputs)],
        )
        assert in_lane_steps(got) == expected


@pytest.mark.parametrize("spikes_per_token", [1, 2])
@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("lanes", [1, 2, 3, 4, 5, 6, 9, 17])
def test_lanes_in_different_steps(lanes, stalls, spikes_per_token):
    """Each step holds the spikes of all lanes and then one end; a lane's own spikes keep their order."""
    rng = random.Random(f"{lanes} {stalls} {spikes_per_token}")
    dut, shape = make(lanes, spikes_per_token)
    items = [lane_items(rng, shape.lane_neurons, 6) for _ in range(lanes)]
    expected = together(items, lambda lane, neuron: neuron << shape.lane_bits | lane)
    tokens = []
    # The lanes' speeds differ, so that one is often ahead.
    speeds = [stalls[0] * rng.choice([0, 0.5, 1, 1.6]) for _ in range(lanes)]

    async def finish(ctx):
        rng = random.Random(f"finish {lanes}")
        ends = 0
        while ends < len(expected):
            ctx.set(dut.o.ready, rng.random() >= stalls[1])
            await ctx.tick()
            ends = sum(token[-2] for _, token in tokens)

    simulate(
        dut,
        *(sender(dut.lanes[lane], items[lane], stalls=speeds[lane], seed=lane) for lane in range(lanes)),
        finish,
        background=[watch(dut.o, tokens), *(watch(lane, []) for lane in dut.lanes)],
    )
    tokens = [token for _, token in tokens]
    assert in_steps(tokens) == expected
    assert all(token[-2] or spikes_in(token) for token in tokens), "an empty token"
    spikes = [address for token in tokens for address in spikes_in(token)]
    for lane in range(lanes):
        mine = [address >> shape.lane_bits for address in spikes if address & (1 << shape.lane_bits) - 1 == lane]
        assert mine == [neuron for neuron, end, _ in items[lane] if not end]


@pytest.mark.parametrize("spikes_per_token", [1, 2])
@pytest.mark.parametrize("lanes", [2, 3, 6])
def test_an_end_waits_for_the_slowest_lane(lanes, spikes_per_token):
    """Whichever it is; and nothing of the next step comes before, although the other lanes are there already."""
    for slow in range(lanes):
        (dut, _), tokens = make(lanes, spikes_per_token), []

        async def late(ctx, dut=dut, tokens=tokens, slow=slow):
            await ctx.tick().repeat(40)
            assert tokens == []
            await sender(dut.lanes[slow], [(2, 0, 0), (0, 1, 0), (0, 1, 1)])(ctx)

        async def take(ctx, dut=dut, tokens=tokens):
            ctx.set(dut.o.ready, 1)
            while sum(token[-2] for _, token in tokens) < 2:
                await ctx.tick()

        others = [lane for lane in range(lanes) if lane != slow]
        simulate(
            dut,
            *(sender(dut.lanes[lane], [(0, 1, 0), (1, 0, 0), (0, 1, 1)]) for lane in others),
            late,
            take,
            background=[watch(dut.o, tokens)],
        )
        bits = (lanes - 1).bit_length()
        second = sorted(1 << bits | lane for lane in others)
        assert in_steps([token for _, token in tokens]) == [([2 << bits | slow], 0), (second, 1)]


@pytest.mark.parametrize("spikes_per_token", [1, 2])
@pytest.mark.parametrize("lanes", [1, 2, 3, 4, 5, 8, 9, 17])
def test_latency_and_throughput(lanes, spikes_per_token):
    """A cycle for each level and two; ``spikes_per_token`` spikes a cycle or an end, if all roots have spikes.

    A merge below the roots gives one in two cycles, so that is so if each root is fed by more than one, evenly.
    """
    (dut, _), taken, tokens = make(lanes, spikes_per_token), [], []
    items = [(neuron, 0, 0) for neuron in range(4)] + [(0, 1, 0), (0, 1, 1)]

    async def take(ctx):
        ctx.set(dut.o.ready, 1)
        while sum(token[-2] for _, token in tokens) < 2:
            await ctx.tick()

    simulate(
        dut,
        *(sender(lane, items) for lane in dut.lanes),
        take,
        background=[watch(dut.lanes[0], taken), watch(dut.o, tokens)],
    )
    levels = SpikeMerger.levels(lanes, spikes_per_token)
    assert tokens[0][0] - taken[0][0] == len(levels) + LaneStage.latency + SkidBuffer.latency
    # The first root has the most lanes: full subtrees come first.
    first_root = min(lanes, 1 << sum(levels))
    cycles = [cycle - tokens[0][0] for cycle, _ in tokens]
    assert len(cycles) == 4 * first_root + 2
    if not levels:
        assert cycles == list(range(0, 2 * len(cycles), 2))
    elif lanes & (lanes - 1) == 0:
        assert cycles[:-2] == list(range(len(cycles) - 2))  # the ends may be a cycle late
    assert cycles[-1] <= 2 * len(cycles)
    if lanes == 2 * first_root:
        assert all(len(spikes_in(token)) == 2 for _, token in tokens[:-2])


@pytest.mark.parametrize("spikes_per_token", [1, 2])
def test_levels(spikes_per_token):
    """As few levels as four lanes a node allow, down to the roots; together they make up the lane's number."""
    for lanes in range(1, 257):
        bits = SpikeMerger.levels(lanes, spikes_per_token)
        roots = lanes
        for level in bits:
            assert level in (1, 2)
            roots = -(-roots // (1 << level))
        assert roots <= spikes_per_token
        assert 0 <= (lanes - 1).bit_length() - sum(bits) <= spikes_per_token - 1
        assert 4 ** (len(bits) - 1) * spikes_per_token < lanes or not bits
