"""The engine against the golden model, through its ports."""

import gc
import random

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Module

from firstspike_hw.engine import COUNTERS, Engine
from firstspike_spec import infer_spikes
from firstspike_spec.compiler import compile_network, plan
from firstspike_spec.engine import EngineShape, LayerShape
from firstspike_spec.results import Results, compare_results, with_hidden_spikes
from firstspike_spec.streams import input_tokens, input_word, read_results, spike_times_of_tokens
from firstspike_spec.words import LOAD_WORD, RESULT_WORD, Memory

from ..spec.random_networks import random_network, random_times
from .bench import STALLS, get, load_word, put, sender, simulate, stall, watch
from .models import words_in


def fields_of(word, words):
    values = word.unpack(words)
    return list(zip(*(values[field.name].tolist() for field in word.fields), strict=True))


class Bench:
    """An engine with everything that it takes and gives; ``infer`` is a part of a testbench."""

    def __init__(self, shape, image=None):
        self.dut, self.shape = Engine(shape, image), shape
        self.taken, self.given = [], []
        self.taps = [[] for _ in shape.layers]
        self.background = [
            watch(self.dut.i, self.taken),
            watch(self.dut.o, self.given),
            *(watch(getattr(self.dut, f"tap_{index}"), tap) for index, tap in enumerate(self.taps)),
        ]

    def simulate(self, *testbenches):
        simulate(self.dut, *testbenches, background=self.background, limit=100_000)

    async def infer(self, ctx, image, times, *, early_exit, stalls=(0, 0)):
        """Run a batch and compare all of it with the golden model; return its reports' words and the golden inference."""
        dut, network = self.dut, image.network
        tokens = fields_of(input_word(self.shape), input_tokens(self.shape, times, network.time_steps))
        marks = [len(tap) for tap in self.taps]
        ctx.set(dut.early_exit, early_exit)
        rng = random.Random(f"engine {stalls}")
        words, decisions, at, offered = [], 0, 0, False
        # Both ends in one loop: the engine cannot say how many words come.
        while decisions < len(times):
            if not offered and at < len(tokens) and rng.random() >= stalls[0]:
                ctx.set(dut.i.payload, dict(zip(("address", "end"), tokens[at], strict=True)))
                offered = True
            ctx.set(dut.i.valid, offered)
            ready = rng.random() >= stalls[1]
            ctx.set(dut.o.ready, ready)
            *_, taken, valid, word = await ctx.tick().sample(dut.i.ready, dut.o.valid, dut.o.payload)
            if offered and taken:
                at, offered = at + 1, False
            if ready and valid:
                values = {field.name: int(getattr(word, field.name)) for field in RESULT_WORD.fields}
                words.append(int(RESULT_WORD.pack(**values)))
                decisions += values["decision"]
        ctx.set(dut.o.ready, 1)
        # With early exit the last inference is decided before all of its tokens have come.
        for token in tokens[at:]:
            await put(ctx, dut.i, dict(zip(("address", "end"), token, strict=True)))
        ctx.set(dut.i.valid, 0)
        while ctx.get(dut.busy):
            await ctx.tick()
        ctx.set(dut.o.ready, 0)
        await ctx.tick().repeat(2)

        inference = infer_spikes(network, times, early_exit=early_exit)
        spikes = []
        for index, (tap, mark) in enumerate(zip(self.taps, marks, strict=True)):
            addresses = image.addresses[index - 1] if index else np.arange(network.inputs)
            address, end, last = np.array([item for _cycle, item in tap[mark:]]).T
            assert last.sum() == len(times)
            steps = {"batch": len(times), "time_steps": network.time_steps}
            spikes.append(spike_times_of_tokens(address, end, addresses=addresses, **steps))
        got = with_hidden_spikes(
            read_results(image, np.array(words, np.uint64), batch=len(times)),
            tuple(spikes),
            early_exit=early_exit,
            time_steps=network.time_steps,
        )
        comparison = compare_results(Results.from_inference(inference, early_exit=early_exit), got)
        comparison.check()
        assert comparison.compared_values >= len(times) * (2 * network.outputs + 2 + network.inputs)
        return got, inference

    def counters(self, ctx):
        value = ctx.get(self.dut.counters)
        return {name: int(getattr(value, name)) for name in COUNTERS.members}


