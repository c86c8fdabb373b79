"""The cycle model against the RTL: every image's cycles, every counter."""

import random
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from firstspike_hw.benchmark import compare
from firstspike_hw.chain.engine import COUNTERS, Engine
from firstspike_hw.cycles import interval, latency, utilisation
from firstspike_hw.cycles import replay as replayed
from firstspike_hw.simulation import NativeEngine
from firstspike_sim.stimulus.networks import shape_for
from firstspike_spec import infer_spikes, load_network
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.plan import plan
from firstspike_spec.compiler.tokens import input_tokens
from firstspike_spec.inference.results import Results, compare_results

from ...levels import each_choice
from ...spec.random_networks import random_map_network, random_network, random_times
from ..bench import simulate
from ..models import random_contents, roomy

NETWORKS = Path(__file__).parents[3] / "networks"

#: Cycles in which all that the counters still have to count has come to them.
SETTLING = 40

SIZES = {"no hidden layer": (20, 6), "one hidden layer": (16, 14, 5), "two hidden layers": (40, 30, 9, 4)}
SHAPES = {
    "no hidden layer": roomy(SIZES["no hidden layer"], (), spikes_per_token=2),
    "one hidden layer": roomy(SIZES["one hidden layer"], (5,), spikes_per_token=1, queue_depth=16),
    "two hidden layers": roomy(SIZES["two hidden layers"], (4, 1), spikes_per_token=2, bank_lanes=1),
}


def settled(engine):
    """Return a native engine's counters, after some idle cycles."""
    for _ in range(SETTLING):
        counters = engine.counters()
    return counters


def check(engine, image, times, *, stream_images, early_exit):
    """Compare all that a loaded engine tells of streams of images with the model; return the replay, and how many values."""
    replay, compared = replayed(image, times, stream_images=stream_images, early_exit=early_exit), 0
    for number, first in enumerate(range(0, len(times), stream_images)):
        before, since = settled(engine), engine.cycles
        results = engine.run(times[first : first + stream_images], early_exit=early_exit)
        # The harness looks at the idle engine in one cycle, and not in that of a decision.
        cycles = engine.cycles - since - 1
        after = settled(engine)
        images = len(results.cycles)
        np.testing.assert_array_equal(replay.cycles[number, :images], results.cycles, f"stream {number}")
        assert (replay.cycles[number, images:] == -1).all()
        np.testing.assert_array_equal(replay.decisions[number, :images], engine.decision_cycles - since, f"stream {number}")
        got = {name: after[name] - before[name] for name in COUNTERS.members} | {"cycles": cycles}
        wanted = {name: getattr(replay, name)[number] for name in COUNTERS.members}
        wanted["cycles"] = max(replay.total_cycles[number], replay.decisions[number].max() + 1)
        assert got == wanted, f"stream {number}"
        compared += 2 * images + len(got)
    return replay, compared


@pytest.mark.parametrize("name", SHAPES)
def test_equals_the_rtl(name):
    """Networks of all kinds in engines that are larger than most of them."""
    shape, most = SHAPES[name], SIZES[name]
    engine = NativeEngine(shape)
    compared, stalls, early = 0, 0, 0
    for seed in range(20):
        rng = random.Random(f"{name} {seed}")
        network = random_network(
            seed,
            [rng.choice([size, rng.randrange(1, size + 1)]) for size in most],
            time_steps=rng.choice([2, 3, 4, 8, 32]),
            bits=rng.randrange(1, 9),
            connectivity=rng.choice([0.0, 0.2, 0.6, 1.0]),
            threshold=rng.choice([None, None, 1]),
            spread=rng.randrange(2),
            extreme=rng.random() < 0.3,
        )
        image = compile_network(network, shape)
        engine.load(image)
        for early_exit in (True, False):
            times = random_times(rng.randrange(1 << 30), network, 12, silent=rng.choice([0, 0.3, 0.8]))
            replay, values = check(engine, image, times, stream_images=rng.choice([1, 4, 6]), early_exit=early_exit)
            compared += values
            stalls += (replay.stall_cycles > 0).sum()
            golden = infer_spikes(network, times, early_exit=False)
            early += early_exit and (golden.decision_steps < network.time_steps - 1).sum()
    engine.close()
    assert compared > 1000
    assert stalls > 10
    assert early > 10


@pytest.mark.parametrize(("width", "hidden_behind"), each_choice([1, 2], [True, False]))
def test_equals_the_rtl_on_maps(width, hidden_behind):
    """Networks of the same maps in one engine, all their spikes too; address tables in hidden layers, or in the output."""
    choices = each_choice([0.1, 0.5, 1.0], [1, 6, None])
    options = [{"connectivity": share, "threshold": threshold} for share, threshold in choices]
    networks = [random_map_network(seed, spread=seed % 2, bits=3 + seed % 3, **some) for seed, some in enumerate(options)]
    if not hidden_behind:
        networks = [replace(network, layers=network.layers[:-1], class_names=()) for network in networks]
    shape = shape_for(networks, [2, 3, 2][: len(networks[0].layers) - 1], spikes_per_token=width)
    assert (shape.output.address_table is None) == hidden_behind
    engine, compared = NativeEngine(shape), 0
    for seed, network in enumerate(networks):
        image = compile_network(network, shape)
        engine.load(image)
        for early_exit in (True, False):
            times = random_times(seed, network, 12, silent=0.3)
            compared += check(engine, image, times, stream_images=4, early_exit=early_exit)[1]
            golden, results = infer_spikes(network, times, early_exit=early_exit), engine.run(times, early_exit=early_exit)
            expected = Results.from_inference(golden, early_exit=early_exit)
            comparison = compare_results(expected, results)
            comparison.check()
            compared += comparison.compared_values
    engine.close()
    assert compared > 10_000


