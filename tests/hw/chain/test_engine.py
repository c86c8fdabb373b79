"""The engine against the golden model, through its ports."""

import gc
import random
from dataclasses import replace

import numpy as np
import pytest

from firstspike_hw.chain.engine import COUNTERS, Engine
from firstspike_hw.lane.lane import Lane
from firstspike_hw.lane.parameters import LayerParameters
from firstspike_hw.layer import layer as layer_module
from firstspike_hw.memory.style import GENERIC_MEMORY
from firstspike_hw.memory.sum_memory import shares_words
from firstspike_spec import Layer, infer_spikes
from firstspike_spec.common.words import LOAD_WORD, RESULT_WORD, Memory
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.plan import plan
from firstspike_spec.compiler.shapes import LayerShape, OutputShape
from firstspike_spec.compiler.tokens import input_tokens, spike_times_of_tokens, token_ports
from firstspike_spec.inference.results import Results, compare_results, with_hidden_spikes
from firstspike_spec.protocol.result_words import read_results

from ...spec.random_networks import random_network, random_times
from ..bench import get, load_word, put, sender, simulate, stall, watch, with_reset
from ..models import roomy, words_in


def fields_of(word, words):
    values = word.unpack(words)
    return list(zip(*(values[field.name].tolist() for field in word.fields), strict=True))


def named(word, fields):
    return dict(zip((field.name for field in word.fields), fields, strict=True))


def load_fields(contents):
    """Return the words that load a network, ready for a `sender`."""
    return fields_of(LOAD_WORD, contents.load_words())


def quiet(shape, *, end=0):
    """Return a token without spikes, ready for `put`."""
    return named(shape.input_word, [0] * (len(shape.input_word.fields) - 1) + [end])


def one_spike(shape, address):
    """Return a token with one spike, ready for `put`."""
    return {**quiet(shape), "address_0": address, "valid_0": 1}


class Bench:
    """An engine with everything that it takes and gives; ``infer`` is a part of a testbench."""

    def __init__(self, shape, contents=None, *, style=GENERIC_MEMORY, rule=True):
        self.dut, self.shape = Engine(shape, contents, memory_style=style), shape
        self.taken, self.given = [], []
        self.probes = [[] for _ in (*shape.layers, shape.output)]
        self.background = [
            watch(self.dut.i, self.taken, rule=rule),
            watch(self.dut.o, self.given, rule=rule),
            *(watch(getattr(self.dut, f"probe_{index}"), probe) for index, probe in enumerate(self.probes)),
        ]

    def simulate(self, *testbenches, top=None):
        simulate(top or self.dut, *testbenches, background=self.background, hostile=True, limit=100_000)

    async def infer(self, ctx, contents, times, *, early_exit, stalls=(0, 0)):
        """Run a batch and compare all of it with the golden model; return its results and the golden inference."""
        dut, network, word = self.dut, contents.network, self.shape.input_word
        tokens = fields_of(word, input_tokens(self.shape, times, network.time_steps))
        marks = [len(probe) for probe in self.probes]
        ctx.set(dut.early_exit, early_exit)
        rng = random.Random(f"engine {stalls}")
        words, decisions, at, offered = [], 0, 0, False
        # Both ends in one loop: the engine cannot say how many words come.
        while decisions < len(times):
            if not offered and at < len(tokens) and rng.random() >= stalls[0]:
                ctx.set(dut.i.payload, named(word, tokens[at]))
                offered = True
            ctx.set(dut.i.valid, offered)
            ready = rng.random() >= stalls[1]
            ctx.set(dut.o.ready, ready)
            *_, taken, valid, result = await ctx.tick().sample(dut.i.ready, dut.o.valid, dut.o.payload)
            if offered and taken:
                at, offered = at + 1, False
            if ready and valid:
                values = {field.name: int(getattr(result, field.name)) for field in RESULT_WORD.fields}
                words.append(int(RESULT_WORD.pack(**values)))
                decisions += values["decision"]
        ctx.set(dut.o.ready, 1)
        # With early exit the last inference is decided before all of its tokens have come.
        for token in tokens[at:]:
            await put(ctx, dut.i, named(word, token))
        ctx.set(dut.i.valid, 0)
        while ctx.get(dut.busy):
            await ctx.tick()
        ctx.set(dut.o.ready, 0)
        await ctx.tick().repeat(12)  # the counters are some cycles late

        inference = infer_spikes(network, times, early_exit=early_exit)
        got = with_hidden_spikes(
            read_results(contents, np.array(words, np.uint64), batch=len(times), early_exit=early_exit),
            tuple(self._spike_times(contents, marks, len(times))),
            early_exit=early_exit,
            time_steps=network.time_steps,
        )
        comparison = compare_results(Results.from_inference(inference, early_exit=early_exit), got)
        comparison.check()
        assert comparison.compared_values >= len(times) * (2 * network.outputs + 2 + network.inputs)
        return got, inference

    def _spike_times(self, contents, marks, batch):
        """Yield the spike times that each probe has shown since it had the given number of tokens."""
        network = contents.network
        for index, (probe, mark) in enumerate(zip(self.probes, marks, strict=True)):
            names = getattr(self.dut, f"probe_{index}").payload.shape().members
            fields = dict(zip(names, np.array([item for _cycle, item in probe[mark:]]).T, strict=True))
            assert fields["last"].sum() == batch
            yield spike_times_of_tokens(
                *token_ports(fields),
                fields["end"],
                addresses=contents.addresses[index - 1] if index else np.arange(network.inputs),
                batch=batch,
                time_steps=network.time_steps,
            )

    def counters(self, ctx):
        value = ctx.get(self.dut.counters)
        return {name: int(getattr(value, name)) for name in COUNTERS.members}


