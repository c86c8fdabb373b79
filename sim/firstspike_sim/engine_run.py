"""An engine under test: what goes in, what is seen, and its comparison with the golden model."""

from dataclasses import dataclass

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge

from firstspike_sim.scoreboard import Scoreboard
from firstspike_sim.steps import Expected, compare_tokens
from firstspike_sim.stimulus.handover import Vectors
from firstspike_sim.streams import StreamSink, StreamSource, Transfer, start_clock, until, wait
from firstspike_spec.common.words import RESULT_WORD, Word
from firstspike_spec.compiler.tokens import token_ports

_INPUTS = ("i__payload", "i__valid", "o__ready", "load__payload", "load__valid", "peek", "early_exit")

#: Cycles in which nothing more must come.
_QUIET = 20


@dataclass(frozen=True)
class Mark:
    """How much had been seen at some time."""

    tokens: int
    results: int
    decisions: int
    probes: tuple[int, ...]
    busy_cycles: int
    stall_cycles: int


@dataclass(frozen=True)
class Seen:
    """What was seen of one batch: when its tokens were first on offer, and taken; its results; the tokens at each probe."""

    token_offers: list[int]
    token_cycles: list[int]
    results: list[Transfer]
    probes: list[list[Transfer]]

    def save(self, name: str) -> None:
        """Write the words into the run's folder, for the decoders of the host to be tested on."""
        np.savez(name, results=_words(self.results), **{f"probe_{at}": _words(probe) for at, probe in enumerate(self.probes)})

    def split(self, first: Vectors) -> tuple["Seen", "Seen"]:
        """Return what was seen of the batch ``first``, and of what came after it."""
        batch, ends = first.settings["batch"], first.settings["batch"] * first.settings["time_steps"]
        tokens = len(first["tokens"])
        decisions = _after(self.results, RESULT_WORD, "decision", batch)
        probes = [_after(probe, first.word(f"probe_{index}"), "end", ends) for index, probe in enumerate(self.probes)]
        early, late = [
            [t[:n] for t, n in zip(self.probes, probes, strict=True)],
            [t[n:] for t, n in zip(self.probes, probes, strict=True)],
        ]
        return (
            Seen(self.token_offers[:tokens], self.token_cycles[:tokens], self.results[:decisions], early),
            Seen(self.token_offers[tokens:], self.token_cycles[tokens:], self.results[decisions:], late),
        )


class EngineRun:
    """The drivers of an engine's ports; `start` makes one."""

    def __init__(self, dut, vectors: Vectors, stall_in: float, stall_out: float):
        self._dut = dut
        self.source = StreamSource(dut, "i", stall=stall_in)
        self.sink = StreamSink(dut, "o", word=RESULT_WORD, marker="decision", stall=stall_out)
        self.probes = [
            StreamSink(dut, f"probe_{index}", word=vectors.word(f"probe_{index}"), marker="end", always_ready=True)
            for index in range(vectors.settings["layers"])
        ]
        self.busy_cycles = self.stall_cycles = self.loads_while_busy = 0
        cocotb.start_soon(self._watch())

    async def _watch(self) -> None:
        """Count what the engine counts too."""
        dut = self._dut
        edge, busy, valid, ready = RisingEdge(dut.clk), dut.busy, dut.i__valid, dut.i__ready
        load_valid, load_ready = dut.load__valid, dut.load__ready
        while True:
            await edge
            if busy.value:
                self.busy_cycles += 1
                self.stall_cycles += bool(valid.value and not ready.value)
                self.loads_while_busy += bool(load_valid.value and load_ready.value)

    @classmethod
    async def start(cls, dut, vectors: Vectors, stall_in: float, stall_out: float) -> "EngineRun":
        """Start the clock, and return the drivers."""
        await start_clock(dut, *_INPUTS)
        return cls(dut, vectors, stall_in, stall_out)

    async def send(self, vectors: Vectors) -> None:
        """Send a batch's tokens."""
        await self.source.send(vectors["tokens"])

    async def finish(self, since: Mark, batch: int) -> None:
        """Wait for the decisions of ``batch`` inferences, and until the engine is idle and some cycles more."""
        wanted = since.decisions + batch
        await until(self._dut, lambda: self.sink.marked >= wanted, lambda: len(self.sink.transfers))
        await until(self._dut, lambda: not self._dut.busy.value, lambda: [len(probe.transfers) for probe in self.probes])
        await wait(self._dut, _QUIET)

    def mark(self) -> Mark:
        """Return how much has been seen by now."""
        probes = tuple(len(probe.transfers) for probe in self.probes)
        results, decisions = len(self.sink.transfers), self.sink.marked
        return Mark(len(self.source.cycles), results, decisions, probes, self.busy_cycles, self.stall_cycles)

    def since(self, mark: Mark) -> Seen:
        """Return what has been seen since."""
        probes = [probe.transfers[first:] for probe, first in zip(self.probes, mark.probes, strict=True)]
        offered, taken = self.source.offered[mark.tokens :], self.source.cycles[mark.tokens :]
        return Seen(offered, taken, self.sink.transfers[mark.results :], probes)


