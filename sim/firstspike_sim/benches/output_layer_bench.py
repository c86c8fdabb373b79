"""Bench of the output layer: its latency, and its rate."""

from itertools import pairwise

import cocotb
import numpy as np

from firstspike_sim.layer_run import LayerRun
from firstspike_sim.streams import wait


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def cycles_are_as_documented(dut):
    """From an end to its first verdict, from verdict to verdict, and from an end to the next one that waits."""
    run = await LayerRun.start(dut)
    vectors = await run.load(0)
    (sink,), settings, scoreboard = run.sinks, vectors.settings, run.scoreboard
    await run.source.send(vectors["tokens"])
    await wait(dut, 300)
    ends_in = np.array(run.source.cycles)[vectors.word("token").unpack(vectors["tokens"])["end"] == 1].tolist()
    fields = vectors.word("output").unpack(np.array([transfer.word for transfer in sink.transfers], np.uint64))
    steps, verdicts = [], []
    for end, transfer in zip(fields["end"], sink.transfers, strict=True):
        verdicts.append(transfer.cycle)
        if end:
            steps.append(verdicts)
            verdicts = []
    scoreboard.compare("steps", len(ends_in), len(steps))
    for step, (end, verdicts) in enumerate(zip(ends_in, steps, strict=True)):
        where = {"step": step, "cycle": end}
        scoreboard.compare("cycles from the end to its first verdict", settings["latency"], verdicts[0] - end, **where)
        scoreboard.compare("cycles of the verdicts", len(verdicts) - 1, verdicts[-1] - verdicts[0], **where)
    for step, (first, second) in enumerate(pairwise(ends_in)):
        least = settings["end_interval"] + len(steps[step]) - 1
        scoreboard.compare("cycles to the next end", least, second - first, step=step, cycle=first)
    scoreboard.finish()
