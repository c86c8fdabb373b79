"""The processor against the golden model, through its ports."""

from collections import Counter
from dataclasses import replace

import pytest
from amaranth.hdl import ResetInserter, Signal
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_hw.chain.engine import COUNTERS
from firstspike_hw.memory.style import ECP5_MEMORY, GENERIC_MEMORY, ICE40UP_MEMORY
from firstspike_hw.processor.processor import Processor
from firstspike_spec import compile_layered, plan_processor
from firstspike_spec.processor.spikes import input_words
from firstspike_spec.protocol.loading import readable

from ...levels import THOROUGH, thorough
from ...spec.processor.processors import shapes_for
from ...spec.random_layered_networks import (
    layered_networks,
    random_chain,
    random_layered_map_network,
    random_layered_times,
)
from ..bench import load_word, put, sender, watch
from .processors import Bench, fields_of, named

EXAMPLES = 300 if THOROUGH else 8


@pytest.mark.parametrize("stalls", [(0, 0), (0.4, 0.4)])
def test_a_chain(stalls, record_property):
    """Several images back to back, then again."""
    network = random_chain(1, (9, 12, 7, 4))
    contents = compile_layered(network, plan_processor(network, 3))
    bench, compared = Bench(contents.shape), []

    async def drive(ctx):
        await bench.load(ctx, contents)
        for seed in range(2):
            times = random_layered_times(seed, network, 4)
            compared.append((await bench.infer(ctx, network, times, stalls=stalls))[1])

    bench.simulate(drive)
    record_property("values", sum(compared))


@pytest.mark.parametrize(
    "style",
    [pytest.param(GENERIC_MEMORY, marks=thorough), ECP5_MEMORY, ICE40UP_MEMORY, pytest.param("late", marks=thorough)],
    ids=str,
)
def test_maps(style, late_block_rams, record_property):
    network = random_layered_map_network(2)
    contents = compile_layered(network, plan_processor(network, 9))
    bench, compared = Bench(contents.shape, late_block_rams if style == "late" else style), []

    async def drive(ctx):
        await bench.load(ctx, contents)
        compared.append((await bench.infer(ctx, network, random_layered_times(2, network, 3)))[1])

    bench.simulate(drive)
    record_property("values", sum(compared))


def test_random_networks_in_random_shapes(record_property):
    """All options of networks, tiles and slots; pauses at both ends; images back to back."""
    compared, lanes = 0, Counter()

    @given(
        st.data(),
        layered_networks(max_side=5),
        st.integers(0, 2**32 - 1),
        st.sampled_from([(0, 0), (0.3, 0.5), (0.7, 0)]),
    )
    @settings(max_examples=EXAMPLES, deadline=None)
    def compare(data, network, seed, stalls):
        nonlocal compared
        shape = data.draw(shapes_for(network))
        contents = compile_layered(network, replace(shape, inputs=256, spikes=1024))
        bench = Bench(contents.shape)
        lanes[shape.lanes] += 1

        async def drive(ctx):
            nonlocal compared
            await bench.load(ctx, contents)
            times = random_layered_times(seed, network, 3, silent=[0.0, 0.3, 0.9][seed % 3])
            compared += (await bench.infer(ctx, network, times, stalls=stalls))[1]

        bench.simulate(drive)

    compare()
    assert len(lanes) > 2
    record_property("values", compared)


@pytest.mark.parametrize("stalls", [0, 0.5])
def test_networks_from_the_load_port(stalls, record_property):
    """One network replaces another in the same processor."""
    networks = [random_chain(3, (9, 6, 4)), random_layered_map_network(4, (1, 5, 6)), random_chain(5, (5, 12, 8, 3))]
    shapes = [plan_processor(network, 4) for network in networks]
    sizes = {name: max(getattr(shape, name) for shape in shapes) for name in shapes[0].as_dict()}
    shape = type(shapes[0])(**sizes)
    bench, compared = Bench(shape), []

    async def drive(ctx):
        for seed, network in enumerate([*networks, networks[0]]):
            contents = compile_layered(network, shape)
            await bench.load(ctx, contents, stalls=stalls)
            times = random_layered_times(seed, network, 2)
            compared.append((await bench.infer(ctx, network, times, stalls=(stalls, stalls)))[1])

    bench.simulate(drive)
    record_property("values", sum(compared))


