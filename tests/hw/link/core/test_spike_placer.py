"""The spike placer gives each input its channel, row and column, and one end for each image."""

import random

import pytest

from firstspike_hw.lib.layouts import word_layout
from firstspike_hw.link.core.spike_placer import SpikePlacer
from firstspike_spec.common.words import Field, Word

from ...bench import STALLS, drain, sender, simulate, watch

SPIKE = Word((Field("end", 1), Field("step", 5), Field("x", 8), Field("y", 8), Field("channel", 6)))


@pytest.mark.parametrize("maps", [(3, 5, 7), (1, 1, 200), (6, 1, 1), (2, 20, 1), (1, 1, 1)])
@pytest.mark.parametrize("stalls", STALLS)
def test_places_are_those_of_a_division(maps, stalls):
    """Steps with all inputs, with none, and with few; two images, so that nothing is left of the first one."""
    channels, height, width = maps
    inputs, steps, rng = channels * height * width, 4, random.Random(f"{maps} {stalls}")
    tokens, wanted = [], []
    for _image in range(2):
        for step, share in enumerate(rng.sample([0.0, 0.1, 0.5, 1.0], steps)):
            for at in range(inputs):
                if rng.random() < share:
                    tokens.append((at, 1, 0))
                    wanted.append((0, step, at % width, at // width % height, at // (width * height)))
            tokens.append((rng.randrange(1 << 16), 0, 1))
        wanted.append((1, None, None, None, None))
    dut, got = SpikePlacer(word_layout(SPIKE)), []

    async def until_all(ctx):
        ctx.set(dut.last_step, steps - 1)
        ctx.set(dut.input_format.last_input, inputs - 1)
        ctx.set(dut.input_format.last_column, width - 1)
        ctx.set(dut.input_format.last_row, height - 1)
        while len(got) < len(wanted):
            await ctx.tick()

    simulate(
        dut,
        sender(dut.i, tokens, stalls=stalls[0]),
        until_all,
        background=(watch(dut.o, got), drain(dut.o, stalls=stalls[1])),
        limit=20_000,
    )
    spikes = [spike if not spike[0] else (1, None, None, None, None) for _cycle, spike in got]
    assert spikes == wanted
    assert len(wanted) > 2