CASES = [((5, 3), 1, 3), ((6, 4), 2, 2), ((7, 6, 4), 1, 4), ((9, 7, 3), 2, 3), ((6, 8, 5), 3, 5), ((5, 6, 5, 3), [3, 2, 1], 3)]


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize(("sizes", "lanes", "time_steps"), CASES)
def test_equals_the_golden_model(sizes, lanes, time_steps, stalls):
    """Classes, latencies, potentials, decision steps and hidden spikes; early exit off, on, and off again."""
    network = random_network(len(sizes), sizes, time_steps=time_steps, connectivity=0.6)
    image = compile_network(network, plan(network, lanes, queue_depth=2))
    bench = Bench(image.shape, image)

    async def drive(ctx):
        for seed, early_exit in enumerate((False, True, False)):
            times = random_times(seed, network, 5, silent=[0.2, 0.5, 0.9][seed])
            await bench.infer(ctx, image, times, early_exit=early_exit, stalls=stalls)

    bench.simulate(drive)


@pytest.mark.parametrize("seed", range(12))
def test_networks_of_all_kinds(seed):
    """Silent and busy ones, extreme weights, ties, and neurons that fire by themselves."""
    rng = random.Random(seed)
    sizes = [rng.randrange(1, 8) for _ in range(rng.choice([2, 3]))]
    network = random_network(
        seed,
        sizes,
        time_steps=rng.randrange(2, 6),
        bits=rng.randrange(1, 9),
        connectivity=rng.choice([0.0, 0.3, 1.0]),
        spread=rng.randrange(2),
        extreme=rng.random() < 0.5,
    )
    image = compile_network(network, plan(network, rng.randrange(1, 4)))
    bench = Bench(image.shape, image)

    async def drive(ctx):
        for early_exit in (True, False):
            await bench.infer(ctx, image, random_times(seed, network, 4), early_exit=early_exit, stalls=(0.1, 0.2))

    bench.simulate(drive)


def test_counters_and_cycles():
    """Early exit off: all spikes and operations are counted. A decision's cycles run from the image's first token."""
    network = random_network(1, (8, 6, 4), time_steps=4, connectivity=0.5)
    image = compile_network(network, plan(network, 2))
    bench = Bench(image.shape, image)

    async def drive(ctx):
        assert set(bench.counters(ctx).values()) == {0}
        times = random_times(1, network, 6)
        got, inference = await bench.infer(ctx, image, times, early_exit=False)
        counters = bench.counters(ctx)
        assert counters["spikes"] == inference.spikes.sum()
        assert counters["synaptic_operations"] == inference.synaptic_operations.sum() > 0
        assert 0 < counters["stall_cycles"] < counters["busy_cycles"]
        await ctx.tick().repeat(20)
        assert bench.counters(ctx) == counters

        firsts, ends = [], 0
        for cycle, (_address, end) in bench.taken:
            if len(firsts) == ends // network.time_steps:
                firsts.append(cycle)
            ends += end
        decisions = [cycle for cycle, word in bench.given if word[-1]]
        assert got.cycles.tolist() == [decision - first for decision, first in zip(decisions, firsts, strict=True)]
        # Inferences follow directly: an image enters before the one before it is decided.
        assert any(first < decision for first, decision in zip(firsts[1:], decisions[:-1], strict=True))

    bench.simulate(drive)


@pytest.mark.parametrize("stalls", [0, 0.5])
def test_networks_from_the_load_port(stalls):
    """An engine without contents is loaded; then a smaller network with another T; then the first one again."""
    large = random_network(2, (9, 7, 5), time_steps=4, connectivity=0.7)
    small = random_network(3, (6, 5, 3), time_steps=2, connectivity=0.5)
    layers, source_bits = [], 4
    for _ in range(2):
        layers.append(LayerShape(source_bits, 2, 4, 64, 5, 16))
        source_bits = layers[-1].address_bits
    shape = EngineShape(tuple(layers), 2)
    bench = Bench(shape)

    async def drive(ctx):
        for number, network in enumerate((large, small, large)):
            image = compile_network(network, shape)
            await sender(bench.dut.load, fields_of(LOAD_WORD, image.load_words()), stalls=stalls)(ctx)
            for early_exit in (True, False):
                times = random_times(number, network, 3)
                await bench.infer(ctx, image, times, early_exit=early_exit, stalls=(stalls, stalls))

    bench.simulate(drive)


