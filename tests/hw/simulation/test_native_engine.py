"""The engine's own RTL as native code, against the golden model and Amaranth's simulator."""

import gc
import random

import numpy as np
import pytest

from firstspike_hw.simulation import NativeEngine
from firstspike_spec import DeviceError, infer_spikes
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.plan import plan
from firstspike_spec.inference.results import Results, compare_results

from ...spec.random_networks import random_network, random_times
from ..chain.test_engine import Bench
from ..models import roomy

#: By name: the shape, and sizes of the largest network in it.
SHAPES = {
    "one layer": (roomy((12, 5), ()), (12, 5)),
    "two layers": (roomy((12, 9, 5), (4,), bank_lanes=2), (12, 9, 5)),
    "three layers": (roomy((9, 6, 7, 4), (1, 3), spikes_per_token=1), (9, 6, 7, 4)),
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("engines")


@pytest.fixture(scope="module", params=SHAPES)
def engine(request, cache):
    shape, sizes = SHAPES[request.param]
    engine = NativeEngine(shape, cache=cache)
    yield engine, sizes
    engine.close()


def check(engine, network, times, *, early_exit, stalls=0):
    """Run a batch and compare the results with the golden model; return both."""
    got = engine.run(times, early_exit=early_exit, stalls=stalls)
    inference = infer_spikes(network, times, early_exit=early_exit)
    comparison = compare_results(Results.from_inference(inference, early_exit=early_exit), got)
    if len(times):
        comparison.check()
    return got, inference


def test_equals_the_golden_model(engine):
    """Forty networks of all kinds, one after another in one engine; most are smaller than the engine allows."""
    engine, most = engine
    for seed in range(40):
        rng = random.Random(seed)
        network = random_network(
            seed,
            [rng.randrange(1, size + 1) for size in most],
            time_steps=rng.choice([2, 3, 4, 8, 16, 256]),
            bits=rng.randrange(1, 9),
            connectivity=rng.choice([0.0, 0.2, 0.6, 1.0]),
            spread=rng.randrange(2),
            extreme=rng.random() < 0.3,
        )
        engine.load(compile_network(network, engine.shape))
        for early_exit in (True, False, True):
            times = random_times(rng.randrange(1 << 30), network, rng.choice([0, 1, 20]), silent=rng.choice([0, 0.5, 1]))
            check(engine, network, times, early_exit=early_exit, stalls=rng.choice([0, rng.randrange(1, 1 << 64)]))


def test_stalls_cost_cycles(engine):
    """Pauses add cycles, other pauses other numbers of them; without a seed the cycles are always the same."""
    engine, most = engine
    network = random_network(2, most, connectivity=0.5)
    engine.load(compile_network(network, engine.shape))
    times, cycles = random_times(2, network, 50), []
    for stalls in (0, 0, 1, 2):
        before = engine.cycles
        engine.run(times, early_exit=False, stalls=stalls)
        cycles.append(engine.cycles - before)
    assert cycles[0] == cycles[1] < min(cycles[2:])
    assert cycles[2] != cycles[3]


def test_counters(engine):
    engine, most = engine
    network = random_network(1, most, connectivity=0.5)
    engine.load(compile_network(network, engine.shape))
    before, cycles = engine.counters(), engine.cycles
    got, inference = check(engine, network, random_times(1, network, 10), early_exit=False)
    gained = {name: value - before[name] for name, value in engine.counters().items()}
    assert gained["spikes"] == inference.spikes.sum()
    assert gained["synaptic_operations"] == inference.synaptic_operations.sum() > 0
    assert gained["stall_cycles"] < gained["busy_cycles"] <= engine.cycles - cycles
    assert got.cycles.max() <= gained["busy_cycles"]


@pytest.mark.parametrize("early_exit", [False, True])
def test_the_same_cycles_as_in_amaranths_simulator(engine, early_exit):
    """The translation to C++ does not change the timing."""
    engine, most = engine
    network = random_network(2, most, connectivity=0.5)
    contents = compile_network(network, engine.shape)
    engine.load(contents)
    times = random_times(2, network, 6)
    got, _inference = check(engine, network, times, early_exit=early_exit)
    bench = Bench(engine.shape, contents)

    async def drive(ctx):
        # After a reset the lanes sweep, a neuron a cycle, and the end of that reaches all parts some cycles later. The native
        # engine has done so while it was loaded.
        await ctx.tick().repeat(most[1] + 4)
        wanted, _inference = await bench.infer(ctx, contents, times, early_exit=early_exit)
        assert got.cycles.tolist() == wanted.cycles.tolist()

    bench.simulate(drive)


def test_contents_of_another_shape(engine):
    engine, _most = engine
    network = random_network(0, (4, 6, 3))
    with pytest.raises(ValueError, match="The contents are made for an engine of another shape"):
        engine.load(compile_network(network, plan(network, 1)))


def test_two_engines_share_no_state(cache):
    """Two engines of one library can hold two networks."""
    shape, most = SHAPES["two layers"]
    engines = [NativeEngine(shape, cache=cache) for _ in range(2)]
    networks = [random_network(seed, most, connectivity=0.7) for seed in range(2)]
    for engine, network in zip(engines, networks, strict=True):
        engine.load(compile_network(network, shape))
    times = random_times(0, networks[0], 5)
    for engine, network in zip(engines, networks, strict=True):
        check(engine, network, times, early_exit=True)
    assert not np.array_equal(*(engine.run(times, early_exit=False).potentials for engine in engines))
    for engine in engines:
        engine.close()
        engine.close()  # harmless


def test_an_engine_that_is_dropped_is_freed(cache):
    engine = NativeEngine(SHAPES["two layers"][0], cache=cache)
    free = engine._simulator._finalizer
    del engine
    gc.collect()
    assert not free.alive


def test_a_closed_engine_raises(cache):
    shape, most = SHAPES["two layers"]
    network, engine = random_network(0, most), NativeEngine(shape, cache=cache)
    engine.load(compile_network(network, shape))
    engine.close()
    for use in (engine.counters, lambda: engine.cycles, lambda: engine.run(random_times(0, network, 1), early_exit=True)):
        with pytest.raises(DeviceError, match="the simulated engine is closed; open it again"):
            use()


def test_an_engine_without_a_network_raises(cache):
    shape, most = SHAPES["two layers"]
    engine = NativeEngine(shape, cache=cache)
    with pytest.raises(DeviceError, match="the simulated engine holds no network; load one first"):
        engine.run(random_times(0, random_network(0, most), 1), early_exit=True)
    engine.close()
