"""The input gate counts steps, drops what comes after a decision, and keeps inferences apart."""

import random

import pytest
from amaranth.hdl import ResetInserter, Signal

from firstspike_hw.chain.input_gate import INFERENCE_BITS, InputGate
from firstspike_spec.common.words import Memory
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.shapes import OutputShape

from ..bench import STALLS, load_word, loader, plain, receiver, sender, simulate, watch

SHAPES = {
    spikes_per_token: EngineShape((), OutputShape(3, 2, 4, 8), spikes_per_token=spikes_per_token, time_steps=256)
    for spikes_per_token in (1, 2)
}
WRAP = 1 << INFERENCE_BITS


def spike(address, spikes_per_token=1):
    """Return a token with one spike."""
    return (address, 1) + (0, 0) * (spikes_per_token - 1) + (0,)


def end(spikes_per_token=1):
    """Return a token that only ends a step."""
    return (0, 0) * spikes_per_token + (1,)


def random_inputs(rng, spikes_per_token, time_steps, inferences):
    """Return (address_0, valid_0, ..., end) tokens, some of them with fewer spikes than there is room for, or none."""
    tokens = []
    for _ in range(inferences * time_steps):
        for at in range(count := rng.choice([1, 1, 2, 5])):
            ports = [(rng.randrange(8), int(rng.random() < 0.7)) for _ in range(spikes_per_token)]
            tokens.append((*(value for port in ports for value in port), int(at == count - 1)))
    return tokens


def expected_of(token, last, *, drop=False):
    """Return what the input gate gives for a token: a list of one token or none."""
    *ports, end = token
    if drop:
        ports[1::2] = [0] * len(ports[1::2])
    return [(*ports, end, last)] if end or any(ports[1::2]) else []


def with_last(tokens, time_steps):
    """Return the tokens that an input gate gives if nothing is decided early."""
    ends, out = 0, []
    for token in tokens:
        ends += token[-1]
        out += expected_of(token, int(token[-1] and ends % time_steps == 0))
    return out


@pytest.mark.parametrize("decides", [False, True])
@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize(("spikes_per_token", "time_steps", "seed"), [(1, 2, 0), (1, 3, 1), (2, 2, 0), (2, 5, 2)])
def test_against_the_model(spikes_per_token, time_steps, seed, stalls, decides):
    """20 inferences, so that their numbers wrap; some are decided at random, and their further spikes dropped."""
    rng = random.Random(f"{time_steps} {decides}")
    tokens = random_inputs(rng, spikes_per_token, time_steps, 20)
    dut = InputGate(SHAPES[spikes_per_token], time_steps=time_steps)
    expected, got, dropped = [], [], 0

    async def model(ctx):
        """Predict each output in the cycle in which its token is taken; the decision counts from the cycle after it."""
        nonlocal dropped
        ends, under_way, decided_before = 0, False, False
        while True:
            *_, valid, ready, token, decided, finished, offered, taken = await ctx.tick().sample(
                dut.i.valid, dut.i.ready, dut.i.payload, dut.decided, dut.finished, dut.o.valid, dut.o.ready
            )
            decided_now = decided and ends // time_steps % WRAP == finished
            if valid and ready:
                token = plain(token)
                drop = decided_before and under_way
                dropped += drop and any(token[1:-1:2])
                ends += token[-1]
                under_way = not (token[-1] and ends % time_steps == 0)
                expected.extend(expected_of(token, int(not under_way), drop=drop))
            if taken or not offered:
                decided_before = decided_now

    async def read_out(ctx):
        """Stand for the read-out: it is at the inference whose last end has come out, and decides when it likes."""
        seen, finished = 0, 0
        while True:
            for item in got[seen:]:
                if item[-1]:
                    finished += 1
                    ctx.set(dut.finished, finished % WRAP)
                    ctx.set(dut.decided, 0)
            seen = len(got)
            if decides and rng.random() < 0.1:
                ctx.set(dut.decided, 1)
            await ctx.tick()

    async def drain(ctx):
        rng = random.Random("drain")
        while sum(item[-1] for item in got) < 20:
            await receiver(dut.o, 1, got, stalls=stalls[1], seed=rng.random())(ctx)

    background = [model, read_out, watch(dut.i, []), watch(dut.o, [])]
    simulate(dut, sender(dut.i, tokens, stalls=stalls[0]), drain, background=background)
    assert got == expected
    assert (dropped > 0) == decides
    if not decides:
        assert got == with_last(tokens, time_steps)


