"""The spike ring against a list: what is written is read in order, as often as it is wanted, until it is freed."""

import random

import pytest
from amaranth.lib import data

from firstspike_hw.memory.style import ECP5_MEMORY, GENERIC_MEMORY, ICE40UP_MEMORY
from firstspike_hw.processor.shared.spike_ring import SpikeRing

from ...bench import simulate, watch

LAYOUT = data.StructLayout({"end": 1, "number": 12})


def images(rng, count, most):
    """Return words, and for each image its first place and the place after its end."""
    words, places = [], []
    for _ in range(count):
        first = len(words)
        words += [(0, rng.randrange(1 << 12)) for _ in range(rng.randrange(most))]
        words.append((1, rng.randrange(1 << 12)))
        places.append((first, len(words)))
    return words, places


async def put_all(ctx, dut, words, rng, stalls):
    for end, number in words:
        while rng.random() < stalls:
            await ctx.tick()
        ctx.set(dut.i.payload, {"end": end, "number": number})
        ctx.set(dut.i.valid, 1)
        await ctx.tick().until(dut.i.ready)
        ctx.set(dut.i.valid, 0)


async def read(ctx, dut, rng, stalls, *, first, release, limit=None):
    """Read from a place on; return (cycle, word) of what is given. ``limit`` says what may be read in each cycle."""
    got, cycle = [], 0
    ctx.set(dut.first, first % (1 << len(dut.first)))
    ctx.set(dut.reader.release, release)
    ctx.set(dut.reader.start, 1)
    await ctx.tick()
    ctx.set(dut.reader.start, 0)
    ctx.set(dut.first, rng.randrange(1 << len(dut.first)))
    ctx.set(dut.reader.release, rng.randrange(2))
    while ctx.get(dut.reader.reads):
        ctx.set(dut.reader.go, rng.random() >= stalls)
        if limit:
            limit(ctx)
        if ctx.get(dut.reader.valid):
            word = ctx.get(dut.reader.word)
            got.append((cycle, (word.end, word.number)))
        await ctx.tick()
        cycle += 1
    ctx.set(dut.reader.go, 0)
    return got


def follow_writer(dut):
    """Return a background testbench that lets the reader read all that is written."""

    async def testbench(ctx):
        ctx.set(dut.follows, 1)
        while True:
            ctx.set(dut.limit, ctx.get(dut.written))
            await ctx.tick()

    return testbench


@pytest.mark.parametrize("stalls", [(0, 0), (0.6, 0), (0, 0.6), (0.4, 0.4)])
@pytest.mark.parametrize("style", [GENERIC_MEMORY, ECP5_MEMORY, ICE40UP_MEMORY, "late"], ids=str)
def test_images(style, stalls, late_block_rams, record_property):
    """Each image is read up to its end one to three times, the last time with ``release``; or freed afterwards."""
    dut = SpikeRing(LAYOUT, depth=16, style=late_block_rams if style == "late" else style)
    rng = random.Random(f"{style} {stalls}")
    words, places = images(rng, 40, 15)
    compared = []

    async def write(ctx):
        await put_all(ctx, dut, words, random.Random(1), stalls[0])

    async def take(ctx):
        for first, end in places:
            for again in reversed(range(rng.randrange(1, 4))):
                # An image that is not freed as it is read must fit with its end.
                release = again == 0 and rng.random() < 0.7
                assert ctx.get(dut.free) == first % 32
                got = await read(ctx, dut, rng, stalls[1], first=first, release=release)
                assert [word for _, word in got] == words[first:end]
                assert ctx.get(dut.given) == end % 32
                assert ctx.get(dut.free) == (end if release else first) % 32
                compared.extend(got)
            ctx.set(dut.free_to, ctx.get(dut.given))
            ctx.set(dut.free_all, 1)
            await ctx.tick()
            ctx.set(dut.free_all, 0)
        assert ctx.get(dut.written) == ctx.get(dut.free) == len(words) % 32

    simulate(dut, write, take, background=[follow_writer(dut)], hostile=True)
    assert len(compared) > 250
    record_property("values", len(compared))


@pytest.mark.parametrize("stalls", [0, 0.5])
def test_a_limit(stalls):
    """Words before the limit only; all are read when the limit is reached and no more may come."""
    dut, rng = SpikeRing(LAYOUT, depth=32), random.Random(stalls)
    words = [(0, rng.randrange(1 << 12)) for _ in range(30)]

    async def drive(ctx):
        await put_all(ctx, dut, words, rng, stalls)
        for first, end in [(0, 30), (5, 5), (7, 8), (8, 8), (4, 23)]:
            ctx.set(dut.limit, first)
            ctx.set(dut.follows, 1)
            limit = iter(range(first, end + 1))

            def grow(ctx, limit=limit):
                more = next(limit, None)
                if more is None:
                    ctx.set(dut.follows, 0)
                else:
                    ctx.set(dut.limit, more)

            got = await read(ctx, dut, rng, stalls, first=first, release=0, limit=grow)
            assert [word for _, word in got] == words[first:end]

    simulate(dut, drive, hostile=True)


def test_releasing_frees_older_places():
    """At the start all before it, then each place as it is given; so a full ring takes a word soon after."""
    dut, taken = SpikeRing(LAYOUT, depth=16), []
    words = [(0, number) for number in range(40)]

    async def drive(ctx):
        ctx.set(dut.follows, 1)
        await ctx.tick().repeat(60)
        assert len(taken) == 16
        assert not ctx.get(dut.i.ready)
        ctx.set(dut.limit, 16)
        await read_some(ctx, 10, 6)
        assert len(taken) == 32 - 6 + 6
        assert ctx.get(dut.free) == 16

    async def read_some(ctx, first, count):
        ctx.set(dut.first, first)
        ctx.set(dut.reader.release, 1)
        ctx.set(dut.reader.start, 1)
        await ctx.tick()
        ctx.set(dut.reader.start, 0)
        ctx.set(dut.reader.go, 1)
        assert ctx.get(dut.free) == first
        await ctx.tick().repeat(count + 20)

    async def write(ctx):
        await put_all(ctx, dut, words[:32], random.Random(0), 0)

    simulate(dut, write, drive, background=[watch(dut.i, taken)], hostile=True)


def test_latency_and_throughput():
    """One word a cycle goes in and out; a word is given `latency` cycles after it is read."""
    dut, words = SpikeRing(LAYOUT, depth=64), [(0, number) for number in range(50)] + [(1, 0)]

    async def drive(ctx):
        await put_all(ctx, dut, words, random.Random(0), 0)
        ctx.set(dut.limit, ctx.get(dut.written))
        got = await read(ctx, dut, random.Random(0), 0, first=0, release=1)
        # `go` and so the first reading are in the first cycle in which the ring reads.
        assert [cycle for cycle, _ in got] == [SpikeRing.latency + number for number in range(51)]

    taken = []
    simulate(dut, drive, background=[watch(dut.i, taken)])
    assert [cycle for cycle, _ in taken] == list(range(51))