#: Sizes, lanes, lanes of a bank, spikes of a token, T, banks of a lane group.
CASES = [
    ((5, 3), [], None, 1, 3, 4),
    ((6, 4), [], None, 2, 2, 4),
    ((7, 6, 4), 1, 1, 1, 4, 4),
    ((7, 9, 4), 2, 2, 2, 4, 4),
    ((6, 11, 5), 5, 1, 2, 5, 2),
    ((9, 7, 6, 3), [2, 3], None, 2, 3, 1),
    ((5, 6, 5, 4, 3), [3, 2, 1], None, 1, 3, 4),
]


@pytest.mark.parametrize("stalls", [(0, 0), (0.5, 0.5)])
@pytest.mark.parametrize(("sizes", "lanes", "bank_lanes", "spikes_per_token", "time_steps", "group_banks"), CASES)
def test_equals_the_golden_model(sizes, lanes, bank_lanes, spikes_per_token, time_steps, group_banks, stalls, monkeypatch):
    """Classes, latencies, potentials, decision steps and hidden spikes; early exit off, on, and off again."""
    monkeypatch.setattr(layer_module, "GROUP_BANKS", group_banks)
    network = random_network(len(sizes), sizes, time_steps=time_steps, connectivity=0.6)
    shape = plan(network, lanes, spikes_per_token=spikes_per_token, bank_lanes=bank_lanes, queue_depth=8)
    contents = compile_network(network, shape)
    bench = Bench(shape, contents)

    async def drive(ctx):
        for seed, early_exit in enumerate((False, True, False)):
            times = random_times(seed, network, 4, silent=[0.2, 0.5, 0.9][seed])
            await bench.infer(ctx, contents, times, early_exit=early_exit, stalls=stalls)

    bench.simulate(drive)


@pytest.mark.parametrize("seed", range(12))
def test_networks_of_all_kinds(seed):
    """Silent and busy ones, extreme weights, ties, and neurons that fire by themselves."""
    rng = random.Random(seed)
    sizes = [rng.randrange(1, 8) for _ in range(rng.choice([2, 3, 3, 4]))]
    network = random_network(
        seed,
        sizes,
        time_steps=rng.randrange(2, 6),
        bits=rng.randrange(1, 9),
        connectivity=rng.choice([0.0, 0.3, 1.0]),
        spread=rng.randrange(2),
        extreme=rng.random() < 0.5,
    )
    shape = plan(network, rng.randrange(1, 4), spikes_per_token=rng.choice([1, 2]), queue_depth=rng.choice([8, 16]))
    contents = compile_network(network, shape)
    bench = Bench(shape, contents)

    async def drive(ctx):
        for early_exit in (True, False):
            await bench.infer(ctx, contents, random_times(seed, network, 4), early_exit=early_exit, stalls=(0.1, 0.2))

    bench.simulate(drive)