@pytest.mark.parametrize("stalls", [0, 0.5])
def test_all_memories_can_be_read_back(stalls):
    """In order, `peek_latency` cycles after each word's transfer, which waits for the inference under way."""
    network = random_network(3, (9, 7, 5), time_steps=3, connectivity=0.7)
    image = compile_network(network, plan(network, [3, 2], queue_depth=2))
    bench, words, asked, got = Bench(image.shape), words_in(image), [], []
    dut, nowhere = bench.dut, [load_word(0, 0, 0, layer=2), load_word(1, 0, 0, lane=3), load_word(Memory.TIME_STEPS, 0, 0)]

    async def drive(ctx):
        await sender(dut.load, fields_of(LOAD_WORD, image.load_words()), stalls=stalls)(ctx)
        await ctx.tick()  # a word that is read right behind the last one written is not yet the new one
        for seed in range(2):
            await put(ctx, dut.i, {"address": 0, "end": 0})
            asked.clear()
            got.clear()
            first, *others = [place for place, _ in words] + nowhere
            first = dict(zip((field.name for field in LOAD_WORD.fields), first, strict=True))
            ctx.set(dut.peek, 1)
            ctx.set(dut.load.payload, first)
            ctx.set(dut.load.valid, 1)
            await ctx.tick().repeat(20)
            assert asked == []
            for _ in range(network.time_steps):
                await put(ctx, dut.i, {"address": 0, "end": 1})
            ctx.set(dut.o.ready, 1)
            await put(ctx, dut.load, first)
            await sender(dut.load, others, stalls=stalls, seed=seed)(ctx)
            ctx.set(dut.peek, 0)
            ctx.set(dut.o.ready, 0)
            await ctx.tick().repeat(dut.peek_latency + 1)
            assert [word for _cycle, word in got] == [word for _, word in words] + [0] * len(nowhere)
            assert [cycle for cycle, _ in got] == [cycle + dut.peek_latency for cycle, _ in asked]
            # Nothing has been written meanwhile.
            await bench.infer(ctx, image, random_times(seed, network, 2), early_exit=False)

    bench.background += [watch(dut.load, asked), watch(dut.peeked, got)]
    bench.simulate(drive)
    assert Engine.peek_latency == 4


@pytest.mark.parametrize("spikes", [1, 4, 9])
def test_a_reset_ends_the_inference_and_keeps_the_network(spikes):
    """Also what is a register and not a memory: T, and which neurons start above their threshold."""
    network = random_network(4, (9, 7, 5), time_steps=4, connectivity=0.7, threshold=2)
    shape = plan(network, 2)
    image = compile_network(network, shape)
    starts = [lane.start_potentials for lanes in image.lanes for lane in lanes]
    assert any((start >= 0).any() for start in starts)
    bench, domain, top = Bench(shape), ClockDomain("sync"), Module()
    top.domains.sync = domain
    top.submodules.engine = bench.dut

    async def drive(ctx):
        await sender(bench.dut.load, fields_of(LOAD_WORD, image.load_words()))(ctx)
        await bench.infer(ctx, image, random_times(0, network, 2), early_exit=False)
        for cut in range(4):
            await sender(bench.dut.i, [(address, 0) for address in range(spikes)] + [(0, 1)] * (cut % 2))(ctx)
            await ctx.tick().repeat(5 * cut + 1)
            ctx.set(domain.rst, 1)
            await ctx.tick()
            ctx.set(domain.rst, 0)
            assert not ctx.get(bench.dut.busy)
            await bench.infer(ctx, image, random_times(cut, network, 3), early_exit=False)

    simulate(top, drive, background=bench.background, limit=100_000)


