"""The output layer against its software model, and its cycles."""

import random
from itertools import product

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal

from firstspike_hw.boards.fpga import find_fpga
from firstspike_hw.layer.output_layer import OutputLayer
from firstspike_hw.layer.parameters import OutputParameters
from firstspike_hw.memory.style import GENERIC_MEMORY
from firstspike_spec import LatencyEncoder, Layer, Network
from firstspike_spec.common.words import Memory
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.plan import plan
from firstspike_spec.compiler.shapes import OutputShape, index_bits

from ...levels import each_choice
from ...spec.random_networks import random_layer
from ..bench import STALLS, load_word, loader, note, peek, receiver, sender, simulate, watch
from ..models import random_tokens, spikes_in, words_in

#: Spikes a token, and slices that share a memory.
WIDTHS = [(1, 1), (2, 1), (1, 2)]

#: Sources, neurons and bits of a weight.
SIZES = [(1, 1, 1), (5, 40, 1), (20, 17, 1), (9, 2, 2), (6, 3, 3), (30, 10, 4), (7, 5, 5), (12, 7, 8), (9, 4, 11), (40, 3, 16)]


def contents_of(layer):
    """Return what an engine holds for a network that is one layer."""
    network = Network(LatencyEncoder.linear(2), [layer], (layer.sources,))
    return compile_network(network, plan(network))


def make(weights, initials):
    """Return a layer with the given rows of weights, one a source, and initial potentials minus threshold."""
    return Layer.from_dense(np.array(weights).T, np.array(initials) + 1, 1, 4, 8)


def build(layer, spikes_per_token, *, loaded=False, style=GENERIC_MEMORY):
    contents = contents_of(layer)
    parameters = OutputParameters(contents.shape.output, spikes_per_token=spikes_per_token, memory_style=style)
    return OutputLayer(parameters, None if loaded else contents.output)


def tokens_for(seed, layer, spikes_per_token, time_steps, inferences):
    """Return random tokens for a layer."""
    bits = index_bits(layer.sources + 1)
    return random_tokens(
        seed, range(layer.sources), time_steps, inferences, address_bits=bits, spikes_per_token=spikes_per_token
    )


def model(layer, tokens):
    """Return the verdicts for tokens, and how many operations they take; an end is (0, 0, 0, 1, last)."""
    weights = layer.dense().T.tolist()
    starts = (layer.initial_potentials.astype(int) - layer.threshold).tolist()
    potentials, spiked, given, operations = list(starts), set(), [], 0
    for token in tokens:
        for address in spikes_in(token):
            operations += sum(weight != 0 for weight in weights[address])
            potentials = [potential + weight for potential, weight in zip(potentials, weights[address], strict=True)]
        *_, end, last = token
        if not end:
            continue
        for neuron, potential in enumerate(potentials):
            if neuron not in spiked and (potential >= 0 or last):
                given.append((neuron, potential, int(potential >= 0), 0, 0))
                spiked.add(neuron)
        given.append((0, 0, 0, 1, last))
        if last:
            potentials, spiked = list(starts), set()
    return given, operations


def plain_ends(items):
    """Return verdicts of which the ends have only what means something."""
    return [(0, 0, 0, 1, item[4]) if item[3] else item for item in items]


def run(dut, tokens, count, *, stalls=(0, 0), seed=0, before=None):
    """Return (cycle, item) of what is taken and given, and the operations cycle by cycle."""
    taken, given, operations = [], [], []

    async def drive(ctx):
        if before:
            await before(ctx)
        await sender(dut.i, tokens, stalls=stalls[0], seed=seed)(ctx)

    async def take(ctx):
        await receiver(dut.o, count, [], stalls=stalls[1], seed=seed)(ctx)
        ctx.set(dut.o.ready, 1)  # nothing more may come
        await ctx.tick().repeat(30)

    background = [watch(dut.i, taken), watch(dut.o, given), note(dut.operations, operations)]
    simulate(dut, drive, take, background=background)
    return taken, [(cycle, *plain_ends([item])) for cycle, item in given], operations


