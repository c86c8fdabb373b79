"""The read-out: reports, and the class by earliest spike, larger potential, lower address."""

import random
from itertools import pairwise

import pytest
from amaranth.hdl import ResetInserter, Signal

from firstspike_hw.chain.input_gate import INFERENCE_BITS, TIME_BITS
from firstspike_hw.chain.readout import ReadOut
from firstspike_spec.compiler.shapes import OutputShape

from ..bench import STALLS, note, receiver, sender, simulate, watch

SHAPE = OutputShape(source_bits=3, neurons=8, weight_bits=4, potential_bits=8)
#: The time in the first cycle; it soon wraps around.
BEGIN = (1 << TIME_BITS) - 30


def start_time(inference):
    """Return the time at which an inference begins, as the bench says; these times are in no order."""
    return [17, BEGIN, 300, BEGIN - 2][inference % (1 << INFERENCE_BITS)]


def random_verdicts(rng, time_steps, inferences):
    """Return (address, potential, fired, end, last) tokens; few different potentials, so that ties are common.

    Within a step the addresses rise.
    """
    tokens = []
    for _ in range(inferences):
        silent, spread = rng.choice([0, 0.5, 0.9, 1]), rng.choice([1, 3, 128])
        steps = [[] for _ in range(time_steps)]
        for address in rng.sample(range(8), rng.randrange(1, 9)):
            if rng.random() < silent:
                steps[-1].append((address, -rng.randrange(1, spread + 1), 0, 0, 0))
            else:
                rng.choice(steps).append((address, rng.randrange(spread), 1, 0, 0))
        for number, verdicts in enumerate(steps):
            # What comes with an end means nothing, but for `last`.
            junk = rng.randrange(8), rng.randrange(-128, 128), rng.randrange(2)
            tokens += [*sorted(verdicts), (*junk, 1, int(number == time_steps - 1))]
    return tokens


def model(tokens, *, early_exit):
    """Return (value, neuron, step, fired, decision) words; a decision's value, its cycles, is left out (``None``)."""
    words, step, verdicts, decision = [], 0, [], None
    for address, potential, fired, end, last in tokens:
        if not end:
            verdicts.append((step, -potential, address, fired))
            if not (early_exit and decision):
                words.append((potential, address, step, fired, 0))
            continue
        spikes = [verdict for verdict in verdicts if verdict[3]]
        if decision is None and (spikes or last):
            # The earliest, of these the largest potential, of these the lowest address.
            winner = min(spikes or verdicts)
            decision = (None, winner[2], step, int(bool(spikes)), 1)
            if early_exit:
                words.append(decision)
        if last and not early_exit:
            words.append(decision)
        step += 1
        if last:
            step, verdicts, decision = 0, [], None
    return words


def run(tokens, count, *, early_exit, stalls=(0, 0)):
    """Return what is taken and given, and by cycle the spikes, ``decided``, ``finished`` and whether there is an offer."""
    dut = ReadOut(SHAPE)
    taken, given, spikes, decided, finished, offers = [], [], [], [], [], []

    async def clock(ctx):
        """Tell the time, and when the inference that the read-out is at began: at once, as `InputGate` does."""
        ctx.set(dut.early_exit, early_exit)
        now = BEGIN
        while True:
            ctx.set(dut.now, now % (1 << TIME_BITS))
            ctx.set(dut.start_time, start_time(ctx.get(dut.finished)))
            await ctx.tick()
            now += 1

    async def send(ctx):
        await ctx.tick().repeat(3)  # there is no verdict so soon after a reset
        await sender(dut.i, tokens, stalls=stalls[0])(ctx)

    async def take(ctx):
        await receiver(dut.o, count, [], stalls=stalls[1])(ctx)
        ctx.set(dut.o.ready, 1)  # nothing more may come
        await ctx.tick().repeat(50)

    simulate(
        dut,
        send,
        take,
        background=[
            clock,
            watch(dut.i, taken),
            watch(dut.o, given),
            note(dut.spike, spikes),
            note(dut.decided, decided),
            note(dut.finished, finished),
            note(dut.o.valid, offers),
        ],
    )
    return taken, given, spikes, decided, finished, offers


def check_times(given, offers):
    """Each decision gives the cycles from its inference's start to the one in which it is first on offer."""
    inference, before = 0, -1
    for cycle, (value, *_, decision) in given:
        offered = offers.index(1, before + 1)
        if decision:
            assert value == (BEGIN + offered - start_time(inference)) % (1 << TIME_BITS)
            inference += 1
        before = cycle


@pytest.mark.parametrize("early_exit", [0, 1])
@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize(("time_steps", "seed"), [(2, 0), (3, 1), (6, 2)])
def test_against_the_model(time_steps, seed, stalls, early_exit):
    rng = random.Random(f"{time_steps} {seed}")
    tokens = random_verdicts(rng, time_steps, 20)
    expected = model(tokens, early_exit=early_exit)
    taken, given, spikes, decided, finished, offers = run(tokens, len(expected), early_exit=early_exit, stalls=stalls)
    got = [(None, *item[1:]) if item[4] else item for _cycle, item in given]
    assert got == expected
    assert sum(spikes) == sum(token[2] for token in tokens if not token[3])
    check_times(given, offers)
    assert finished[-1] == 20 % (1 << INFERENCE_BITS)

    # Decided from the end of the deciding step to the inference's last end, and only with early exit.
    wanted, flag, number, spiked = {}, 0, 0, False
    for cycle, (_address, _potential, fired, end, last) in taken:
        spiked |= bool(fired and not end)
        if end:
            flag = int(spiked and not last and bool(early_exit))
            spiked &= not last
            number += last
        wanted[cycle + 1] = (flag, number % (1 << INFERENCE_BITS))
    for cycle, (flag, number) in wanted.items():
        assert (decided[cycle], finished[cycle]) == (flag, number)