def test_equals_the_rtl_on_real_digits(mnist_test):
    network = load_network(NETWORKS / "mnist-mlp-2.safetensors")
    shape = plan(network, 8)
    image = compile_network(network, shape)
    engine = NativeEngine(shape)
    engine.load(image)
    times = network.spike_times(mnist_test.images[:300])
    compared = 0
    for count, stream_images, early_exit in ((300, 20, True), (300, 20, False), (50, 1, True)):
        compared += check(engine, image, times[:count], stream_images=stream_images, early_exit=early_exit)[1]
    engine.close()
    assert compared > 650


def test_streams_in_parts(monkeypatch):
    """Where not all streams fit into memory at once, the replay is the same, also with a shorter last stream."""
    image = random_contents(3, (20, 14, 3), 2, spikes_per_token=2)
    times = random_times(1, image.network, 23)
    at_once = replayed(image, times, stream_images=4, early_exit=True)
    monkeypatch.setattr(import_module("firstspike_hw.cycles.replay"), "STREAMS_BYTES", 1)
    in_parts = replayed(image, times, stream_images=4, early_exit=True)
    for name, values in vars(at_once).items():
        np.testing.assert_array_equal(getattr(in_parts, name), values, name)


def test_after_a_reset():
    """The first image waits until the lanes have swept."""
    image = random_contents(3, (6, 7, 3), 2, spikes_per_token=1)
    times = random_times(1, image.network, 5)
    dut, words = Engine(image.shape, image), []
    fields = image.shape.input_word.unpack(input_tokens(image.shape, times, image.network.time_steps))
    tokens = [dict(zip(fields, values, strict=True)) for values in zip(*map(np.ndarray.tolist, fields.values()), strict=True)]

    async def drive(ctx):
        at, busy = 0, True
        ctx.set(dut.o.ready, 1)
        while busy or at < len(tokens):
            ctx.set(dut.i.valid, at < len(tokens))
            if at < len(tokens):
                ctx.set(dut.i.payload, tokens[at])
            *_, ready, valid, word, busy = await ctx.tick().sample(dut.i.ready, dut.o.valid, dut.o.payload, dut.busy)
            at += ready and at < len(tokens)
            if valid and word.decision:
                words.append(int(word.value))

    simulate(dut, drive)
    after = replayed(image, times, stream_images=len(times), early_exit=False, after_reset=True)
    assert words == after.cycles[0].tolist()
    idle = replayed(image, times, stream_images=len(times), early_exit=False)
    assert after.cycles[0, 0] > idle.cycles[0, 0]


def test_streams_do_not_touch_each_other():
    image = random_contents(5, (12, 9, 4), 3, spikes_per_token=2, time_steps=8)
    times = random_times(2, image.network, 11)
    together = replayed(image, times, stream_images=4, early_exit=True)
    assert together.cycles.shape == (3, 4)
    for number in range(3):
        mine = times[4 * number : 4 * number + 4]
        single = replayed(image, mine, stream_images=len(mine), early_exit=True)
        np.testing.assert_array_equal(together.cycles[number, : len(mine)], single.cycles[0])
        for name in ("total_cycles", "stall_cycles", "spikes", "synaptic_operations"):
            assert getattr(together, name)[number] == getattr(single, name)[0]
    assert together.cycles[2, 3] == together.starts[2, 3] == together.decisions[2, 3] == -1


def test_without_images():
    image = random_contents(5, (4, 3, 2))
    replay = replayed(image, random_times(0, image.network, 0), stream_images=4, early_exit=True)
    assert replay.cycles.size == replay.total_cycles.size == 0


def test_summary():
    image = random_contents(7, (30, 24, 4), 4, spikes_per_token=1, connectivity=0.8)
    times = random_times(3, image.network, 20, silent=0)
    stream = replayed(image, times, stream_images=20, early_exit=False)
    assert latency(stream).mean == pytest.approx(stream.cycles.mean())
    assert latency(stream).median <= latency(stream).high <= stream.cycles.max()
    assert interval(stream).mean == pytest.approx((stream.decisions[0, -1] - stream.decisions[0, 0]) / 19)
    # Each lane adds a weight a cycle at most, and there is much to add.
    (share,) = utilisation(stream)
    assert 0.6 < share < 1
    assert share == stream.operations.sum() / (stream.work_cycles.sum() * image.shape.layers[0].lanes)
    with pytest.raises(ValueError, match="streams of one image"):
        interval(replayed(image, times, stream_images=1, early_exit=False))


def test_utilisation_of_a_layer_that_never_works():
    network = random_network(0, (4, 3, 2), connectivity=0.0)
    hidden = network.layers[0]
    silent = replace(hidden, initial_potentials=np.full(hidden.targets, -1))
    image = compile_network(replace(network, layers=(silent, network.layers[1])), plan(network, 2))
    replay = replayed(image, random_times(0, network, 3), stream_images=3, early_exit=False)
    assert utilisation(replay) == (0.0,)


def test_comparison_of_designs():
    network = random_network(11, (40, 32, 5), connectivity=0.3)
    times = random_times(4, network, 60)
    one, wide, two, *several = compare.designs(network, times, 8)
    assert two.latency.mean < one.latency.mean
    assert one.kilobits == two.kilobits < several[0].kilobits < several[1].kilobits
    assert two.latency.mean < several[0].latency.mean < several[1].latency.mean
    # In lock step no lane is ahead of another.
    golden = infer_spikes(network, times, early_exit=True)
    fewest = (golden.spike_times[0] < network.time_steps).sum(axis=1).mean() + network.time_steps + 1
    assert wide.interval >= fewest
    assert 0 < wide.utilisation < 1
