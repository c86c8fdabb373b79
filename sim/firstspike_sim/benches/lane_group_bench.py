"""Bench of a lane group of one lane: its rate, and what comes without a pause."""

import cocotb
import numpy as np

from firstspike_sim.layer_run import LayerRun
from firstspike_sim.streams import wait


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def rates_are_as_documented(dut):
    """A token a cycle; a weight a cycle. Empty rows cost nothing, and ends one cycle."""
    run = await LayerRun.start(dut)
    vectors = await run.load(0)
    word, lengths = vectors.word("token"), vectors["row_lengths"]
    longest, single = int(np.argmax(lengths)), int(np.flatnonzero(lengths == 1)[0])
    empty = int(np.flatnonzero(lengths == 0)[0])

    def token(source: int | None, *, last: int = 0) -> int:
        """Return a spike, or an end."""
        fields = {field.name: 0 for field in word.fields} | {"last": last}
        return word.pack(**fields | ({"end": 1} if source is None else {"address_0": source, "valid_0": 1}))

    for middle in ([], [single], [longest, longest], [empty, single, single], [single, None, empty], [None, None, single]):
        sources = [longest, *middle, longest]
        before = len(run.source.cycles)
        await run.source.send([*map(token, sources), token(None), token(None, last=1)])
        await wait(dut, 200)  # all of it is done
        first, last = run.source.cycles[before], run.source.cycles[before + len(sources) - 1]
        most = len(sources) - 1
        run.scoreboard.compare("cycles in which the tokens are taken, at most", most, max(most, last - first), cycle=first)
        added = sorted(run.operations.values)
        weights = int(sum(lengths[source] for source in sources if source is not None))
        run.scoreboard.compare("cycles with a weight", weights, len(added), cycle=added[0])
        between = weights + sources.count(None) - 1
        run.scoreboard.compare("cycles from the first weight to the last", between, added[-1] - added[0], cycle=added[0])
        run.operations.drain()
    run.scoreboard.finish()
