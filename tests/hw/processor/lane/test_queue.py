"""The queue of the processor's lanes, against a list."""

import random
from collections import deque

import pytest
from amaranth.lib import data

from firstspike_hw.memory.style import GENERIC_MEMORY, ICE40UP_MEMORY
from firstspike_hw.processor.lane.queue import Queue

from ...bench import plain, simulate

LAYOUT = data.StructLayout({"item": 11})


async def cycle(ctx, dut, *, announce=False, decline=False, push=None, ready=False):
    """Let a cycle pass; return whether there was room, and the item that left."""
    ctx.set(dut.announce, announce)
    ctx.set(dut.decline, decline)
    ctx.set(dut.push, push is not None)
    ctx.set(dut.i, {"item": push or 0})
    ctx.set(dut.o.ready, ready)
    room, valid, holds, payload = (ctx.get(signal) for signal in (dut.room, dut.o.valid, dut.holds, dut.o.payload))
    assert holds or not valid
    await ctx.tick()
    return room, plain(payload)[0] if valid and ready else None


@pytest.mark.parametrize("style", [GENERIC_MEMORY, ICE40UP_MEMORY], ids=["LUTs", "block RAM"])
@pytest.mark.parametrize(("depth", "slack"), [(4, 2), (8, 0), (8, 3), (16, 12), (16, 14), (32, 12), (64, 12)])
def test_no_item_is_lost_with_all_of_the_slack(depth, slack, style, record_property):
    """Items are announced as long as they may be, and pushed or declined up to nine cycles later, in order."""
    rng, dut = random.Random(f"{depth} {slack}"), Queue(LAYOUT, depth=depth, slack=slack, style=style)
    pushed, left, most, refused = [], [], 0, 0

    async def drive(ctx):
        nonlocal most, refused
        delay, on_the_way, to_announce = 9, deque([False] * 9), slack
        for number in range(3000):
            hurry, declines, ready = [(1, 0, 0), (1, 0.7, 0.1), (0.5, 0.2, 0.5), (1, 0.1, 1)][number // 100 % 4]
            to_announce = slack if ctx.get(dut.room) else to_announce
            refused += not to_announce and not ctx.get(dut.room)
            announce = rng.random() < hurry and (ctx.get(dut.room) or to_announce > 0)
            to_announce -= announce and not ctx.get(dut.room)
            on_the_way.append(announce)
            assert len(on_the_way) == delay + 1
            comes = on_the_way.popleft()
            declined = comes and rng.random() < declines
            item = rng.getrandbits(11) if comes and not declined else None
            _, out = await cycle(ctx, dut, announce=announce, decline=declined, push=item, ready=rng.random() < ready)
            pushed.extend([item] * (item is not None))
            left.extend([out] * (out is not None))
            most = max(most, len(pushed) - len(left))
        while on_the_way:
            item = 5 if on_the_way.popleft() else None
            pushed.extend([item] * (item is not None))
            _, out = await cycle(ctx, dut, push=item, ready=True)
            left.extend([out] * (out is not None))
        for _ in range(depth + 4):
            _, out = await cycle(ctx, dut, ready=True)
            left.extend([out] * (out is not None))
        assert not ctx.get(dut.holds)

    simulate(dut, drive, hostile=True)
    assert left == pushed
    assert len(left) > 300
    assert refused > 100
    assert most >= depth  # one more can wait at the output
    record_property("values", len(left))


def test_latency_and_throughput():
    """`latency` cycles from a push to the output, and then one item a cycle."""
    dut, seen = Queue(LAYOUT, depth=8, slack=2), []

    async def drive(ctx):
        for number in range(40):
            push = number if number < 30 else None
            _, out = await cycle(ctx, dut, announce=push is not None, push=push, ready=True)
            seen.append(out)

    simulate(dut, drive, hostile=True)
    assert seen == [None] * Queue.latency + list(range(30)) + [None] * (10 - Queue.latency)
