"""The read-out: reports, and the class by earliest spike, larger potential, lower address."""

import random

import pytest

from firstspike_hw.feeder import INFERENCE_BITS
from firstspike_hw.readout import ReadOut
from firstspike_spec.engine import LayerShape

from .bench import STALLS, note, receiver, sender, simulate, watch

SHAPE = LayerShape(source_bits=3, lanes=2, lane_neurons=3, lane_entries=2, weight_bits=4, potential_bits=8)


def random_verdicts(rng, time_steps, inferences):
    """Return (address, potential, fired, end, last) tokens; few different potentials, so that ties are common."""
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
            rng.shuffle(verdicts)
            tokens += [*verdicts, (0, 0, 0, 1, int(number == time_steps - 1))]
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
    """Return what is taken and given, and by cycle the spikes, ``decided`` and ``judged``."""
    dut = ReadOut(SHAPE)
    taken, given, spikes, decided, judged = [], [], [], [], []

    async def clock(ctx):
        ctx.set(dut.early_exit, early_exit)
        ctx.set(dut.start_time, 17)
        now = 0
        while True:
            ctx.set(dut.now, 1000 + now)
            await ctx.tick()
            now += 1

    async def take(ctx):
        await receiver(dut.o, count, [], stalls=stalls[1])(ctx)
        ctx.set(dut.o.ready, 1)  # nothing more may come
        await ctx.tick().repeat(50)

    simulate(
        dut,
        sender(dut.i, tokens, stalls=stalls[0]),
        take,
        background=[
            clock,
            watch(dut.i, taken),
            watch(dut.o, given),
            note(dut.spike, spikes),
            note(dut.decided, decided),
            note(dut.judged, judged),
        ],
    )
    return taken, given, spikes, decided, judged


@pytest.mark.parametrize("early_exit", [0, 1])
@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize(("time_steps", "seed"), [(2, 0), (3, 1), (6, 2)])
def test_against_the_model(time_steps, seed, stalls, early_exit):
    rng = random.Random(f"{time_steps} {seed}")
    tokens = random_verdicts(rng, time_steps, 20)
    expected = model(tokens, early_exit=early_exit)
    taken, given, spikes, decided, judged = run(tokens, len(expected), early_exit=early_exit, stalls=stalls)
    got = [(None, *item[1:]) if item[4] else item for _cycle, item in given]
    assert got == expected
    assert sum(spikes) == sum(token[2] for token in tokens)
    assert judged[-1] == 20 % (1 << INFERENCE_BITS)

    # Decided from the end of the deciding step to the inference's last end, and only with early exit.
    wanted, flag, number, spiked = {}, 0, 0, False
    for cycle, (_address, _potential, fired, end, last) in taken:
        spiked |= bool(fired)
        if end:
            flag = int(spiked and not last and bool(early_exit))
            spiked &= not last
            number += last
        wanted[cycle + 1] = (flag, number % (1 << INFERENCE_BITS))
    for cycle, (flag, number) in wanted.items():
        assert (decided[cycle], judged[cycle]) == (flag, number)


@pytest.mark.parametrize("early_exit", [0, 1])
def test_latency_throughput_and_the_cycles_told(early_exit):
    """One verdict a cycle, each answered 1 cycle later; a decision tells the time from the start to its word."""
    rng = random.Random(5)
    tokens = random_verdicts(rng, 3, 5)
    expected = model(tokens, early_exit=early_exit)
    taken, given, *_ = run(tokens, len(expected), early_exit=early_exit)
    cycles = [cycle for cycle, _item in taken]
    assert cycles == list(range(cycles[0], cycles[0] + len(tokens)))
    assert {cycle - ReadOut.latency for cycle, _item in given} <= set(cycles)
    assert ReadOut.latency == 1
    decisions = [(cycle, item[0]) for cycle, item in given if item[4]]
    assert len(decisions) == 5
    for cycle, told in decisions:
        assert told == 1000 + cycle - 17


END, LAST = (0, 0, 0, 1, 0), (0, 0, 0, 1, 1)


@pytest.mark.parametrize("early_exit", [0, 1])
@pytest.mark.parametrize(
    ("tokens", "neuron", "step", "fired"),
    [
        ([(3, 1, 1, 0, 0), END, (1, 100, 1, 0, 0), LAST], 3, 0, 1),
        ([(3, 1, 1, 0, 0), (1, 1, 1, 0, 0), (5, 1, 1, 0, 0), END, LAST], 1, 0, 1),
        ([(3, 1, 1, 0, 0), (5, 2, 1, 0, 0), (1, 1, 1, 0, 0), END, LAST], 5, 0, 1),
        ([END, (6, -9, 0, 0, 0), (4, -3, 0, 0, 0), (5, -3, 0, 0, 0), LAST], 4, 1, 0),
        ([END, (6, -9, 0, 0, 0), (4, 0, 1, 0, 0), LAST], 4, 1, 1),
        ([END, (7, -128, 0, 0, 0), LAST], 7, 1, 0),
    ],
    ids=["earliest", "lower address", "larger potential", "silent tie", "spike in the last step", "lowest potential"],
)
def test_decisions(tokens, neuron, step, fired, early_exit):
    count = len(model(tokens, early_exit=early_exit))
    decision = [item for _cycle, item in run(tokens, count, early_exit=early_exit)[1] if item[4]]
    assert [item[1:] for item in decision] == [(neuron, step, fired, 1)]


def test_verdicts_after_an_early_decision_are_suppressed():
    tokens = [(3, 1, 1, 0, 0), END, (1, 100, 1, 0, 0), END, (2, -5, 0, 0, 0), LAST]
    given = [item[1:] for _cycle, item in run(tokens, 2, early_exit=1)[1]]
    assert given == [(3, 0, 1, 0), (3, 0, 1, 1)]
