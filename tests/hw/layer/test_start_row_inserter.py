"""The start row inserter: one token before each inference, and no other token changed, lost or delayed."""

from itertools import pairwise

import pytest

from firstspike_hw.layer.start_row_inserter import StartRowInserter
from firstspike_spec.compiler.shapes import LayerShape

from ..bench import drain, sender, simulate, watch, with_reset
from ..models import parameters, random_tokens, with_start_tokens

SHAPE = LayerShape(3, 2, 2, 3, 20, 3, 4, 8)


def run(tokens, spikes_per_token, *, stalls=(0, 0), count=None):
    """Return what comes out, with the cycle of each transfer."""
    dut, given = StartRowInserter(parameters(SHAPE, spikes_per_token=spikes_per_token)), []

    async def drive(ctx):
        await sender(dut.i, tokens, stalls=stalls[0])(ctx)
        while len(given) < count:
            await ctx.tick()

    background = [watch(dut.i, []), watch(dut.o, given), drain(dut.o, stalls=stalls[1])]
    simulate(dut, drive, background=background, hostile=True)
    return given


@pytest.mark.parametrize("stalls", [(0, 0), (0.6, 0), (0, 0.6), (0.5, 0.5)])
@pytest.mark.parametrize("spikes_per_token", [1, 2])
def test_one_before_each_inference(spikes_per_token, stalls):
    tokens = random_tokens(spikes_per_token, range(7), 2, 6, address_bits=3, spikes_per_token=spikes_per_token)
    expected = with_start_tokens(SHAPE, spikes_per_token, tokens)
    assert len(expected) == len(tokens) + 6
    given = run(tokens, spikes_per_token, stalls=stalls, count=len(expected))
    assert [sent(token, spikes_per_token) for _, token in given] == [sent(token, spikes_per_token) for token in expected]
    if stalls == (0, 0):
        assert {after - before for (before, _), (after, _) in pairwise(given)} == {1}


def sent(token, spikes_per_token):
    """Return a token without the addresses of ports that have no spike."""
    spikes = [(token[2 * port] if token[2 * port + 1] else None) for port in range(spikes_per_token)]
    return (*spikes, *token[-2:])


def test_after_a_reset():
    """The token after a reset is an inference's first one."""
    dut, given = StartRowInserter(parameters(SHAPE)), []
    top, reset = with_reset(dut)
    spike, end = (1, 1, 0, 0), (0, 0, 1, 0)
    start = (SHAPE.start_row, 1, 0, 0)

    async def drive(ctx):
        await sender(dut.i, [spike, end])(ctx)
        await ctx.tick().repeat(3)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        await sender(dut.i, [end])(ctx)
        await ctx.tick().repeat(3)

    simulate(top, drive, background=[watch(dut.o, given), drain(dut.o)])
    assert [token for _, token in given] == [start, spike, end, start, end]