@pytest.mark.parametrize("early_exit", [0, 1])
def test_latency_and_throughput(early_exit):
    """One verdict a cycle, each answered 1 cycle later."""
    tokens = random_verdicts(random.Random(5), 3, 5)
    expected = model(tokens, early_exit=early_exit)
    taken, given, *_ = run(tokens, len(expected), early_exit=early_exit)
    cycles = [cycle for cycle, _item in taken]
    assert cycles == list(range(cycles[0], cycles[0] + len(tokens)))
    answers = [cycle - ReadOut.latency for cycle, _item in given]
    assert set(answers) <= set(cycles)
    if not early_exit:
        assert answers == [cycle for cycle, (_address, _potential, _fired, end, last) in taken if not end or last]
    assert ReadOut.latency == 1


def test_a_decision_two_cycles_behind_the_inference_before():
    """It gives the time from its own start. None comes sooner: there is a verdict before the end that decides."""
    spike, end, last = (0, 5, 1, 0, 0), (0, 0, 0, 1, 0), (0, 0, 0, 1, 1)
    tokens = [spike, end, last] * 6
    _taken, given, *_, offers = run(tokens, 12, early_exit=1)
    cycles = [cycle for cycle, item in given if item[4]]
    assert [later - earlier for earlier, later in pairwise(cycles)] == [3] * 5
    check_times(given, offers)


END, LAST = (0, 0, 0, 1, 0), (0, 0, 0, 1, 1)


@pytest.mark.parametrize("early_exit", [0, 1])
@pytest.mark.parametrize(
    ("tokens", "neuron", "step", "fired"),
    [
        ([(3, 1, 1, 0, 0), END, (1, 100, 1, 0, 0), LAST], 3, 0, 1),
        ([(1, 1, 1, 0, 0), (3, 1, 1, 0, 0), (5, 1, 1, 0, 0), END, LAST], 1, 0, 1),
        ([(1, 1, 1, 0, 0), (3, 2, 1, 0, 0), (5, 1, 1, 0, 0), END, LAST], 3, 0, 1),
        ([(0, 0, 1, 0, 0), (7, 127, 1, 0, 0), END, LAST], 7, 0, 1),
        ([END, (4, -9, 0, 0, 0), (5, -3, 0, 0, 0), (6, -3, 0, 0, 0), LAST], 5, 1, 0),
        ([END, (1, -128, 0, 0, 0), (4, 127, 1, 0, 0), (6, -1, 0, 0, 0), LAST], 4, 1, 1),
        ([(6, 0, 1, 0, 0), END, (4, -1, 0, 0, 0), LAST], 6, 0, 1),
        ([END, (7, -128, 0, 0, 0), LAST], 7, 1, 0),
    ],
    ids=[
        "earliest",
        "lower address",
        "larger potential",
        "largest potential",
        "silent tie",
        "spike in the last step",
        "silent after the decision",
        "lowest potential",
    ],
)
def test_decisions(tokens, neuron, step, fired, early_exit):
    count = len(model(tokens, early_exit=early_exit))
    decision = [item for _cycle, item in run(tokens, count, early_exit=early_exit)[1] if item[4]]
    assert [item[1:] for item in decision] == [(neuron, step, fired, 1)]


def test_verdicts_after_an_early_decision_are_suppressed():
    tokens = [(3, 1, 1, 0, 0), END, (1, 100, 1, 0, 0), END, (2, -5, 0, 0, 0), LAST]
    given = [item[1:] for _cycle, item in run(tokens, 2, early_exit=1)[1]]
    assert given == [(3, 0, 1, 0), (3, 0, 1, 1)]


@pytest.mark.parametrize("early_exit", [0, 1])
def test_a_reset_ends_what_is_under_way(early_exit):
    tokens = [END, END, (3, -5, 0, 0, 0), LAST, *random_verdicts(random.Random(7), 3, 3)]
    expected = model(tokens, early_exit=early_exit)
    before = [(7 - address, 127 if fired else potential, fired, *ends) for address, potential, fired, *ends in tokens]
    for taken in range(1, len(tokens)):
        dut, reset, got = ReadOut(SHAPE), Signal(), []

        async def drive(ctx, dut=dut, reset=reset, taken=taken):
            ctx.set(dut.early_exit, early_exit)
            ctx.set(dut.o.ready, 1)
            await sender(dut.i, before[:taken])(ctx)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)
            assert [ctx.get(signal) for signal in (dut.o.valid, dut.decided, dut.finished)] == [0, 0, 0]
            ctx.set(dut.o.ready, 0)
            await sender(dut.i, tokens)(ctx)

        async def take(ctx, dut=dut, reset=reset, got=got):
            await ctx.tick().until(reset)
            await receiver(dut.o, len(expected), got)(ctx)

        simulate(ResetInserter(reset)(dut), drive, take)
        assert [(None, *item[1:]) if item[4] else item for item in got] == expected
