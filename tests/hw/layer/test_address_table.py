"""The address table: every spike with its row and base, none that no neuron sees, nothing else changed, lost or delayed."""

import random
from itertools import pairwise

import pytest

from firstspike_hw.layer.address_table import AddressTable
from firstspike_hw.layer.parameters import AddressTableParameters
from firstspike_spec.common.words import Memory
from firstspike_spec.compiler.shapes import AddressTableShape

from ..bench import STALLS, drain, load_word, loader, peek, sender, simulate, watch
from ..models import random_tokens

#: With lanes and bases, without lanes, and without bases.
SHAPES = [AddressTableShape(11, 2, 3, 5), AddressTableShape(30, 0, 4, 6), AddressTableShape(5, 1, 2, 0)]


def random_locations(rng, shape):
    """Return (seen, row, base) of each place; no neuron sees the second one."""
    return [
        (place != 1 and rng.random() < 0.8, rng.randrange(1 << shape.row_bits), rng.randrange(1 << shape.base_bits))
        for place in range(shape.places)
    ]


def words_of(shape, locations):
    return [int(seen) | row << 1 | base << (1 + shape.row_bits) for seen, row, base in locations]


def located(shape, locations, token, spikes_per_token):
    """Return what a token becomes: the row's address and base at each port with a spike that some neuron sees."""
    ports = []
    for port in range(spikes_per_token):
        address, valid = token[2 * port : 2 * port + 2]
        place, lane = address >> shape.lane_bits, address & ((1 << shape.lane_bits) - 1)
        seen, row, base = locations[place] if valid else (False, 0, 0)
        ports.append((row << shape.lane_bits | lane, base) if seen else None)
    return (*ports, *token[-2:])


def sent(shape, token, spikes_per_token):
    """Return a token that came out likewise."""
    fields = 3 if shape.base_bits else 2
    ports = []
    for port in range(spikes_per_token):
        address, valid, *base = token[fields * port : fields * (port + 1)]
        ports.append((address, *(base or [0])) if valid else None)
    return (*ports, *token[-2:])


def source_bits(shape):
    return (shape.places - 1).bit_length() + shape.lane_bits


def make(shape, spikes_per_token, locations):
    """Return the component, with the table in it."""
    parameters = AddressTableParameters(shape, source_bits=source_bits(shape), spikes_per_token=spikes_per_token)
    return AddressTable(parameters, words_of(shape, locations))


def addresses(shape):
    return range(shape.places << shape.lane_bits)


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("spikes_per_token", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_spike_gets_its_row(shape, spikes_per_token, stalls):
    locations = random_locations(random.Random(f"{shape} {spikes_per_token}"), shape)
    tokens = random_tokens(
        spikes_per_token, addresses(shape), 3, 4, address_bits=source_bits(shape), spikes_per_token=spikes_per_token
    )
    dut = make(shape, spikes_per_token, locations)
    taken, given = [], []

    async def drive(ctx):
        await sender(dut.i, tokens, stalls=stalls[0])(ctx)
        while len(given) < len(tokens):
            await ctx.tick()

    background = [watch(dut.i, taken), watch(dut.o, given), drain(dut.o, stalls=stalls[1])]
    simulate(dut, drive, background=background, hostile=True)
    expected = [located(shape, locations, token, spikes_per_token) for token in tokens]
    assert [sent(shape, token, spikes_per_token) for _, token in given] == expected
    assert any(
        port is None and token[2 * at + 1]
        for token, out in zip(tokens, expected, strict=True)
        for at, port in enumerate(out[:-2])
    )  # spikes that no neuron sees
    if stalls == (0, 0):
        assert {after - before for (before, _), (after, _) in pairwise(given)} == {1}
    if stalls[1] == 0:
        assert {after - before for (before, _), (after, _) in zip(taken, given, strict=True)} == {AddressTable.latency}


def test_it_holds_as_many_tokens_as_it_says():
    """While none is taken, this many go in and no more."""
    shape = SHAPES[0]
    dut = make(shape, 1, random_locations(random.Random(0), shape))
    taken = []

    async def drive(ctx):
        ctx.set(dut.i.valid, 1)
        await ctx.tick().repeat(30)

    simulate(dut, drive, background=[watch(dut.i, taken)])
    assert len(taken) == AddressTable.places


def test_it_is_loaded_and_read_back():
    """With words of its own kind only; the table that was there before counts no more."""
    shape, rng = SHAPES[0], random.Random(1)
    old, new = random_locations(rng, shape), random_locations(rng, shape)
    tokens = random_tokens(5, addresses(shape), 2, 3, address_bits=source_bits(shape), spikes_per_token=1)
    dut = make(shape, 1, old)
    words = [load_word(Memory.POINTERS, place, word) for place, word in enumerate(words_of(shape, new))]
    others = [load_word(Memory.ENTRIES, place, 0) for place in range(shape.places)]
    given, peeked = [], []

    async def drive(ctx):
        await loader(dut.load, [*words, *others])(ctx)
        await ctx.tick().repeat(3)
        peeked.extend(await peek(ctx, dut.load, words, AddressTable.peek_latency))
        await ctx.tick().repeat(3)
        await sender(dut.i, tokens)(ctx)
        while len(given) < len(tokens):
            await ctx.tick()

    simulate(dut, drive, background=[watch(dut.o, given), drain(dut.o)])
    assert peeked == words_of(shape, new)
    assert [sent(shape, token, 1) for _, token in given] == [located(shape, new, token, 1) for token in tokens]
