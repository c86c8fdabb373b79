"""The dispatcher against the words of INTEGRATE, with rings of the bench's."""

import random

import pytest

from firstspike_hw.memory.style import ECP5_MEMORY, GENERIC_MEMORY, ICE40UP_MEMORY
from firstspike_hw.processor.shared.dispatcher import Dispatcher
from firstspike_hw.processor.shared.spike_ring import SpikeRing
from firstspike_spec.common.words import Memory

from ...bench import load_word, loader, note, peek, simulate
from .models import small


def random_tables(rng, shape, seen):
    """Return words of the kernels, the table of rows and that of columns; the share ``seen`` is seen for sure."""
    bits = shape.coordinate.bits
    kernels = [rng.randrange(1 << shape.value_bits) for _ in range(64)]
    return kernels, *([rng.getrandbits(bits) | (rng.random() < seen) for _ in range(shape.coordinates)] for _ in range(2))


def random_spikes(rng, shape, count):
    return [
        {
            "end": 0,
            "step": rng.randrange(32),
            "x": rng.randrange(1 << shape.side_bits),
            "y": rng.randrange(1 << shape.side_bits),
            "channel": rng.randrange(1 << shape.channel_bits),
        }
        for _ in range(count)
    ]


def random_integration(rng, shape, source):
    """Return an INTEGRATE whose coordinates lie in the tables."""
    last = shape.coordinates - (1 << shape.side_bits)
    return {
        "source": source,
        "release": rng.randrange(2),
        "row": rng.randrange(1 << 16),
        "channel_rows": rng.choice([0, 1, 3, rng.randrange(1 << 16)]),
        "rows": rng.randrange(last + 1),
        "columns": rng.randrange(last + 1),
    }


def expected_calls(shape, tables, integration, spikes):
    """Return (row, base, value) of each spike that is seen."""
    kernels, rows, columns = tables
    calls = []
    for spike in spikes:
        y = shape.coordinate.unpack(rows[integration["rows"] + spike["y"]])
        x = shape.coordinate.unpack(columns[integration["columns"] + spike["x"]])
        if y["seen"] and x["seen"]:
            row = integration["row"] + spike["channel"] * integration["channel_rows"] + int(y["row"]) + int(x["row"])
            base = int(y["base"]) + int(x["base"])
            value = kernels[32 * (integration["source"] != 0) + spike["step"]]
            calls.append((row % (1 << shape.row_bits), base % (1 << shape.potential_address_bits), value))
    return calls


class Bench:
    """A dispatcher between two rings, with notes of its calls."""

    def __init__(self, seed, style=GENERIC_MEMORY, seen=0.7, **sizes):
        self.parameters = small(style, **sizes)
        self.shape = self.parameters.shape
        self.rng = random.Random(f"dispatcher {seed}")
        self.tables = random_tables(self.rng, self.shape, seen)
        self.dut = Dispatcher(self.parameters)
        self.calls, self.valids, self.reading = [], [], []
        self.background = [note(self.dut.call, self.calls), note(self.dut.call_valid, self.valids)]

    def ring(self, reader, items, given):
        """Return a background testbench that gives the items after each start, as a `SpikeRing` does."""

        async def testbench(ctx):
            cycle, on_way, waiting, reads = 0, [None] * SpikeRing.latency, [], False
            while True:
                *_, start, go, release = await ctx.tick().sample(reader.start, reader.go, reader.release)
                word = waiting.pop(0) if go and reads and waiting else None
                if word is not None:
                    self.reading.append(cycle)
                on_way = [word, *on_way[:-1]]
                if reads and not waiting and not any(on_way):
                    reads = False
                if start:
                    waiting, reads = list(items()), True
                    given.append(release)
                ctx.set(reader.valid, on_way[-1] is not None)
                if on_way[-1] is not None:
                    ctx.set(reader.word, on_way[-1])
                ctx.set(reader.reads, reads)
                cycle += 1

        return testbench

    async def load(self, ctx):
        """Load the tables, a word at a time in random order."""
        for bus, words in zip((self.dut.load_kernels, self.dut.load_rows, self.dut.load_columns), self.tables, strict=True):
            places = [load_word(Memory.ENTRIES, address, word) for address, word in enumerate(words)]
            self.rng.shuffle(places)
            await loader(bus, places, stalls=0.2)(ctx)

    def got(self):
        return [call for call, valid in zip(self.calls, self.valids, strict=True) if valid]