@pytest.mark.parametrize("share", [1, 0])
def test_outputs_that_never_spike(share):
    """The largest potential decides, then the lower index; without any weights they are all alike."""
    network = random_network(5, (6, 5, 4), connectivity=0.7, spread=0, threshold=2)
    *hidden, last = network.layers
    last = Layer.from_dense(last.dense() * share, [0] * 4, 1000, last.weight_bits)
    network = replace(network, layers=[*hidden, last])
    contents = compile_network(network, plan(network, 2))
    bench = Bench(contents.shape, contents)

    async def drive(ctx):
        for early_exit in (False, True):
            got, _ = await bench.infer(ctx, contents, random_times(1, network, 6, silent=0.6), early_exit=early_exit)
            assert (got.latencies == network.time_steps).all()
            assert (len(set(got.classes.tolist())) > 1) == share

    bench.simulate(drive)


def test_many_images_back_to_back():
    """Far more than the numbers of inferences that lanes and input gate know, without a pause."""
    network = random_network(3, (5, 9, 3), time_steps=2, connectivity=0.6)
    contents = compile_network(network, plan(network, 2, queue_depth=8))
    bench = Bench(contents.shape, contents)

    async def drive(ctx):
        for early_exit in (False, True):
            await bench.infer(ctx, contents, random_times(3, network, 40, silent=0.5), early_exit=early_exit)

    bench.simulate(drive)


@pytest.mark.parametrize("spikes_per_token", [1, 2])
def test_counters_and_cycles(spikes_per_token):
    """Early exit off: all spikes and operations are counted. A decision's cycles run from the image's first token."""
    network = random_network(1, (8, 6, 5, 4), time_steps=4, connectivity=0.5)
    contents = compile_network(network, plan(network, 2, spikes_per_token=spikes_per_token))
    bench = Bench(contents.shape, contents)

    async def drive(ctx):
        assert set(bench.counters(ctx).values()) == {0}
        times = random_times(1, network, 6)
        got, inference = await bench.infer(ctx, contents, times, early_exit=False)
        counters = bench.counters(ctx)
        assert counters["spikes"] == inference.spikes.sum()
        assert counters["synaptic_operations"] == inference.synaptic_operations.sum() > 0
        assert 0 < counters["stall_cycles"] < counters["busy_cycles"]
        await ctx.tick().repeat(20)
        assert bench.counters(ctx) == counters

        firsts, ends = [], 0
        for cycle, (*_, end) in bench.taken:
            if len(firsts) == ends // network.time_steps:
                firsts.append(cycle)
            ends += end
        decisions = [cycle for cycle, word in bench.given if word[-1]]
        assert got.cycles.tolist() == [decision - first for decision, first in zip(decisions, firsts, strict=True)]
        # Inferences follow directly: an image enters before the one before it is decided.
        assert any(first < decision for first, decision in zip(firsts[1:], decisions[:-1], strict=True))

    bench.simulate(drive)


@pytest.mark.parametrize("stalls", [0, 0.5])
@pytest.mark.parametrize(("spikes_per_token", "bank_lanes"), [(1, 1), (2, 2)])
def test_networks_from_the_load_port(spikes_per_token, bank_lanes, stalls):
    """An engine without contents is loaded; then a smaller network with another T; then the first one again."""
    large = random_network(2, (9, 7, 6, 5), time_steps=4, connectivity=0.7)
    small = random_network(3, (6, 5, 3, 2), time_steps=2, connectivity=0.5)
    shape = roomy((9, 7, 6, 5), (2, 2), spikes_per_token=spikes_per_token, bank_lanes=bank_lanes)
    bench = Bench(shape)

    async def drive(ctx):
        for number, network in enumerate((large, small, large)):
            contents = compile_network(network, shape)
            await sender(bench.dut.load, load_fields(contents), stalls=stalls)(ctx)
            for early_exit in (True, False):
                times = random_times(number, network, 3)
                await bench.infer(ctx, contents, times, early_exit=early_exit, stalls=(stalls, stalls))

    bench.simulate(drive)