@pytest.mark.parametrize(("sizes", "conditions"), each_choice(SIZES, [*product(WIDTHS, STALLS)]))
def test_equals_the_model_under_stalls(sizes, conditions, late_block_rams):
    """Whole and part slices, weights of all widths, some of them extreme, dense and sparse; many inferences in a row."""
    (sources, neurons, bits), ((spikes_per_token, together), stalls) = sizes, conditions
    style = late_block_rams if together == 2 else GENERIC_MEMORY
    for seed in range(2):
        generator = np.random.default_rng([seed, sources, neurons, bits])
        options = {"connectivity": [1.0, 0.4][seed], "extreme": seed == 0, "spread": seed}
        layer = random_layer(generator, sources, neurons, bits=bits, **options)
        tokens = tokens_for(seed, layer, spikes_per_token, [2, 5][seed], 6)
        expected, operations = model(layer, tokens)
        _taken, given, done = run(build(layer, spikes_per_token, style=style), tokens, len(expected), stalls=stalls, seed=seed)
        assert [item for _cycle, item in given] == expected
        assert sum(done) == operations


@pytest.mark.parametrize(("spikes_per_token", "together"), WIDTHS)
@pytest.mark.parametrize(("neurons", "bits"), [(1, 4), (10, 4), (5, 3), (3, 16), (33, 1)])
def test_loads_and_reads_back_all_its_memories(neurons, bits, spikes_per_token, together, late_block_rams):
    """Words of other kinds and slices change nothing, and reading back does not change what runs afterwards."""
    style = late_block_rams if together == 2 else GENERIC_MEMORY
    layer = random_layer(np.random.default_rng(neurons), 6, neurons, bits=bits, connectivity=0.8)
    contents, dut = contents_of(layer), build(layer, spikes_per_token, loaded=True, style=style)
    words = words_in(contents)
    tokens = tokens_for(0, layer, spikes_per_token, 3, 4)
    expected, _operations = model(layer, tokens)
    slices = contents.shape.output.slices
    assert {(place[2], place[3]) for place, _ in words} == {
        (memory, lane) for memory in (Memory.ENTRIES, Memory.INITIAL_POTENTIALS) for lane in range(slices)
    }

    async def before(ctx):
        others = [load_word(kind, 0, 0x5555_5555) for kind in (Memory.POINTERS, Memory.TIME_STEPS)]
        others += [load_word(kind, 0, 0x5555_5555, lane=slices) for kind in (Memory.ENTRIES, Memory.INITIAL_POTENTIALS)]
        loads = [(word, *place[1:]) for place, word in words]
        await loader(dut.load, others + loads + others, stalls=0.2)(ctx)
        places = [place for place, _ in words] + others
        wanted = [word for _, word in words] + [0] * len(others)
        assert await peek(ctx, dut.load, places, OutputLayer.peek_latency) == wanted

    given = run(dut, tokens, len(expected), before=before)[1]
    assert [item for _cycle, item in given] == expected


@pytest.mark.parametrize(
    ("fpga", "spikes_per_token", "source_bits", "together"),
    [("ecp5-25k", 1, 9, 2), ("ecp5-25k", 2, 9, 1), ("ecp5-25k", 1, 10, 1), ("ecp5-25k", 1, 6, 1), ("ice40up5k", 1, 9, 1)],
)
def test_two_slices_share_a_block_where_they_fit_into_it(fpga, spikes_per_token, source_bits, together):
    """Of 18 bits and 1,024 words, with two ports."""
    shape, style = OutputShape(source_bits, 10, 4, 10), find_fpga(fpga).memory_style
    parameters = OutputParameters(shape, spikes_per_token=spikes_per_token, memory_style=style)
    assert parameters.memory_slices == together
    assert [number for numbers in parameters.memories for number in numbers] == list(range(shape.slices))
    assert {len(numbers) for numbers in parameters.memories[:-1]} == {together}


