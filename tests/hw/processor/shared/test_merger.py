"""The merger: all that goes in comes out once, and that of one lane in its order."""

import random

import pytest
from amaranth.lib import data

from firstspike_hw.processor.shared.merger import Merger

from ...bench import STALLS, note, receiver, sender, simulate, watch

LAYOUT = data.StructLayout({"lane": 8, "number": 8})


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("lanes", [1, 2, 3, 4, 5, 7, 16, 17, 33])
def test_all_come_once(lanes, stalls, record_property):
    dut, rng = Merger(LAYOUT, lanes), random.Random(f"{lanes} {stalls}")
    items = [[(lane, number) for number in range(rng.choice([0, 1, 2, 12]))] for lane in range(lanes)]
    items[-1] = [(lanes - 1, number) for number in range(12)]
    count, got, given, taken, busy = sum(map(len, items)), [], [], [], []

    async def take(ctx):
        await receiver(dut.o, count, got, stalls=stalls[1])(ctx)
        ctx.set(dut.o.ready, 1)
        await ctx.tick().repeat(20)

    simulate(
        dut,
        *(sender(dut.lanes[lane], items[lane], stalls=stalls[0], seed=lane) for lane in range(lanes)),
        take,
        background=[watch(dut.o, given), note(dut.busy, busy), *(watch(lane, taken) for lane in dut.lanes)],
    )
    assert len(given) == count
    for lane in range(lanes):
        assert [item for item in got if item[0] == lane] == items[lane]
    record_property("values", count)

    # Busy in the cycle after each one in which something is inside.
    went_in, came_out = [cycle for cycle, _ in taken], [cycle for cycle, _ in given]
    for cycle in range(len(busy) - 1):
        inside = sum(time < cycle for time in went_in) - sum(time < cycle for time in came_out)
        assert busy[cycle + 1] == (inside > 0)


@pytest.mark.parametrize("lanes", [1, 4, 5, 16, 17, 64, 255])
def test_latency_and_throughput(lanes):
    """A cycle for each level. One a cycle, if two of those that feed the root have some."""
    dut, given, taken = Merger(LAYOUT, lanes), [], []
    senders = range(lanes) if lanes < 6 else [0, 1, lanes - 2, lanes - 1]
    items = {lane: [(lane, number) for number in range(12)] for lane in senders}
    got = []
    simulate(
        dut,
        *(sender(dut.lanes[lane], items[lane]) for lane in senders),
        receiver(dut.o, 12 * len(senders), got),
        background=[watch(dut.o, given), watch(dut.lanes[0], taken)],
    )
    cycles = [cycle for cycle, _ in given]
    assert cycles[0] - taken[0][0] == Merger.levels(lanes)
    assert cycles[: 12 * 2 - 1] == list(range(cycles[0], cycles[0] + 12 * 2 - 1)) or lanes == 1
    assert [Merger.levels(count) for count in (1, 4, 5, 16, 17, 64, 65, 255)] == [1, 1, 2, 2, 3, 3, 4, 4]
