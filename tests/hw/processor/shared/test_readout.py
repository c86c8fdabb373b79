"""The read-out: a report of each output neuron, and the class by larger potential, then lower channel."""

import random

import pytest

from firstspike_hw.processor.shared.readout import ReadOut
from firstspike_spec.protocol.processor_results import SPIKES_LOST

from ...bench import STALLS, note, sender, simulate, watch
from .models import small


def random_image(rng, shape):
    """Return (total, channel, y, x, step, fired) of each output neuron; few different totals, so that ties are common."""
    half, steps = 1 << (shape.potential_bits - 1), rng.randrange(2, 33)
    spread = rng.choice([1, 2, half])
    centre = rng.choice([-half, 0, half - spread])
    thresholds = sorted(rng.sample(range(1, 10 * steps), steps), reverse=True)
    neurons = []
    for channel in rng.sample(range(1 << shape.channel_bits), rng.randrange(1, 9)):
        total = centre + rng.randrange(spread)
        step = sum(threshold > total for threshold in thresholds)
        neurons.append((total, channel, 0, 0, min(step, steps - 1), int(step < steps)))
    return neurons


def decision(neurons):
    """Return (neuron, step, fired): the earliest spike, then the larger potential, then the lower channel."""
    spiked = [neuron for neuron in neurons if neuron[5]] or neurons
    _, channel, _, _, step, fired = min(spiked, key=lambda n: (n[4], -n[0], n[1]))
    return channel, step, fired


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("sizes", [{}, {"potential_bits": 32, "channel_bits": 16}], ids=str)
def test_against_the_model(sizes, stalls, record_property):
    """Reports and decisions; a decision's value is the time since its image's beginning, unless spikes were lost."""
    parameters = small(**sizes)
    dut, rng = ReadOut(parameters), random.Random(f"{sizes} {stalls}")
    images = [random_image(rng, parameters.shape) for _ in range(25)]
    losses = [rng.choice([0, 0, 1, 2]) for _ in images]
    begins, given, decided = [], [], []

    async def drive(ctx):
        for neurons, lost in zip(images, losses, strict=True):
            await ctx.tick().repeat(rng.randrange(1, 4))
            ctx.set(dut.begins, 1)
            await ctx.tick()
            ctx.set(dut.begins, 0)
            for _ in range(lost):
                await ctx.tick().repeat(rng.randrange(1, 4))
                ctx.set(dut.loses, 1)
                await ctx.tick()
                ctx.set(dut.loses, 0)
            await sender(dut.i, neurons, stalls=stalls[0], seed=len(neurons))(ctx)
            ctx.set(dut.decide, 1)
            await ctx.tick().until(dut.decided)
            ctx.set(dut.decide, 0)
        while ctx.get(dut.o.valid):
            await ctx.tick()
        await ctx.tick().repeat(20)

    async def take(ctx):
        ready = random.Random(7)
        while True:
            ctx.set(dut.o.ready, ready.random() >= stalls[1])
            await ctx.tick()

    simulate(dut, drive, background=[take, watch(dut.o, given), note(dut.begins, begins), note(dut.decided, decided)])
    expected = []
    for neurons in images:
        expected += [(total, channel, step, fired, 0) for total, channel, _, _, step, fired in neurons]
        expected.append((None, *decision(neurons), 1))
    assert [(None, *word[1:]) if word[4] else word for _, word in given] == expected
    values = [word[0] for _, word in given if word[4]]
    firsts, lasts = ([cycle for cycle, there in enumerate(signal) if there] for signal in (begins, decided))
    cycles = [last + ReadOut.latency - first for first, last in zip(firsts, lasts, strict=True)]
    assert values == [SPIKES_LOST if lost else cycle for lost, cycle in zip(losses, cycles, strict=True)]
    record_property("values", 5 * len(expected))