def test_what_is_left_of_a_decided_inference():
    """Its first token, and its ends, also those that come with spikes. Tokens without spike and end are never sent on."""
    dut, got = InputGate(SHAPES[2], time_steps=3), []

    async def decide(ctx):
        ctx.set(dut.decided, 1)
        await ctx.tick()

    tokens = [
        (1, 1, 2, 1, 0),
        (3, 1, 4, 0, 1),
        (5, 0, 6, 0, 0),
        (0, 0, 7, 1, 1),
        (0, 0, 0, 0, 1),
        (1, 0, 2, 0, 0),
        (1, 0, 2, 1, 1),
    ]
    simulate(dut, decide, sender(dut.i, tokens), receiver(dut.o, 5, got))
    assert got == [(1, 1, 2, 1, 0, 0), (3, 0, 4, 0, 1, 0), (0, 0, 7, 0, 1, 0), (0, 0, 0, 0, 1, 1), (1, 0, 2, 1, 1, 0)]


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("time_steps", [2, 4, 255, 256])
def test_every_number_of_steps(time_steps, loaded):
    dut = InputGate(SHAPES[1], time_steps=3 if loaded else time_steps)
    got = []

    async def drive(ctx):
        if loaded:
            words = [
                load_word(Memory.ENTRIES, 0, 9),
                load_word(Memory.TIME_STEPS, 0, time_steps),
                load_word(Memory.POINTERS, 0, 7),
            ]
            await loader(dut.load, words)(ctx)
        await sender(dut.i, [end()] * 3 * time_steps)(ctx)

    simulate(dut, drive, receiver(dut.o, 3 * time_steps, got))
    assert got == with_last([end()] * 3 * time_steps, time_steps)


@pytest.mark.parametrize("spikes_per_token", [1, 2])
def test_latency_and_throughput(spikes_per_token):
    dut = InputGate(SHAPES[spikes_per_token], time_steps=2)
    taken, given = [], []
    tokens = [end(spikes_per_token) if number % 4 == 3 else spike(number % 8, spikes_per_token) for number in range(16)]
    simulate(dut, sender(dut.i, tokens), receiver(dut.o, 16, []), background=[watch(dut.i, taken), watch(dut.o, given)])
    assert [cycle for cycle, _item in taken] == list(range(taken[0][0], taken[0][0] + 16))
    assert [cycle for cycle, _item in given] == [cycle for cycle, _item in taken]


def test_at_most_three_inferences_are_under_way():
    """A fourth would have the number of the one that the read-out is at."""
    dut = InputGate(SHAPES[1], time_steps=2)
    taken = []

    async def read_out(ctx):
        for finished in range(3):
            ctx.set(dut.finished, finished)
            await ctx.tick().repeat(40)
            assert len(taken) == 2 * (WRAP - 1 + finished)
            assert ctx.get(dut.started) == (WRAP - 1 + finished) % WRAP

    tokens = [end()] * 2 * (WRAP + 1)
    simulate(dut, read_out, sender(dut.i, tokens), receiver(dut.o, len(tokens), []), background=[watch(dut.i, taken)])


def test_hold_lets_an_inference_end_but_none_begin():
    dut = InputGate(SHAPES[1], time_steps=2)
    taken = []

    async def holder(ctx):
        await ctx.tick().until(dut.i.valid & dut.i.ready)
        ctx.set(dut.hold, 1)
        await ctx.tick().repeat(20)
        assert [item for _cycle, item in taken] == tokens[:4]
        assert ctx.get(dut.started) == 1
        ctx.set(dut.hold, 0)
        await ctx.tick().repeat(20)
        assert len(taken) == 8

    tokens = [spike(1), end(), spike(2), end()] * 2
    simulate(dut, holder, sender(dut.i, tokens), receiver(dut.o, 8, []), background=[watch(dut.i, taken)])


def test_start_times_of_the_inferences_under_way():
    dut = InputGate(SHAPES[1], time_steps=2)
    taken = []

    async def clock(ctx):
        now = 0
        while True:
            ctx.set(dut.now, 1000 + now)
            await ctx.tick()
            now += 1

    async def look(ctx):
        for inference in range(9):
            ctx.set(dut.finished, inference % WRAP)
            await ctx.tick().repeat(30)  # until three are under way again
            for ahead in range(min(WRAP - 1, 9 - inference)):
                ctx.set(dut.finished, (inference + ahead) % WRAP)
                assert ctx.get(dut.start_time) == 1000 + taken[3 * (inference + ahead)][0]
            ctx.set(dut.finished, inference % WRAP)

    tokens = [spike(1), end(), end()] * 9
    background = [clock, watch(dut.i, taken)]
    simulate(dut, look, sender(dut.i, tokens, stalls=0.5), receiver(dut.o, 27, []), background=background)


@pytest.mark.parametrize("taken", range(8))
def test_a_reset_ends_what_is_under_way_and_keeps_the_number_of_steps(taken):
    dut, reset, got = InputGate(SHAPES[1], time_steps=2), Signal(), []
    tokens = [spike(1), end(), end(), spike(2), spike(3), end()] * 2

    async def drive(ctx):
        await loader(dut.load, [load_word(Memory.TIME_STEPS, 0, 3)])(ctx)
        ctx.set(dut.o.ready, 1)
        await sender(dut.i, tokens[:taken])(ctx)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        assert not ctx.get(dut.o.valid)
        assert ctx.get(dut.started) == 0
        ctx.set(dut.o.ready, 0)
        await sender(dut.i, tokens)(ctx)

    async def take(ctx):
        await ctx.tick().until(reset)
        await receiver(dut.o, len(tokens), got)(ctx)

    simulate(ResetInserter(reset)(dut), drive, take)
    assert got == with_last(tokens, 3)
