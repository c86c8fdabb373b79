"""The records of sources against a dictionary."""

import random

import pytest

from firstspike_hw.memory.style import GENERIC_MEMORY
from firstspike_hw.processor.shared.source_records import SourceRecords

from ...bench import BLOCK_RAMS, simulate


@pytest.mark.parametrize("style", [GENERIC_MEMORY, BLOCK_RAMS, "late"], ids=str)
def test_against_a_dictionary(style, late_block_rams, record_property):
    """While a source is written its limit follows the writer; afterwards it is its end, whatever is written later."""
    dut = SourceRecords(6, style=late_block_rams if style == "late" else style)
    rng = random.Random(f"{style}")
    compared = []

    async def drive(ctx):
        records, written = {}, 0
        for _ in range(120):
            source = rng.randrange(1, 32)
            ctx.set(dut.source, source)
            ctx.set(dut.opens, 1)
            records[source] = [written, None]
            await ctx.tick()
            ctx.set(dut.opens, 0)
            for _ in range(rng.randrange(12)):
                chosen = rng.choice([source, *records])
                ctx.set(dut.read_source, chosen)
                for _ in range(rng.randrange(SourceRecords.latency, 8)):
                    if rng.random() < 0.5:
                        written = (written + 1) % 64
                        ctx.set(dut.written, written)
                    before = written
                    await ctx.tick()
                follows = chosen == source
                assert ctx.get(dut.first) == records[chosen][0]
                assert ctx.get(dut.follows) == follows
                assert ctx.get(dut.limit) == (before if follows else records[chosen][1])
                compared.append(chosen)
            # A reader of this source sees its end at all times.
            ctx.set(dut.read_source, source)
            await ctx.tick().repeat(SourceRecords.latency)
            ctx.set(dut.closes, 1)
            for _ in range(SourceRecords.latency + 1):
                assert ctx.get(dut.limit) == written
                await ctx.tick()
                ctx.set(dut.closes, 0)
            assert not ctx.get(dut.follows)
            records[source][1] = written

    simulate(dut, drive, hostile=True)
    assert len(compared) > 400
    record_property("values", 3 * len(compared))
