"""Bench of the bare lane."""

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge

from firstspike_sim.layer_run import compare_layer, start_layer
from firstspike_sim.streams import STALLS, StreamSink, StreamSource, until


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize((("stall_in", "stall_out"), STALLS))
async def spikes_and_potentials_match(dut, stall_in, stall_out):
    await compare_layer(dut, dut.operation, stall_in, stall_out)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def latencies_are_as_documented(dut):
    """Rows of k, no, and one entries, back to back: one cycle an entry or empty row, then the barrier, then the latency."""
    vectors, scoreboard = await start_layer(dut)
    word, lengths = vectors.word("token"), vectors["row_lengths"]
    single, empty, longest = np.flatnonzero(lengths == 1)[0], np.flatnonzero(lengths == 0)[0], int(np.argmax(lengths))
    source = StreamSource(dut, "i")
    sink = StreamSink(dut, "o", word=vectors.word("output"), marker="end")
    for inference, sources in enumerate(([single], [longest, single], [empty, single], [longest, empty, empty, single])):
        spikes = word.pack(address=np.array(sources), end=0, last=0)
        before, given = len(source.cycles), len(sink.transfers)
        await source.send([*spikes, word.pack(address=0, end=1, last=1)])
        await until(dut, lambda: sink.marked == inference + 1, lambda: len(sink.transfers))  # noqa: B023
        work, first, end = _pipeline_cycles(lengths[sources]), source.cycles[before], source.cycles[-1]
        scoreboard.compare("cycles from the first spike to the end", work + vectors.settings["barrier"], end - first)
        offered = sink.transfers[given].offered
        scoreboard.compare("cycles from the end to the first item", vectors.settings["latency"], offered - end)
        await RisingEdge(dut.clk)
    scoreboard.finish()


def _pipeline_cycles(lengths: np.ndarray) -> int:
    """Return the cycle in which the last entry is fetched, the first being fetched in cycle 0."""
    return int(np.maximum(lengths, 1).sum()) - 1