def counter_values(dut) -> dict[str, int]:
    """Return the engine's counters."""
    word, values = int(dut.counters.value), {}
    for name in ("busy_cycles", "stall_cycles", "spikes", "synaptic_operations"):
        values[name], word = word & ((1 << 40) - 1), word >> 40
    return values


def compare_batch(scoreboard: Scoreboard, vectors: Vectors, seen: Seen, *, early_exit: bool) -> None:
    """Compare all that was seen of a batch with the golden model."""
    key, settings = "early" if early_exit else "full", vectors.settings
    decision_steps = vectors[f"{key}_decision_steps"]
    steps = np.full(settings["batch"], settings["time_steps"])
    for index, transfers in enumerate(seen.probes):
        expected = Expected(
            layer=index - 1,  # the probe before layer 0 shows the input spikes
            addresses=vectors[f"places_{index}"],
            steps=steps,
            times=vectors[f"{key}_times_{index}"],
            until=decision_steps if early_exit else None,
        )
        compare_tokens(scoreboard, expected, vectors.word(f"probe_{index}"), transfers)
    _compare_results(scoreboard, vectors, key, seen, early_exit)
    if early_exit:
        _compare_dropped(scoreboard, vectors, seen)
    _note_reached(scoreboard, vectors, key, seen, early_exit)


def _note_reached(scoreboard: Scoreboard, vectors: Vectors, key: str, seen: Seen, early_exit: bool) -> None:
    """Note the situations that a batch brought about."""
    layers, time_steps = vectors.settings["layers"], vectors.settings["time_steps"]
    for layer in range(1, layers + 1):
        times = vectors[f"{key}_times_{layer}"]
        spikes = np.stack([np.count_nonzero(times == step, axis=1) for step in range(time_steps)])
        scoreboard.reach("silent step", np.count_nonzero(spikes == 0))
        if layer < layers:
            scoreboard.reach("many spikes", np.count_nonzero(spikes > 1))
    # Behind the loop: those of the outputs.
    first = times.min(axis=1, keepdims=True)
    potentials = np.where(times == first, vectors[f"{key}_potentials"], np.iinfo(np.int64).min)
    best = potentials == potentials.max(axis=1, keepdims=True)
    scoreboard.reach("tie", np.count_nonzero(best.sum(axis=1) > 1))
    scoreboard.reach("no output", np.count_nonzero(first == time_steps))
    if early_exit:
        scoreboard.reach("first step", np.count_nonzero(first == 0))
        scoreboard.reach("last step", np.count_nonzero(first == time_steps - 1))
    taken, begins = np.array(seen.token_cycles), np.array(vectors.settings["first_tokens"][1:], int)
    scoreboard.reach("back to back", np.count_nonzero(taken[begins] == taken[begins - 1] + 1))