def test_a_load_waits_for_the_inference_and_the_next_inference_for_the_load():
    network = random_network(4, (4, 3), time_steps=3, connectivity=1.0)
    other = random_network(5, (4, 3), time_steps=3, connectivity=1.0)
    layer = LayerShape(2, 2, 2, 8, 4, 12)
    shape = EngineShape((layer,))
    first, second = compile_network(network, shape), compile_network(other, shape)
    bench = Bench(shape, first)
    dut = bench.dut
    times = random_times(4, network, 2, silent=0.0)
    tokens = fields_of(input_word(shape), input_tokens(shape, times, 3))
    loaded, busy_loads, words = [], [], []

    async def watch_load(ctx):
        while True:
            *_, valid, ready, busy = await ctx.tick().sample(dut.load.valid, dut.load.ready, dut.busy)
            if valid and ready:
                loaded.append(len(bench.taken))
                busy_loads.append(busy)

    async def feed(ctx):
        for token in tokens:
            await put(ctx, dut.i, dict(zip(("address", "end"), token, strict=True)))

    async def load(ctx):
        await ctx.tick().until(dut.i.valid & dut.i.ready)
        await sender(dut.load, fields_of(LOAD_WORD, second.load_words()))(ctx)

    async def take(ctx):
        rng = random.Random(0)
        while sum(word[-1] for word in words) < 2:
            await stall(ctx, rng, 0.5)
            words.append(await get(ctx, dut.o))

    bench.background.append(watch_load)
    bench.simulate(feed, load, take)
    assert len(loaded) == len(second.load_words())
    assert not any(busy_loads)
    # Every word came between the last token of the first inference and the first token of the second.
    ends = np.cumsum([end for _address, end in tokens])
    assert set(loaded) == {int(np.argmax(ends == 3)) + 1}
    packed = np.array(
        [int(RESULT_WORD.pack(**dict(zip((f.name for f in RESULT_WORD.fields), word, strict=True)))) for word in words]
    )
    split = int(np.argmax(packed >> 57)) + 1
    for image, part, row in ((first, packed[:split], times[:1]), (second, packed[split:], times[1:])):
        got = read_results(image, part.astype(np.uint64), batch=1)
        compare_results(
            Results.from_inference(infer_spikes(image.network, row, early_exit=False), early_exit=False), got
        ).check()


def test_early_exit_takes_fewer_cycles_and_drops_spikes():
    network = random_network(6, (30, 4), time_steps=8, connectivity=1.0, threshold=6, spread=0)
    image = compile_network(network, plan(network, 1))
    bench = Bench(image.shape, image)

    async def drive(ctx):
        times = random_times(6, network, 4, silent=0.0)
        cycles, spikes = [], []
        for early_exit in (False, True):
            before = bench.counters(ctx)
            got, _inference = await bench.infer(ctx, image, times, early_exit=early_exit)
            after = bench.counters(ctx)
            cycles.append(after["busy_cycles"] - before["busy_cycles"])
            spikes.append(after["spikes"] - before["spikes"])
        assert (got.decision_steps < 7).any()
        assert cycles[1] < cycles[0]
        assert spikes[1] < spikes[0]

    bench.simulate(drive)


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
def test_an_image_of_another_shape():
    network = random_network(0, (4, 3))
    image = compile_network(network, plan(network, 1))
    with pytest.raises(ValueError, match="The image is made for an engine of another shape"):
        Engine(plan(network, 2), image)
    gc.collect()  # now, and not in another test: Amaranth warns of what was made and never used


def test_one_layer_shape_object_may_stand_for_several_layers():
    """Only the last layer reports potentials, also where all layers have the very same shape."""
    layer = LayerShape(source_bits=2, lanes=2, lane_neurons=2, lane_entries=16, weight_bits=4, potential_bits=12)
    shape = EngineShape((layer, layer))
    image = compile_network(random_network(0, (4, 4, 3)), shape)
    bench = Bench(shape, image)

    async def drive(ctx):
        await bench.infer(ctx, image, random_times(0, image.network, 3), early_exit=False)

    bench.simulate(drive)