def test_loading_and_images_exclude_each_other():
    """Words wait until the image under way is finished; the next image waits until they are in their memories."""
    first, second = random_chain(7, (6, 9, 3)), random_chain(8, (6, 9, 3))
    shape = plan_processor(first, 5)
    shape = replace(shape, **{name: 2 * getattr(shape, name) for name in ("entries", "rows", "row_entries")})
    shape = replace(shape, potential_bits=shape.potential_bits + 2)
    contents = [compile_layered(network, shape) for network in (first, second)]
    bench, loaded, results = Bench(shape), [], []
    times = random_layered_times(0, first, 2)

    async def load(ctx):
        """The second network comes as soon as the first image's first word has been taken."""
        await bench.load(ctx, contents[0])
        await ctx.tick().until(bench.dut.i.valid & bench.dut.i.ready)
        await bench.load(ctx, contents[1])

    async def run(ctx):
        await ctx.tick().until(bench.dut.load.ready)
        while len(loaded) < len(contents[0].load_words()):
            await ctx.tick()
        words = [input_words(shape, network, times[at : at + 1]) for at, network in enumerate((first, second))]
        for word in fields_of(shape.spike, words[0]):
            await put(ctx, bench.dut.i, named(shape.spike, word))
        results.append((await bench.feed(ctx, words[1], 2))[0])

    bench.simulate(load, run, background=[watch(bench.dut.load, loaded)])
    decisions = [cycle for cycle, word in bench.given if word[-1]]
    begins = len(contents[0].load_words())
    assert loaded[begins][0] < decisions[0] + 3
    ends = [cycle for cycle, word in bench.taken if word[0]]
    following = next(cycle for cycle, _ in bench.taken if cycle > ends[0])
    assert following > loaded[-1][0]
    alone = []
    for at in range(2):
        other = Bench(shape)

        async def drive(ctx, other=other, at=at):
            await other.load(ctx, contents[at])
            alone.append(await other.feed(ctx, input_words(shape, first, times[at : at + 1]), 1))

        other.simulate(drive)
    assert results[0].tolist() == [*alone[0][0].tolist(), *alone[1][0].tolist()]


def test_all_memories_can_be_read_back():
    """In order, `peek_latency` cycles after each word's transfer; zero where there is nothing."""
    network = random_layered_map_network(4, (1, 5, 6))
    shape = plan_processor(network, 10)
    contents, bench, asked, got = compile_layered(network, shape), Bench(shape), [], []
    words = [
        load_word(part.memory, at, word, lane=part.lane, layer=part.layer)
        for part in readable(contents)
        for at, word in enumerate(part.words.tolist())
    ]
    nowhere = [load_word(0, 0, 0, lane=10), load_word(1, 0, 0, lane=5, layer=1), load_word(1, 0, 0, layer=2)]
    nowhere += [load_word(0, 0, 0, layer=1), load_word(2, 0, 0)]

    async def drive(ctx):
        await bench.load(ctx, contents)
        await ctx.tick()
        ctx.set(bench.dut.peek, 1)
        places = [(0, *word[1:]) for word in words + nowhere]
        await sender(bench.dut.load, places, stalls=0.2)(ctx)
        ctx.set(bench.dut.peek, 0)
        await ctx.tick().repeat(Processor.peek_latency(shape) + 1)

    bench.simulate(drive, background=[watch(bench.dut.load, asked), watch(bench.dut.peeked, got)])
    asked = asked[len(contents.load_words()) :]
    assert [word for _, word in got] == [word[0] for word in words] + [0] * len(nowhere)
    assert [cycle for cycle, _ in got] == [cycle + Processor.peek_latency(shape) for cycle, _ in asked]


@pytest.mark.parametrize("seed", range(6))
def test_a_reset_ends_what_is_under_way(seed, record_property):
    """At any time; the network stays, and the next image is as the first one."""
    network = random_chain(9, (9, 12, 7, 4))
    contents = compile_layered(network, plan_processor(network, 3))
    bench, reset, compared = Bench(contents.shape), Signal(), []
    bench.background = [
        watch(bench.dut.i, bench.taken, rule=False),
        watch(bench.dut.o, bench.given, rule=False),
        watch(bench.dut.probe_0, bench.shown),
    ]

    async def drive(ctx):
        await bench.load(ctx, contents)
        times = random_layered_times(seed, network, 2)
        words = fields_of(contents.shape.spike, input_words(contents.shape, network, times))
        for word in words[: 3 + seed * 3]:
            await put(ctx, bench.dut.i, named(contents.shape.spike, word))
        ctx.set(bench.dut.o.ready, seed % 2)
        await ctx.tick().repeat(1 + 17 * seed)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        assert not ctx.get(bench.dut.busy)
        assert not ctx.get(bench.dut.o.valid)
        assert all(bench.counters(ctx)[name] == 0 for name in COUNTERS.members)
        await ctx.tick()
        compared.append((await bench.infer(ctx, network, times))[1])

    bench.simulate(drive, top=ResetInserter(reset)(bench.dut))
    record_property("values", sum(compared))
