"""Bench of the engine: networks are loaded, images run, and everything that can be seen from outside is compared."""

import cocotb
from cocotb.triggers import RisingEdge

from firstspike_sim.engine_run import EngineRun, compare_batch, counter_values
from firstspike_sim.handover import Vectors, load_vectors
from firstspike_sim.scoreboard import Scoreboard
from firstspike_sim.streams import STALLS, StreamSource


def _networks() -> list[Vectors]:
    """Return the vectors of each network, out of the one file."""
    return load_vectors().parts()


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize((("stall_in", "stall_out"), STALLS), early_exit=[0, 1])
async def batches_match(dut, stall_in, stall_out, early_exit):
    """Each network in turn, and the first one once more, over what the last one has left."""
    networks, scoreboard = _networks(), Scoreboard()
    run = await EngineRun.start(dut, networks[0], stall_in, stall_out)
    dut.early_exit.value = early_exit
    for number, vectors in enumerate(networks + networks[:1] * (len(networks) > 1)):
        await StreamSource(dut, "load", stall=0.1).send(vectors["load_words"])
        before = counter_values(dut)
        first = run.mark()
        await run.send(vectors)
        await run.finish(first, vectors.settings["batch"])
        seen = run.since(first)
        seen.save(f"seen-{number}-{early_exit}.npz")
        compare_batch(scoreboard, vectors, seen, early_exit=bool(early_exit))
        _compare_counters(scoreboard, vectors, before, counter_values(dut), run, first, early_exit)
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
    scoreboard.finish()
