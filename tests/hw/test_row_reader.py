"""The row reader gives the rows of the sources that spike, entry by entry."""

import random

import pytest

from firstspike_hw.row_reader import RowReader
from firstspike_spec.words import LOAD_WORD, Memory

from .bench import load_word, note, peek, sender, simulate, watch
from .models import random_image, rows_of, words_in


def lane_of(seed, sizes, connectivity, lanes=1):
    image = random_image(seed, sizes, lanes, connectivity=connectivity)
    return image.shape.layers[0], image.lanes[0][0]


def run(shape, image, sources, *, stalls=0, seed=0, load=False):
    """Return (cycle, item) of both ends, and ``busy`` by cycle."""
    dut = RowReader(shape, None if load else image)
    taken, given, busy = [], [], []

    async def drive(ctx):
        if load:
            for memory, words in ((Memory.POINTERS, image.pointers), (Memory.ENTRIES, image.entries)):
                for address, word in enumerate(words):
                    fields = zip((field.name for field in LOAD_WORD.fields), load_word(memory, address, word), strict=True)
                    ctx.set(dut.load.payload, dict(fields))
                    ctx.set(dut.load.valid, 1)
                    await ctx.tick()
            ctx.set(dut.load.valid, 0)
        await sender(dut.i, sources, stalls=stalls, seed=seed)(ctx)
        await ctx.tick().until(~dut.busy)
        await ctx.tick().repeat(3)

    simulate(dut, drive, background=[watch(dut.i, taken), watch(dut.o, given), note(dut.busy, busy)])
    return taken, given, busy


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("stalls", [0, 0.3, 0.8])
@pytest.mark.parametrize(("sizes", "connectivity"), [((1, 1), 1.0), ((9, 5), 0.4), ((6, 7), 0.1), ((5, 3), 0.0)])
def test_rows_in_order(sizes, connectivity, stalls, seed):
    shape, image = lane_of(seed, sizes, connectivity)
    rng = random.Random(seed)
    sources = [rng.randrange(shape.sources) for _ in range(30)]
    taken, given, busy = run(shape, image, sources, stalls=stalls, seed=seed)
    rows = rows_of(shape, image)
    assert [item for _cycle, item in taken] == sources
    assert [item for _cycle, item in given] == [entry for source in sources for entry in rows[source]]
    # Busy from the cycle after a source is taken until its last entry has been given, and no longer.
    expected = {cycle for cycle, _entry in given} | {cycle + 1 for cycle, _source in taken}
    assert expected <= {cycle for cycle, value in enumerate(busy) if value}
    assert not any(busy[max(expected) + 1 :])


def test_contents_from_the_load_port():
    shape, image = lane_of(3, (7, 6), 0.5)
    sources = list(range(7)) * 2
    expected = run(shape, image, sources)[1]
    got = run(shape, image, sources, load=True)[1]
    assert [item for _cycle, item in got] == [item for _cycle, item in expected]


@pytest.mark.parametrize("seed", range(4))
def test_one_entry_a_cycle_without_a_gap_and_one_cycle_for_a_source_without_a_row(seed):
    """Latency 2; a stream of sources takes max(1, row length) cycles each."""
    shape, image = lane_of(seed, (9, 6), [1.0, 0.5, 0.2, 0.1][seed])
    sources = list(range(9)) * 3
    rows = rows_of(shape, image)
    taken, given, _busy = run(shape, image, sources)
    # Each row begins as soon as it has been fetched and the row before is read.
    expected, free = [], 0
    for cycle, source in taken:
        begin = max(cycle + RowReader.latency, free)
        expected += [(begin + at, entry) for at, entry in enumerate(rows[source])]
        free = begin + max(1, len(rows[source]))
    assert given == expected
    total = sum(max(1, len(rows[source])) for source in sources)
    assert free - taken[0][0] == RowReader.latency + total
    assert RowReader.latency == 2


def test_a_source_without_a_row_is_taken_every_cycle():
    shape, image = lane_of(0, (8, 3), 0.0)
    taken, given, _busy = run(shape, image, list(range(8)))
    assert [cycle - taken[0][0] for cycle, _source in taken] == list(range(8))
    assert given == []


def test_its_memories_can_be_read_back():
    """A word a cycle, each one cycle later; other memories' words read as zero."""
    image = random_image(2, (9, 5), connectivity=0.6)
    dut, words = RowReader(image.shape.layers[0], image.lanes[0][0]), words_in(image)
    wanted = [0 if place[2] == Memory.START_POTENTIALS else word for place, word in words]

    async def drive(ctx):
        assert await peek(ctx, dut, [place for place, _ in words], 1) == wanted

    simulate(dut, drive)
    assert any(wanted)
