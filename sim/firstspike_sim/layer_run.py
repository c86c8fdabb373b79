"""What the benches of the lane and the layer share; the two have the same streams."""

from firstspike_sim.handover import Vectors, load_vectors
from firstspike_sim.scoreboard import Scoreboard
from firstspike_sim.steps import Expected, compare_tokens
from firstspike_sim.streams import Sampler, StreamSink, StreamSource, start_clock, until, wait

_INPUTS = ("i__payload", "i__valid", "o__ready", "load__payload", "load__valid")

#: Cycles in which nothing more must come.
_QUIET = 30


async def start_layer(dut) -> tuple[Vectors, Scoreboard]:
    """Start the clock and load the network, if the vectors hold one to load."""
    vectors = load_vectors()
    await start_clock(dut, *_INPUTS)
    await StreamSource(dut, "load", stall=0.1, always_ready=True).send(vectors["load_words"])
    return vectors, Scoreboard()


async def compare_layer(dut, operations, stall_in: float, stall_out: float) -> None:
    """Run all inferences back to back, and compare all that comes out.

    Parameters
    ----------
    dut
    operations
        The port that tells the synaptic operations of a cycle.
    stall_in, stall_out : float
    """
    vectors, scoreboard = await start_layer(dut)
    word = vectors.word("output")
    source = StreamSource(dut, "i", stall=stall_in)
    sink = StreamSink(dut, "o", word=word, marker="end", stall=stall_out)
    counted = Sampler(dut, lambda: int(operations.value))

    await source.send(vectors["tokens"])
    ends = int(vectors["steps"].sum())
    await until(dut, lambda: sink.marked >= ends, lambda: len(sink.transfers))
    await wait(dut, _QUIET)

    expected = Expected(
        layer=0,
        addresses=vectors["addresses"],
        steps=vectors["steps"],
        times=vectors["times"],
        potentials=vectors.arrays.get("potentials"),
    )
    compare_tokens(scoreboard, expected, word, sink.transfers)
    scoreboard.compare("synaptic operations", vectors.settings["synaptic_operations"], counted.total)
    scoreboard.finish()