def test_loading_waits_until_lanes_have_swept(late_block_rams):
    """After a reset they write all their sums, in words that may have initial potentials too."""
    network = random_network(5, (9, 150, 5), time_steps=4, connectivity=0.5)
    shape = plan(network, 1)
    contents = compile_network(network, shape)
    assert shares_words(LayerParameters.of(shape, 0).sum.size, shape.layers[0].potential_bits, 150)
    bench = Bench(shape, style=late_block_rams)
    taken = []

    async def drive(ctx):
        await sender(bench.dut.load, load_fields(contents))(ctx)
        await bench.infer(ctx, contents, random_times(0, network, 3), early_exit=False)

    bench.background.append(watch(bench.dut.load, taken))
    bench.simulate(drive)
    assert taken[0][0] > 150 + Lane.latency


@pytest.mark.parametrize("stalls", [0, 0.5])
def test_all_memories_can_be_read_back(stalls):
    """In order, `peek_latency` cycles after each word's transfer, which waits for the inference under way."""
    network = random_network(3, (9, 7, 6, 5), time_steps=3, connectivity=0.7)
    contents = compile_network(network, plan(network, [4, 3], queue_depth=8))
    bench, words, asked, got = Bench(contents.shape), words_in(contents), [], []
    dut = bench.dut
    nowhere = [load_word(0, 0, 0, layer=3), load_word(1, 0, 0, lane=7), load_word(Memory.TIME_STEPS, 0, 0)]
    nowhere.append(load_word(Memory.POINTERS, 0, 0, layer=2))

    async def drive(ctx):
        await sender(dut.load, load_fields(contents), stalls=stalls)(ctx)
        await ctx.tick()  # a word that is read right behind the last one written is not yet the new one
        for seed in range(2):
            await put(ctx, dut.i, one_spike(contents.shape, 0))
            asked.clear()
            got.clear()
            first, *others = [place for place, _ in words] + nowhere
            ctx.set(dut.peek, 1)
            ctx.set(dut.load.payload, named(LOAD_WORD, first))
            ctx.set(dut.load.valid, 1)
            await ctx.tick().repeat(20)
            assert asked == []
            for _ in range(network.time_steps):
                await put(ctx, dut.i, quiet(contents.shape, end=1))
            ctx.set(dut.o.ready, 1)
            await put(ctx, dut.load, named(LOAD_WORD, first))
            await sender(dut.load, others, stalls=stalls, seed=seed)(ctx)
            ctx.set(dut.peek, 0)
            ctx.set(dut.o.ready, 0)
            await ctx.tick().repeat(Engine.peek_latency(contents.shape) + 1)
            assert [word for _cycle, word in got] == [word for _, word in words] + [0] * len(nowhere)
            assert [cycle for cycle, _ in got] == [cycle + Engine.peek_latency(contents.shape) for cycle, _ in asked]
            # Nothing has been written meanwhile.
            await bench.infer(ctx, contents, random_times(seed, network, 2), early_exit=False)

    bench.background += [watch(dut.load, asked), watch(dut.peeked, got)]
    bench.simulate(drive)
    assert {place[4] for place, _ in words} == {0, 1, 2}


@pytest.mark.parametrize("spikes", [1, 4, 9])
def test_a_reset_ends_the_inference_and_keeps_the_network(spikes):
    """Also what is a register and not a memory, such as T; and what begins above its threshold does so again."""
    network = random_network(4, (9, 7, 6, 5), time_steps=4, connectivity=0.7, threshold=2)
    shape = plan(network, 2)
    contents = compile_network(network, shape)
    assert all(any((bank.initial_potentials >= 0).any() for bank in banks) for banks in contents.banks)
    bench = Bench(shape, rule=False)
    top, reset = with_reset(bench.dut)

    async def drive(ctx):
        await sender(bench.dut.load, load_fields(contents))(ctx)
        await bench.infer(ctx, contents, random_times(0, network, 2), early_exit=False)
        for cut in range(4):
            for address in range(spikes):
                await put(ctx, bench.dut.i, one_spike(shape, address))
            if cut % 2:
                await put(ctx, bench.dut.i, quiet(shape, end=1))
            await ctx.tick().repeat(5 * cut + 1)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)
            assert not ctx.get(bench.dut.busy)
            await ctx.tick()
            await bench.infer(ctx, contents, random_times(cut, network, 3), early_exit=False)

    bench.simulate(drive, top=top)


