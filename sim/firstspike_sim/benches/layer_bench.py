"""Bench of the parts that take tokens and give spikes or verdicts: a lane group, a layer, an output layer."""

import cocotb

from firstspike_sim.layer_run import LayerRun
from firstspike_sim.streams import STALLS, cycle, until

#: A part that has not moved for this many cycles waits for its receiver.
_STUCK = 200


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize((("stall_in", "stall_out"), STALLS))
async def outputs_match(dut, stall_in, stall_out):
    """Each network in turn, over what the last one has left, with all inferences back to back."""
    run = await LayerRun.start(dut, stall_in=stall_in, stall_out=stall_out)
    for number in range(len(run.networks)):
        vectors = await run.load(number)
        await run.source.send(vectors["tokens"])
        await run.finish(vectors)
    run.scoreboard.finish()


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def nothing_is_lost_while_an_output_waits(dut):
    """While one output waits, everything before it fills up until no more tokens go in."""
    run = await LayerRun.start(dut)
    for number in range(len(run.networks)):
        vectors, sink = await run.load(number), run.sinks[number % len(run.sinks)]
        sink.held, before, begun = True, len(run.source.cycles), cycle()
        sending = cocotb.start_soon(run.source.send(vectors["tokens"]))
        await until(dut, lambda: cycle() - max([begun, *run.source.cycles[-1:]]) > _STUCK, cycle)  # noqa: B023
        taken = len(run.source.cycles) - before
        run.scoreboard.compare("all tokens went in though an output waited", 0, int(taken == len(vectors["tokens"])))
        sink.held = False
        await sending
        await run.finish(vectors)
    run.scoreboard.finish()
