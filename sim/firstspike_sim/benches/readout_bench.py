"""Bench of the read-out alone."""

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge

from firstspike_hw.chain.input_gate import INFERENCE_BITS, TIME_BITS
from firstspike_sim.scoreboard import Scoreboard
from firstspike_sim.stimulus.handover import Vectors, load_vectors
from firstspike_sim.streams import STALLS, Sampler, StreamSink, StreamSource, cycle, start_clock, until, wait
from firstspike_spec.common.words import RESULT_WORD

_INFERENCES = 1 << INFERENCE_BITS
_INPUTS = ("i__payload", "i__valid", "o__ready", "early_exit", "start_time", "now")
_TIME_MASK = (1 << TIME_BITS) - 1

#: The time in cycle 0: it wraps around while the test runs.
_FIRST_TIME = _TIME_MASK - 500


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize((("stall_in", "stall_out"), STALLS), early_exit=[0, 1])
async def reports_and_decisions_match(dut, stall_in, stall_out, early_exit):
    vectors, scoreboard = load_vectors(), Scoreboard()
    await start_clock(dut, *_INPUTS)
    dut.early_exit.value = early_exit
    cocotb.start_soon(_keep_time(dut, vectors))
    source = StreamSource(dut, "i", stall=stall_in)
    sink = StreamSink(dut, "o", word=RESULT_WORD, marker="decision", stall=stall_out)
    spikes = Sampler(dut, lambda: int(dut.spike.value))

    await source.send(vectors["tokens"])
    batch = vectors.settings["batch"]
    await until(dut, lambda: sink.marked >= batch, lambda: len(sink.transfers))
    await wait(dut, 10)

    _compare(scoreboard, vectors, "early" if early_exit else "full", source, sink)
    scoreboard.compare("spikes", vectors.settings["spikes"], spikes.drain())
    scoreboard.compare("number of the next inference", batch % _INFERENCES, int(dut.finished.value))
    scoreboard.finish()


async def _keep_time(dut, vectors: Vectors) -> None:
    """Drive the present time and the start time of the inference whose verdicts come, which follows from its number."""
    last = sum(field.bits for field in vectors.word("verdict").fields) - 1
    finished = 0
    while True:
        dut.now.value = (_FIRST_TIME + cycle() + 1) & _TIME_MASK
        dut.start_time.value = _start_time(finished % _INFERENCES)
        await RisingEdge(dut.clk)
        finished += int(dut.i__valid.value and dut.i__ready.value and int(dut.i__payload.value) >> last)


def _start_time(finished: int) -> int:
    return (_FIRST_TIME - 100 * finished) & _TIME_MASK


def _compare(scoreboard: Scoreboard, vectors: Vectors, key: str, source: StreamSource, sink: StreamSink) -> None:
    """Compare all result words, field by field, in their order."""
    latency = vectors.settings["latency"]
    expected = RESULT_WORD.unpack(vectors[f"{key}_words"])
    got = RESULT_WORD.unpack(np.array([transfer.word for transfer in sink.transfers], np.uint64))
    scoreboard.compare("result words", len(vectors[f"{key}_words"]), len(sink.transfers))
    for at, (transfer, image, token) in enumerate(
        zip(sink.transfers, vectors[f"{key}_images"], vectors[f"{key}_tokens"], strict=False)
    ):
        where = {"image": image, "layer": 0, "neuron": expected["neuron"][at], "step": expected["step"][at]}
        taken = source.cycles[token]
        value = int(expected["value"][at])
        if expected["decision"][at]:
            value = (_FIRST_TIME + taken + latency - _start_time(image % _INFERENCES)) & _TIME_MASK
        for name in ("decision", "fired", "step", "neuron"):
            scoreboard.compare(name, expected[name][at], got[name][at], cycle=transfer.cycle, **where)
        scoreboard.compare("value", value, got["value"][at], cycle=transfer.cycle, **where)
        scoreboard.compare("cycles from verdict to result", latency, transfer.offered - taken, cycle=transfer.cycle, **where)
