"""Bench of the engine: networks are loaded, images run, and everything that can be seen from outside is compared."""

from random import Random

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge

from firstspike_sim.engine_run import EngineRun, compare_batch, counter_values
from firstspike_sim.scoreboard import Scoreboard
from firstspike_sim.stimulus.handover import Vectors, load_vectors
from firstspike_sim.streams import SLOW, STALLS, StreamSink, StreamSource, wait
from firstspike_spec.common.words import LOAD_WORD, Field, Word


def _networks() -> list[Vectors]:
    """Return the vectors of each network, out of the one file."""
    return load_vectors().parts()


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize((("stall_in", "stall_out"), [*STALLS, (SLOW, 0.0)]), early_exit=[0, 1])
async def batches_match(dut, stall_in, stall_out, early_exit):
    """Each network in turn, and the first one once more, over what the last one has left."""
    networks, scoreboard = _networks(), Scoreboard()
    run = await EngineRun.start(dut, networks[0], stall_in, stall_out)
    dut.early_exit.value = early_exit
    for number, vectors in enumerate(networks + networks[:1] * (len(networks) > 1)):
        scoreboard.begin(network=number)
        await StreamSource(dut, "load", stall=0.1).send(vectors["load_words"])
        scoreboard.reach("load while idle", len(vectors["load_words"]) > 0)
        before = counter_values(dut)
        first = run.mark()
        await run.send(vectors)
        await run.finish(first, vectors.settings["batch"])
        seen = run.since(first)
        seen.save(f"seen-{number}-{early_exit}.npz")
        compare_batch(scoreboard, vectors, seen, early_exit=bool(early_exit))
        _compare_counters(scoreboard, vectors, before, counter_values(dut), run, first, early_exit)
        if not stall_out:
            scoreboard.reach("entrance waits", run.stall_cycles - first.stall_cycles)
    scoreboard.finish()


