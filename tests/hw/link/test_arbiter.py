"""The arbiter passes on complete frames, those of the first sender first."""

import random

import pytest

from firstspike_hw.link.arbiter import Arbiter

from ..bench import STALLS, drain, marked, sender, simulate, watch


def run(first: list[bytes], second: list[bytes], *, stalls=(0, 0), late=0) -> list[tuple[int, tuple[int, int]]]:
    """Return the cycle and the item of each output; the second sender begins ``late`` cycles after the first."""
    dut, got = Arbiter(), []
    wanted = sum(map(len, first + second))

    async def delayed(ctx):
        await ctx.tick().repeat(late + 1)
        await sender(dut.second, [item for frame in second for item in marked(frame)], stalls=stalls[0], seed=2)(ctx)

    async def settle(ctx):
        while len(got) < wanted:
            await ctx.tick()
        await ctx.tick().repeat(10)

    simulate(
        dut,
        sender(dut.first, [item for frame in first for item in marked(frame)], stalls=stalls[0], seed=1),
        delayed,
        settle,
        background=(drain(dut.o, stalls=stalls[1]), watch(dut.o, got)),
    )
    return got


def frames_of(items: list[tuple[int, tuple[int, int]]]) -> list[bytes]:
    frames, frame = [], bytearray()
    for _cycle, (byte, last) in items:
        frame.append(byte)
        if last:
            frames.append(bytes(frame))
            frame.clear()
    assert not frame
    return frames


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("seed", range(2))
def test_frames_stay_whole_and_in_order(stalls, seed):
    rng = random.Random(seed)
    senders = []
    for mark in (0, 128):
        lengths = [rng.choice([1, 2, 9, 30]) for _ in range(25)]
        senders.append([bytes(mark + rng.randrange(128) for _ in range(length)) for length in lengths])
    frames = frames_of(run(*senders, stalls=stalls))
    assert [[frame for frame in frames if frame[0] >> 7 == which] for which in (0, 1)] == senders
    assert sorted(frames) == sorted(senders[0] + senders[1])


def test_the_first_sender_comes_first_but_waits_for_a_frame_that_has_begun():
    assert frames_of(run([b"aaa", b"bb"], [b"xyz", b"w"])) == [b"aaa", b"bb", b"xyz", b"w"]
    dut, got = Arbiter(), []

    async def first(ctx):
        await ctx.tick().repeat(3)
        await sender(dut.first, marked(b"aaa") + marked(b"bb"))(ctx)

    async def settle(ctx):
        while len(got) < 20:
            await ctx.tick()

    simulate(
        dut,
        first,
        sender(dut.second, marked(b"0123456789") + marked(b"45678")),
        settle,
        background=(drain(dut.o), watch(dut.o, got)),
    )
    assert frames_of(got) == [b"0123456789", b"aaa", b"bb", b"45678"]


def test_latency_and_throughput():
    """A frame's first byte waits one cycle; then a byte a cycle."""
    cycles = [cycle for cycle, _item in run([b"12345", b"678"], [])]
    assert [cycle - cycles[0] for cycle in cycles] == [0, 1, 2, 3, 4, 6, 7, 8]
