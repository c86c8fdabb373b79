"""The feeder counts steps, drops what comes after a decision, and keeps inferences apart."""

import random

import pytest

from firstspike_hw.feeder import INFERENCE_BITS, Feeder
from firstspike_spec.engine import LayerShape
from firstspike_spec.words import Memory

from .bench import STALLS, load_word, plain, receiver, sender, simulate, watch

SHAPE = LayerShape(source_bits=3, lanes=1, lane_neurons=2, lane_entries=2, weight_bits=4, potential_bits=8)
WRAP = 1 << INFERENCE_BITS


def random_inputs(rng, time_steps, inferences):
    """Return (address, end) tokens."""
    tokens = []
    for _ in range(inferences * time_steps):
        tokens += [(rng.randrange(8), 0) for _ in range(rng.choice([0, 0, 1, 4]))] + [(0, 1)]
    return tokens


def with_last(tokens, time_steps):
    """Return (address, end, last) tokens."""
    ends, out = 0, []
    for address, end in tokens:
        ends += end
        out.append((address, end, int(end and ends % time_steps == 0)))
    return out


@pytest.mark.parametrize("decides", [False, True])
@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize(("time_steps", "seed"), [(2, 0), (3, 1), (5, 2)])
def test_against_the_model(time_steps, seed, stalls, decides):
    """20 inferences, so that their numbers wrap twice; some are decided at random, and their further spikes dropped."""
    rng = random.Random(f"{time_steps} {decides}")
    tokens = random_inputs(rng, time_steps, 20)
    dut = Feeder(SHAPE, time_steps=time_steps)
    expected, got, dropped = [], [], 0

    async def model(ctx):
        """Predict each output in the cycle in which its token is taken."""
        nonlocal dropped
        ends = 0
        while True:
            *_, valid, ready, token, decided, judged = await ctx.tick().sample(
                dut.i.valid, dut.i.ready, dut.i.payload, dut.decided, dut.judged
            )
            if valid and ready:
                address, end = plain(token)
                if decided and not end and ends // time_steps % WRAP == judged:
                    dropped += 1
                else:
                    ends += end
                    expected.append((address, end, int(end and ends % time_steps == 0)))

    async def judge(ctx):
        """Stand for the read-out: it is at the inference whose last end has come out, and decides when it likes."""
        seen, judged = 0, 0
        while True:
            for item in got[seen:]:
                if item[2]:
                    judged += 1
                    ctx.set(dut.judged, judged % WRAP)
                    ctx.set(dut.decided, 0)
            seen = len(got)
            if decides and rng.random() < 0.1:
                ctx.set(dut.decided, 1)
            await ctx.tick()

    async def drain(ctx):
        rng = random.Random("drain")
        while sum(item[2] for item in got) < 20:
            await receiver(dut.o, 1, got, stalls=stalls[1], seed=rng.random())(ctx)

    background = [model, judge, watch(dut.i, []), watch(dut.o, [])]
    simulate(dut, sender(dut.i, tokens, stalls=stalls[0]), drain, background=background)
    assert got == expected
    assert (dropped > 0) == decides
    if not decides:
        assert got == with_last(tokens, time_steps)


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("time_steps", [2, 4, 255, 256])
def test_every_number_of_steps(time_steps, loaded):
    dut = Feeder(SHAPE, time_steps=3 if loaded else time_steps)
    got = []

    async def drive(ctx):
        if loaded:
            words = [
                load_word(Memory.ENTRIES, 0, 9),
                load_word(Memory.TIME_STEPS, 0, time_steps),
                load_word(Memory.POINTERS, 0, 7),
            ]
            await sender(dut.load, words)(ctx)
        await sender(dut.i, [(0, 1)] * 3 * time_steps)(ctx)

    simulate(dut, drive, receiver(dut.o, 3 * time_steps, got))
    assert got == with_last([(0, 1)] * 3 * time_steps, time_steps)


def test_latency_and_throughput():
    dut = Feeder(SHAPE, time_steps=2)
    taken, given = [], []
    tokens = [(number % 8, number % 4 == 3) for number in range(16)]
    simulate(dut, sender(dut.i, tokens), receiver(dut.o, 16, []), background=[watch(dut.i, taken), watch(dut.o, given)])
    assert [cycle for cycle, _item in taken] == list(range(taken[0][0], taken[0][0] + 16))
    assert [cycle - Feeder.latency for cycle, _item in given] == [cycle for cycle, _item in taken]
    assert Feeder.latency == 1


def test_at_most_three_inferences_are_under_way():
    """A fourth would have the number of the one that the read-out is at."""
    dut = Feeder(SHAPE, time_steps=2)
    taken = []

    async def judge(ctx):
        for judged in range(3):
            ctx.set(dut.judged, judged)
            await ctx.tick().repeat(40)
            assert len(taken) == 2 * (WRAP - 1 + judged)
            assert ctx.get(dut.started) == (WRAP - 1 + judged) % WRAP

    tokens = [(0, 1)] * 2 * (WRAP + 1)
    simulate(dut, judge, sender(dut.i, tokens), receiver(dut.o, len(tokens), []), background=[watch(dut.i, taken)])


def test_hold_lets_an_inference_end_but_none_begin():
    dut = Feeder(SHAPE, time_steps=2)
    taken = []

    async def holder(ctx):
        await ctx.tick().until(dut.i.valid & dut.i.ready)
        ctx.set(dut.hold, 1)
        await ctx.tick().repeat(20)
        assert [item for _cycle, item in taken] == [(1, 0), (0, 1), (2, 0), (0, 1)]
        assert ctx.get(dut.started) == 1
        ctx.set(dut.hold, 0)
        await ctx.tick().repeat(20)
        assert len(taken) == 8

    tokens = [(1, 0), (0, 1), (2, 0), (0, 1)] * 2
    simulate(dut, holder, sender(dut.i, tokens), receiver(dut.o, 8, []), background=[watch(dut.i, taken)])


def test_start_times_of_the_inferences_under_way():
    dut = Feeder(SHAPE, time_steps=2)
    taken = []

    async def clock(ctx):
        now = 0
        while True:
            ctx.set(dut.now, 1000 + now)
            await ctx.tick()
            now += 1

    async def look(ctx):
        for inference in range(9):
            ctx.set(dut.judged, inference % WRAP)
            await ctx.tick().repeat(30)  # until three are under way again
            for ahead in range(min(WRAP - 1, 9 - inference)):
                ctx.set(dut.judged, (inference + ahead) % WRAP)
                assert ctx.get(dut.start_time) == 1000 + taken[3 * (inference + ahead)][0]
            ctx.set(dut.judged, inference % WRAP)

    tokens = [(1, 0), (0, 1), (0, 1)] * 9
    background = [clock, watch(dut.i, taken)]
    simulate(dut, look, sender(dut.i, tokens, stalls=0.5), receiver(dut.o, 27, []), background=background)