@pytest.mark.parametrize("stalls", [0, 0.5])
@pytest.mark.parametrize(
    ("style", "sizes"),
    [
        (GENERIC_MEMORY, {}),
        (ECP5_MEMORY, {}),
        (ICE40UP_MEMORY, {"rows": 50, "potentials": 33}),
        ("late", {"rows": 300, "potentials": 16, "channel_bits": 1, "value_bits": 1}),
        (GENERIC_MEMORY, {"rows": 16, "channel_bits": 8, "side_bits": 1, "value_bits": 16}),
    ],
    ids=str,
)
def test_against_the_words(style, sizes, stalls, late_block_rams, record_property):
    bench = Bench(f"{sizes} {stalls}", late_block_rams if style == "late" else style, **sizes)
    dut, shape, rng = bench.dut, bench.shape, bench.rng
    spikes, expected, releases, wanted = {}, [], {0: [], 1: []}, {0: [], 1: []}

    async def drive(ctx):
        await bench.load(ctx)
        for number in range(30):
            source = rng.choice([0, 0, 1, 31])
            integration = random_integration(rng, shape, source)
            spikes["now"] = random_spikes(rng, shape, rng.choice([0, 1, 2, 20]))
            expected.extend(expected_calls(shape, bench.tables, integration, spikes["now"]))
            wanted[source != 0].append(integration["release"])
            ctx.set(dut.integration, integration)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            ctx.set(dut.integration, random_integration(rng, shape, rng.randrange(32)))
            assert ctx.get(dut.source) == source
            while ctx.get(dut.busy):
                ctx.set(dut.room, rng.random() >= stalls)
                await ctx.tick()
            await ctx.tick().repeat(20 if number % 5 == 0 else 1)  # nothing comes any more
            assert bench.got() == expected

    def without_end():
        return spikes["now"]

    def with_end():
        return [*spikes["now"], {"end": 1, "step": 31, "x": 1, "y": 1, "channel": 1}]

    background = [bench.ring(dut.inputs, with_end, releases[0]), bench.ring(dut.spikes, without_end, releases[1])]
    simulate(dut, drive, background=[*bench.background, *background], hostile=True)
    assert releases == wanted
    assert len(expected) > 20
    record_property("values", 3 * len(expected))


def test_latency_and_throughput():
    """A spike a cycle; a call `latency` cycles after its reading. Without room calls wait, and afterwards follow at once."""
    bench, starts, rooms = Bench(1, seen=1), [], []
    dut, spikes = bench.dut, random_spikes(bench.rng, bench.shape, 60)

    async def drive(ctx):
        await bench.load(ctx)
        ctx.set(dut.room, 1)
        ctx.set(dut.integration, random_integration(bench.rng, bench.shape, 2))
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        await ctx.tick().repeat(30)
        ctx.set(dut.room, 0)
        await ctx.tick().repeat(40)
        ctx.set(dut.room, 1)
        await ctx.tick().until(~dut.busy)

    background = [bench.ring(dut.spikes, lambda: spikes, []), note(dut.start, starts), note(dut.room, rooms)]
    simulate(dut, drive, background=[*bench.background, *background])
    calls, start = [cycle for cycle, valid in enumerate(bench.valids) if valid], starts.index(1)
    first, gone = start + Dispatcher.start_latency, rooms.index(0, start)
    assert bench.reading[0] == first
    before = [cycle for cycle in calls if cycle < gone]
    assert before == list(range(first + Dispatcher.latency, gone))
    assert calls[len(before) :] == list(range(gone + 40, gone + 100 - len(before)))


def test_tables_are_read_back():
    bench = Bench(2)
    dut = bench.dut

    async def drive(ctx):
        await bench.load(ctx)
        await ctx.tick()
        for bus, words in zip((dut.load_kernels, dut.load_rows, dut.load_columns), bench.tables, strict=True):
            places = [load_word(Memory.ENTRIES, address, 0) for address in range(len(words))]
            assert await peek(ctx, bus, places, Dispatcher.peek_latency) == words

    simulate(dut, drive, hostile=True)