@pytest.mark.parametrize("memory", [Memory.ENTRIES, Memory.INITIAL_POTENTIALS])
def test_a_token_may_come_two_cycles_behind_a_load(memory):
    layer = make([[3, -2], [1, 1]], [-3, -9])
    changed = make([[7, -2], [1, 1]], [-3, -9]) if memory == Memory.ENTRIES else make([[3, -2], [1, 1]], [5, -9])
    dut, tokens = build(layer, 1), [(0, 1, 1, 0), (0, 0, 1, 1)]
    expected, _operations = model(changed, tokens)
    contents = contents_of(changed).output[0]
    word = contents.weights[0] if memory == Memory.ENTRIES else contents.initial_potentials[0]

    async def before(ctx):
        await loader(dut.load, [load_word(memory, 0, word)])(ctx)
        await ctx.tick()

    taken, given, _ = run(dut, tokens, len(expected), before=before)
    assert taken[0][0] == 2
    assert [item for _cycle, item in given] == expected != model(layer, tokens)[0]


def test_latencies():
    """7 cycles from an end to its first verdict, or to the end itself; then a verdict a cycle. 6 from a peek to its word."""
    dut = build(make([[7, 7, 7]], [-7, -8, -7]), 1)
    tokens = [(0, 0, 1, 0), (0, 1, 1, 0), (0, 0, 1, 1)]
    taken, given, _ = run(dut, tokens, 6)
    ends, cycles = [cycle for cycle, _item in taken], [cycle for cycle, _item in given]
    assert [item[:4] for _cycle, item in given] == [
        (0, 0, 0, 1),
        (0, 0, 1, 0),
        (2, 0, 1, 0),
        (0, 0, 0, 1),
        (1, -1, 0, 0),
        (0, 0, 0, 1),
    ]
    assert cycles == [ends[0] + 7, *(ends[1] + 7 + at for at in range(3)), ends[2] + 7, ends[2] + 8]
    assert (OutputLayer.latency, OutputLayer.peek_latency) == (7, 6)


def test_ends_in_a_row():
    """An end comes 6 cycles after one without verdicts, and one cycle later for each verdict."""
    dut = build(make([[7, 7, 7]], [-7, -8, -7]), 1)
    tokens = [(0, 0, 1, 0), (0, 0, 1, 0), (0, 1, 1, 0), (0, 0, 1, 1), (0, 0, 1, 0)]
    taken, *_ = run(dut, tokens, 8)
    cycles = [cycle for cycle, _item in taken]
    assert np.diff(cycles).tolist() == [6, 6, 6 + 2, 6 + 1]
    assert OutputLayer.end_interval == 6


def test_a_token_a_cycle_right_behind_an_end_too():
    """Of another step or another inference."""
    layer = random_layer(np.random.default_rng(1), 16, 3, connectivity=1.0, threshold=100)
    spikes = [(address, 1, 0, 0) for address in range(16)]
    tokens = [token for number in range(6) for token in (*spikes, (15, 1, 1, number % 2))]
    expected, operations = model(layer, tokens)
    taken, given, done = run(build(layer, 1), tokens, len(expected))
    assert [item for _cycle, item in given] == expected
    cycles = [cycle for cycle, _item in taken]
    assert cycles == list(range(cycles[0], cycles[0] + len(tokens)))
    assert sum(done) == operations