def _compare_dropped(scoreboard: Scoreboard, vectors: Vectors, seen: Seen) -> None:
    """Compare how many input spikes go in with early exit: those of tokens on offer before the decision was, or with it."""
    ends = np.cumsum([0, *vectors.word("probe_0").unpack(_words(seen.probes[0]))["end"]])
    went_in = _spikes(vectors.word("probe_0"), _words(seen.probes[0]))
    came, offers = _spikes(vectors.word("input"), vectors["tokens"]), np.array(seen.token_offers)
    bounds = [*vectors.settings["first_tokens"], len(came)]
    decisions = [transfer for transfer in seen.results if RESULT_WORD.unpack(transfer.word)["decision"]]
    for image, decision in enumerate(decisions[: vectors.settings["batch"]]):
        mine, inference = slice(bounds[image], bounds[image + 1]), ends[:-1] // vectors.settings["time_steps"]
        expected = int(came[mine][offers[mine] <= decision.offered].sum())
        got = int(went_in[inference == image].sum())
        scoreboard.compare("input spikes before the decision", expected, got, image=image, cycle=decision.offered)


def _words(transfers: list[Transfer]) -> np.ndarray:
    return np.array([transfer.word for transfer in transfers], np.uint64)


def _spikes(word: Word, tokens: np.ndarray) -> np.ndarray:
    """Return the number of spikes of each token."""
    _addresses, valid = token_ports(word.unpack(tokens))
    return valid.sum(axis=1)


def _compare_results(scoreboard: Scoreboard, vectors: Vectors, key: str, seen: Seen, early_exit: bool) -> None:
    layer, time_steps = vectors.settings["layers"] - 1, vectors.settings["time_steps"]
    times, potentials = vectors[f"{key}_times_{layer + 1}"], vectors[f"{key}_potentials"]
    addresses = vectors[f"places_{layer + 1}"].tolist()
    fields = RESULT_WORD.unpack(_words(seen.results))
    decisions = np.flatnonzero(fields["decision"])
    scoreboard.compare("decisions", vectors.settings["batch"], len(decisions))
    scoreboard.compare("result words after the last decision", 0, len(seen.results) - (decisions[-1] + 1))
    first = 0
    for image, decision in enumerate(decisions[: vectors.settings["batch"]]):
        where = {"image": image, "layer": layer}
        step = int(vectors[f"{key}_decision_steps"][image])
        runs_to_end = not early_exit or step == time_steps - 1
        reports = {address: [] for address in addresses}
        for at in range(first, decision):
            reports.setdefault(int(fields["neuron"][at]), []).append(at)
        for neuron, address in enumerate(addresses):
            time = int(times[image, neuron])
            mine = reports.pop(address)
            at = mine[0] if mine else decision
            here = {**where, "neuron": neuron, "cycle": seen.results[at].cycle}
            scoreboard.compare("reports", int(runs_to_end or time <= step), len(mine), step=time, **here)
            if mine:
                reported = int(fields["step"][at]) if fields["fired"][at] else time_steps
                scoreboard.compare("first-spike latency", time, reported, step=int(fields["step"][at]), **here)
                expected, got = int(potentials[image, neuron]), int(fields["value"][at])
                scoreboard.compare("potential minus threshold", expected, got, step=int(fields["step"][at]), **here)
        for address, mine in reports.items():
            scoreboard.compare(f"reports of address {address}, where no neuron is", 0, len(mine), **where)

        where |= {"cycle": seen.results[decision].cycle, "step": step}
        chosen = addresses[vectors[f"{key}_classes"][image]]
        scoreboard.compare("address of the class", chosen, int(fields["neuron"][decision]), **where)
        scoreboard.compare("decision step", step, int(fields["step"][decision]), **where)
        spiked = int(times[image].min() < time_steps)
        scoreboard.compare("an output spiked", spiked, int(fields["fired"][decision]), **where)
        began = seen.token_cycles[vectors.settings["first_tokens"][image]]
        taken = seen.results[decision].offered - began
        scoreboard.compare("cycles to the decision", taken, int(fields["value"][decision]), **where)
        first = decision + 1


def _after(transfers: list[Transfer], word: Word, marker: str, count: int) -> int:
    """Return how many transfers there are up to the ``count``-th with the marker."""
    marked = word.unpack(_words(transfers))[marker]
    return int(np.flatnonzero(marked)[count - 1]) + 1