def _compare_counters(scoreboard, vectors, before, after, run, first, early_exit) -> None:
    delta = {name: after[name] - before[name] for name in after}
    scoreboard.compare("busy cycles", run.busy_cycles - first.busy_cycles, delta["busy_cycles"])
    scoreboard.compare("stall cycles", run.stall_cycles - first.stall_cycles, delta["stall_cycles"])
    for name in ("spikes", "synaptic_operations"):
        full, early = int(vectors[f"full_{name}"].sum()), int(vectors[f"early_{name}"].sum())
        if early_exit:
            # How much of the steps after a decision is still run depends on the timing.
            at_least, at_most = min(early, delta[name]), max(full, delta[name])
            scoreboard.compare(f"{name}, at least", early, at_least)
            scoreboard.compare(f"{name}, at most", full, at_most)
        else:
            scoreboard.compare(name, full, delta[name])


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(early_exit=[0, 1])
async def loading_waits_for_images_and_images_for_loading(dut, early_exit):
    """A network comes while images are under way, and images that are meant for it are on offer all the time."""
    networks, scoreboard = _networks(), Scoreboard()
    old, new = networks[0], networks[-1]
    run = await EngineRun.start(dut, old, 0.0, 0.3)
    dut.early_exit.value = early_exit
    loader = StreamSource(dut, "load")
    await loader.send(old["load_words"])
    loaded = len(loader.cycles)

    async def load_in_the_middle():
        last_image = old.settings["first_tokens"][-1]
        while len(run.source.cycles) <= last_image:
            await RisingEdge(dut.clk)
        scoreboard.compare("busy when the network comes", 1, int(dut.busy.value))
        await loader.send(new["load_words"])

    loading = cocotb.start_soon(load_in_the_middle())
    first = run.mark()
    await run.send(old)
    second_tokens = len(run.source.cycles)
    await run.send(new)
    await loading
    await run.finish(first, old.settings["batch"] + new.settings["batch"])

    old_seen, new_seen = run.since(first).split(old)
    compare_batch(scoreboard, old, old_seen, early_exit=bool(early_exit))
    compare_batch(scoreboard, new, new_seen, early_exit=bool(early_exit))
    loads = loader.cycles[loaded:]
    decided = old_seen.results[-1].offered
    scoreboard.compare("loading began before the last decision", 0, int(loads[0] < decided), cycle=loads[0])
    begun = run.source.cycles[second_tokens]
    scoreboard.compare("an image began before the end of loading", 0, int(begun <= loads[-1]), cycle=begun)
    scoreboard.compare("load words taken while busy", 0, run.loads_while_busy)
    scoreboard.reach("load while busy")
    scoreboard.finish()


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(early_exit=[0, 1])
async def a_reset_ends_what_is_under_way_and_keeps_the_network(dut, early_exit):
    """Resets in the middle of an image, of its results, or between images; then a whole batch."""
    vectors, scoreboard = _networks()[0], Scoreboard()
    run = await EngineRun.start(dut, vectors, 0.0, 0.0)
    random = Random(f"{cocotb.RANDOM_SEED} resets {early_exit}")
    await StreamSource(dut, "load").send(vectors["load_words"])
    tokens = vectors["tokens"]
    for _ in range(12):
        dut.early_exit.value = early_exit
        await run.source.send(tokens[: random.randrange(1, len(tokens) // 2)])
        await wait(dut, random.randrange(1, 40))
        scoreboard.reach("reset", int(dut.busy.value))
        dut.rst.value = 1
        await wait(dut, 2)
        scoreboard.compare("busy after a reset", 0, int(dut.busy.value))
        scoreboard.compare("a result on offer after a reset", 0, int(dut.o__valid.value))
        for name, value in counter_values(dut).items():
            scoreboard.compare(f"{name} after a reset", 0, value)
        dut.rst.value = 0
        if random.random() < 0.5:
            await wait(dut, random.randrange(1, 40))
    first = run.mark()
    await run.send(vectors)
    await run.finish(first, vectors.settings["batch"])
    compare_batch(scoreboard, vectors, run.since(first), early_exit=bool(early_exit))
    scoreboard.finish()


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(stall=[0.0, 0.3])
async def all_memories_can_be_read_back(dut, stall):
    """In any order, each as many cycles after it was asked for; and nothing is changed by it."""
    vectors, scoreboard = _networks()[0], Scoreboard()
    run = await EngineRun.start(dut, vectors, 0.0, 0.0)
    loader = StreamSource(dut, "load", stall=stall)
    await loader.send(vectors["load_words"])
    await wait(dut, 1)  # a word that is read right after the last one written is not yet the new one
    peeked = StreamSink(dut, "peeked", word=Word((Field("data", 32),)), marker="data", always_ready=True)

    fields = LOAD_WORD.unpack(vectors["peek_words"])
    order = np.random.default_rng(cocotb.RANDOM_SEED).permutation(len(vectors["peek_words"]))
    fields = {name: values[order] for name, values in fields.items()}
    dut.peek.value = 1
    before = len(loader.cycles)
    await loader.send(LOAD_WORD.pack(**fields | {"data": 0xFFFF_FFFF}))
    dut.peek.value = 0
    await wait(dut, 20)
    scoreboard.compare("words read", len(order), len(peeked.transfers))
    latency = peeked.transfers[0].cycle - loader.cycles[before]
    for at, (asked, got) in enumerate(zip(loader.cycles[before:], peeked.transfers, strict=True)):
        where = {name: int(fields[name][at]) for name in ("layer", "lane", "memory", "address")}
        scoreboard.compare("word", int(fields["data"][at]), got.word, **where, cycle=got.cycle)
        scoreboard.compare("cycles to the word", latency, got.cycle - asked, cycle=got.cycle)

    first = run.mark()
    await run.send(vectors)
    await run.finish(first, vectors.settings["batch"])
    compare_batch(scoreboard, vectors, run.since(first), early_exit=False)
    scoreboard.finish()