def test_a_load_waits_for_the_inference_and_the_next_inference_for_the_load():
    network = random_network(4, (4, 5, 3), time_steps=3, connectivity=1.0)
    other = random_network(5, (4, 5, 3), time_steps=3, connectivity=1.0)
    shape = roomy((4, 5, 3), (2,))
    first, second = compile_network(network, shape), compile_network(other, shape)
    bench = Bench(shape, first)
    dut = bench.dut
    times = random_times(4, network, 2, silent=0.0)
    tokens = fields_of(shape.input_word, input_tokens(shape, times, 3))
    loaded, busy_loads, words = [], [], []

    async def watch_load(ctx):
        while True:
            *_, valid, ready, busy = await ctx.tick().sample(dut.load.valid, dut.load.ready, dut.busy)
            if valid and ready:
                loaded.append(len(bench.taken))
                busy_loads.append(busy)

    async def feed(ctx):
        await sender(dut.i, tokens)(ctx)

    async def load(ctx):
        await ctx.tick().until(dut.i.valid & dut.i.ready)
        await sender(dut.load, load_fields(second))(ctx)

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
    ends = np.cumsum([token[-1] for token in tokens])
    assert set(loaded) == {int(np.argmax(ends == 3)) + 1}
    packed = np.array([int(RESULT_WORD.pack(**named(RESULT_WORD, word))) for word in words])
    split = int(np.argmax([word[-1] for word in words])) + 1
    for contents, part, row in ((first, packed[:split], times[:1]), (second, packed[split:], times[1:])):
        got = read_results(contents, part.astype(np.uint64), batch=1, early_exit=False)
        compare_results(
            Results.from_inference(infer_spikes(contents.network, row, early_exit=False), early_exit=False), got
        ).check()


def test_early_exit_takes_fewer_cycles_and_drops_spikes():
    network = random_network(6, (60, 12, 4), time_steps=8, connectivity=1.0, threshold=6, spread=0)
    contents = compile_network(network, plan(network, 1))
    bench = Bench(contents.shape, contents)

    async def drive(ctx):
        times = random_times(6, network, 4, silent=0.0)
        cycles, spikes = [], []
        for early_exit in (False, True):
            before = bench.counters(ctx)
            got, _inference = await bench.infer(ctx, contents, times, early_exit=early_exit)
            after = bench.counters(ctx)
            cycles.append(after["busy_cycles"] - before["busy_cycles"])
            spikes.append(after["spikes"] - before["spikes"])
        assert (got.decision_steps < 7).any()
        assert cycles[1] < cycles[0]
        assert spikes[1] < spikes[0]

    bench.simulate(drive)


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
def test_contents_of_another_shape():
    network = random_network(0, (4, 6, 3))
    contents = compile_network(network, plan(network, 1))
    with pytest.raises(ValueError, match="the contents are made for an engine of another shape"):
        Engine(plan(network, 2), contents)
    gc.collect()  # now, and not in another test: Amaranth warns of what was made and never used


def test_one_layer_shape_object_may_stand_for_several_layers():
    layer = LayerShape(3, 2, 2, 3, 40, 3, 4, 12)
    assert layer.address_bits == layer.source_bits
    shape = EngineShape((layer, layer), OutputShape(3, 3, 4, 12), spikes_per_token=2, time_steps=4)
    contents = compile_network(random_network(0, (6, 5, 6, 3)), shape)
    bench = Bench(shape, contents)

    async def drive(ctx):
        await bench.infer(ctx, contents, random_times(0, contents.network, 3), early_exit=False)

    bench.simulate(drive)
