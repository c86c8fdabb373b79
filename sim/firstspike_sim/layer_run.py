"""A layer under test, or a part of one: tokens in, spikes or verdicts out, and the comparison with the golden model."""

from firstspike_sim.scoreboard import Scoreboard
from firstspike_sim.steps import Expected, compare_tokens
from firstspike_sim.stimulus.handover import Vectors, load_vectors
from firstspike_sim.streams import Sampler, StreamSink, StreamSource, start_clock, until, wait

_INPUTS = ("i__payload", "i__valid", "load__word", "load__write", "load__peek")

#: Cycles in which nothing more must come.
_QUIET = 30


class LayerRun:
    """The drivers of a lane group, a layer or an output layer; `start` makes one.

    Attributes
    ----------
    networks : list of Vectors
        Of each network, out of the one file.
    scoreboard : Scoreboard
    source : StreamSource
    sinks : list of StreamSink
        One for each output of the vectors.
    operations : Sampler
    """

    def __init__(self, dut, networks: list[Vectors], stall_in: float, stall_out: float):
        self._dut, self.networks, self.scoreboard = dut, networks, Scoreboard()
        self._loader = StreamSource(dut, "load", stall=0.1, payload="word", valid="write", always_ready=True)
        self.source = StreamSource(dut, "i", stall=stall_in)
        word, outputs = networks[0].word("output"), networks[0].settings["outputs"]
        self.sinks = [StreamSink(dut, name, word=word, marker="end", stall=stall_out) for name, _lane in outputs]
        self.operations = Sampler(dut, lambda: int(dut.operations.value))

    @classmethod
    async def start(cls, dut, *, stall_in: float = 0.0, stall_out: float = 0.0) -> "LayerRun":
        """Start the clock, and return the drivers."""
        networks = load_vectors().parts()
        ready = [f"{name}__ready" for name, _lane in networks[0].settings["outputs"]]
        await start_clock(dut, *_INPUTS, *ready)
        if "o__ready" not in ready:
            dut.o__ready.value = 1  # of a lane group that is the last one
        return cls(dut, networks, stall_in, stall_out)

    async def load(self, number: int) -> Vectors:
        """Load a network, if its vectors hold one to load, and return them."""
        vectors = self.networks[number]
        self.scoreboard.begin(network=number)
        await self._loader.send(vectors["load_words"])
        # Not even an engine is faster. To a lane group, tokens come through a skid buffer.
        _name, lane = vectors.settings["outputs"][0]
        await wait(self._dut, 1 if lane is None else 2)
        return vectors

    async def finish(self, vectors: Vectors) -> None:
        """Wait for the ends of all steps, and for some cycles more; compare all that came since the last time."""
        dut, ends = self._dut, int(vectors["steps"].sum())
        await until(
            dut, lambda: all(s.marked >= ends for s in self.sinks), lambda: [len(sink.transfers) for sink in self.sinks]
        )
        await wait(dut, _QUIET)
        for at, (sink, (_name, lane)) in enumerate(zip(self.sinks, vectors.settings["outputs"], strict=True)):
            neurons = vectors[f"neurons_{at}"]
            potentials = vectors.arrays.get("potentials")
            expected = Expected(
                layer=0,
                addresses=vectors[f"addresses_{at}"],
                steps=vectors["steps"],
                times=vectors["times"][:, neurons],
                potentials=None if potentials is None else potentials[:, neurons],
                lane=lane,
                neurons=neurons,
            )
            compare_tokens(self.scoreboard, expected, vectors.word("output"), sink.drain())
        done = self.operations.drain()
        self.scoreboard.compare("synaptic operations", vectors.settings["synaptic_operations"], done)
