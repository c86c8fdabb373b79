"""The collector merges the lanes' streams step by step."""

import random

import pytest

from firstspike_hw.collector import Collector
from firstspike_spec.engine import LayerShape

from .bench import STALLS, receiver, sender, simulate, watch
from .models import in_steps


def make(lanes, neurons=4):
    return LayerShape(3, lanes, neurons, 8, 4, 8)


def lane_items(rng, neurons, steps, *, reports):
    items = []
    for step in range(steps):
        for neuron in sorted(rng.sample(range(neurons), rng.choice([0, 0, 1, neurons]))):
            items.append((neuron, rng.randrange(-128, 128), rng.randrange(2), 0, 0) if reports else (neuron, 0, 0))
        last = int(step % 3 == 2)
        items.append((0, 0, 0, 1, last) if reports else (0, 1, last))
    return items


@pytest.mark.parametrize("reports", [False, True])
@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("lanes", [1, 2, 3, 4, 5])
def test_lanes_in_different_steps(lanes, stalls, reports):
    """Each step holds the spikes of all lanes and then one end; a lane's own spikes keep their order."""
    rng = random.Random(f"{lanes} {stalls}")
    shape = make(lanes)
    items = [lane_items(rng, shape.lane_neurons, 6, reports=reports) for _ in range(lanes)]
    expected = []
    for step in zip(*map(in_steps, items), strict=True):
        spikes = [(item[0] << shape.lane_bits | lane, *item[1:]) for lane, part in enumerate(step) for item in part[:-1]]
        expected.append([*sorted(spikes), step[0][-1]])
    dut = Collector(shape, reports=reports)
    got = []
    # The lanes' speeds differ, so that one is often a step ahead.
    sends = [sender(dut.lanes[lane], items[lane], stalls=stalls[0] * lane / lanes, seed=lane) for lane in range(lanes)]
    simulate(
        dut,
        *sends,
        receiver(dut.o, sum(map(len, expected)), got, stalls=stalls[1]),
        background=[watch(dut.o, []), *(watch(lane, []) for lane in dut.lanes)],
    )
    assert in_steps(got) == expected
    for lane in range(lanes):
        mine = [item[0] >> shape.lane_bits for item in got if not item[-2] and item[0] & (1 << shape.lane_bits) - 1 == lane]
        assert mine == [item[0] for item in items[lane] if not item[-2]]


def test_an_end_waits_for_the_slowest_lane():
    dut = Collector(make(3), reports=False)
    given = []

    async def slow(ctx):
        await ctx.tick().repeat(20)
        assert given == []
        await sender(dut.lanes[1], [(2, 0, 0), (0, 1, 1)])(ctx)

    simulate(
        dut,
        sender(dut.lanes[0], [(0, 1, 1)]),
        slow,
        sender(dut.lanes[2], [(0, 1, 1)]),
        receiver(dut.o, 2, []),
        background=[watch(dut.o, given)],
    )
    assert [item for _cycle, item in given] == [(2 << 2 | 1, 0, 0), (0, 1, 1)]


@pytest.mark.parametrize("lanes", [1, 3])
def test_latency_and_throughput(lanes):
    """1 cycle from a lane to the output, and one token a cycle."""
    dut = Collector(make(lanes), reports=False)
    taken, given = [], []
    items = [(neuron, 0, 0) for neuron in range(4)] + [(0, 1, 0)]
    simulate(
        dut,
        *(sender(lane, items) for lane in dut.lanes),
        receiver(dut.o, 4 * lanes + 1, []),
        background=[watch(dut.lanes[0], taken), watch(dut.o, given)],
    )
    cycles = [cycle for cycle, _item in given]
    assert cycles == list(range(cycles[0], cycles[0] + 4 * lanes + 1))
    assert given[0][0] - taken[0][0] == Collector.latency == 1