def test_spikes_are_taken_while_the_verdicts_wait():
    """The next end is not. The verdicts have the potentials of their step's end, not those of later."""
    layer = make([[5, 7, 1], [-8, 7, 1], [1, 1, 1]], [-5, -7, -9])
    dut, got, taken = build(layer, 1), [], []
    tokens = [(0, 1, 1, 0), (1, 1, 0, 0), (2, 1, 0, 0), (2, 1, 1, 1), (0, 1, 1, 1)]
    expected, _operations = model(layer, tokens)
    assert expected[:3] == [(0, 0, 1, 0, 0), (1, 0, 1, 0, 0), (0, 0, 0, 1, 0)]

    async def late(ctx):
        await ctx.tick().repeat(60)
        assert [item for _cycle, item in taken] == tokens[:3]
        await receiver(dut.o, len(expected), got)(ctx)

    simulate(dut, sender(dut.i, tokens), late, background=[watch(dut.i, taken), watch(dut.o, [])])
    assert plain_ends(got) == expected


@pytest.mark.parametrize("spikes_per_token", [1, 2])
def test_a_reset_ends_the_inference_and_keeps_what_was_loaded(spikes_per_token):
    """Whenever it comes: in the middle of a step, of the verdicts, or of an end that waits."""
    rng = random.Random(spikes_per_token)
    layer = random_layer(np.random.default_rng(2), 9, 7, connectivity=0.7)
    contents, dut = contents_of(layer), build(layer, spikes_per_token, loaded=True)
    reset = Signal()
    tokens = tokens_for(0, layer, spikes_per_token, 4, 2)
    expected, _operations = model(layer, tokens)

    async def testbench(ctx):
        names = dut.i.payload.shape().members
        words = [(word, *place[1:]) for place, word in words_in(contents)]
        await loader(dut.load, words)(ctx)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        for _ in range(60):
            # Some cycles of the inferences, with stalls, then all of them from the start.
            at, left = 0, rng.randrange(1, 60)
            ready = rng.choice([0, 0.2, 1])
            while left:
                ctx.set(dut.i.valid, at < len(tokens))
                ctx.set(dut.i.payload, dict(zip(names, tokens[min(at, len(tokens) - 1)], strict=True)))
                ctx.set(dut.o.ready, rng.random() < ready)
                *_, taken = await ctx.tick().sample(dut.i.ready)
                at += taken
                left -= 1
            ctx.set(dut.i.valid, 0)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)
            assert not ctx.get(dut.o.valid)

            given, at = [], 0
            ctx.set(dut.o.ready, 1)
            while len(given) < len(expected):
                ctx.set(dut.i.valid, at < len(tokens))
                ctx.set(dut.i.payload, dict(zip(names, tokens[min(at, len(tokens) - 1)], strict=True)))
                *_, taken, valid, item = await ctx.tick().sample(dut.i.ready, dut.o.valid, dut.o.payload)
                at += taken
                if valid:
                    given += plain_ends([tuple(int(item[name]) for name in dut.o.payload.shape().members)])
            assert given == expected

    simulate(ResetInserter(reset)(dut), testbench)


@pytest.mark.parametrize("late", [0, 1, 2])
def test_a_word_that_is_loaded_when_the_reset_comes_is_kept(late):
    """The reset comes in the cycle of its transfer, or ``late`` cycles later."""
    layer = make([[3, -2]], [-3, -9])
    contents, dut, reset = contents_of(layer).output[0], build(layer, 1, loaded=True), Signal()

    async def testbench(ctx):
        places = [load_word(Memory.ENTRIES, 0, 0), *(load_word(Memory.INITIAL_POTENTIALS, at, 0) for at in range(2))]
        words = [int(contents.weights[0]), *(int(initial) & 0xFF for initial in contents.initial_potentials)]
        names = dut.load.word.shape().members
        for place, word in zip(places, words, strict=True):
            ctx.set(dut.load.word, dict(zip(names, (word, *place[1:]), strict=True)))
            for cycle in range(late + 1):
                ctx.set(dut.load.write, cycle == 0)
                ctx.set(reset, cycle == late)
                await ctx.tick()
            ctx.set(dut.load.write, 0)
            ctx.set(reset, 0)
            ctx.set(dut.load.word, {})
        assert await peek(ctx, dut.load, places, OutputLayer.peek_latency) == words

    simulate(ResetInserter(reset)(dut), testbench)
