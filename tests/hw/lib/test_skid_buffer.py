"""The skid buffer passes on what comes, whichever side waits."""

import random

import pytest
from amaranth.lib import data

from firstspike_hw.lib.skid_buffer import SkidBuffer

from ..bench import STALLS, drain, note, receiver, sender, simulate, watch

LAYOUTS = {"a number": 7, "a structure": data.StructLayout({"address": 5, "valid": 1, "end": 1})}


def random_items(rng, layout, count):
    if isinstance(layout, int):
        return [rng.getrandbits(layout) for _ in range(count)]
    return [tuple(rng.getrandbits(bits) for bits in layout.members.values()) for _ in range(count)]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("stalls", [*STALLS, (0.9, 0.1), (0.1, 0.9)])
def test_all_come_once_and_in_order(layout, stalls):
    """Also the stream's rule holds at both ends: what is offered stays until it is taken."""
    for seed in range(2):
        rng = random.Random(f"{layout} {stalls} {seed}")
        items = random_items(rng, LAYOUTS[layout], 150)
        dut, taken, given, got = SkidBuffer(LAYOUTS[layout]), [], [], []
        simulate(
            dut,
            sender(dut.i, items, stalls=stalls[0], seed=seed),
            receiver(dut.o, len(items), got, stalls=stalls[1], seed=seed),
            background=[watch(dut.i, taken), watch(dut.o, given)],
        )
        assert [item for _, item in taken] == [item for _, item in given] == got == items


def test_latency_and_throughput():
    """One payload a cycle, each `latency` cycles after its transfer."""
    items = list(range(50))
    dut, taken, given = SkidBuffer(6), [], []
    simulate(dut, sender(dut.i, items), receiver(dut.o, 50, []), background=[watch(dut.i, taken), watch(dut.o, given)])
    first = taken[0][0]
    assert taken == [(first + at, at) for at in items]
    assert given == [(first + at + SkidBuffer.latency, at) for at in items]
    assert SkidBuffer.latency == 1


def test_full_throughput_again_after_a_stall():
    """As soon as the receiver is ready, a payload goes in each cycle, at both ends."""
    dut, taken, given = SkidBuffer(8), [], []

    async def stop_and_go(ctx):
        await ctx.tick().repeat(10)
        assert [item for _, item in taken] == [0, 1]  # it holds two
        await receiver(dut.o, 40, [])(ctx)

    simulate(dut, sender(dut.i, range(42)), stop_and_go, background=[watch(dut.i, taken), watch(dut.o, given)])
    assert [cycle - given[0][0] for cycle, _ in given] == list(range(40))
    assert [cycle - taken[2][0] for cycle, _ in taken[2:]] == list(range(40))


def test_neither_way_is_a_combinational_one():
    """What happens at one end shows at the other in the next cycle at the earliest."""
    dut, o_valid, i_ready = SkidBuffer(8), [], []

    async def drive(ctx):
        rng = random.Random(5)
        for _ in range(200):
            before = ctx.get(dut.o.valid), ctx.get(dut.o.payload), ctx.get(dut.i.ready)
            for _ in range(3):
                ctx.set(dut.i.valid, rng.randrange(2))
                ctx.set(dut.i.payload, rng.getrandbits(8))
                ctx.set(dut.o.ready, rng.randrange(2))
                assert (ctx.get(dut.o.valid), ctx.get(dut.o.payload), ctx.get(dut.i.ready)) == before
            await ctx.tick()

    simulate(dut, drive, background=[note(dut.o.valid, o_valid), note(dut.i.ready, i_ready)])
    assert {0, 1} == set(o_valid) == set(i_ready)


def test_nothing_comes_of_nothing():
    dut, given = SkidBuffer(3), []

    async def wait(ctx):
        await ctx.tick().repeat(30)

    simulate(dut, wait, background=[drain(dut.o), watch(dut.o, given)])
    assert given == []
