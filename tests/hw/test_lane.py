"""The lane against its software model, and its cycles."""

import numpy as np
import pytest

from firstspike_hw.accumulator import Accumulator
from firstspike_hw.lane import Lane
from firstspike_hw.row_reader import RowReader
from firstspike_spec.compiler import LaneImage
from firstspike_spec.engine import LayerShape
from firstspike_spec.words import Memory

from .bench import STALLS, load_word, note, peek, receiver, sender, simulate, watch
from .models import lane_outputs, random_image, random_tokens, words_in


def run(shape, image, tokens, count, *, reports, stalls=(0, 0), seed=0, load=False):
    """Return (cycle, item) of what is taken and given, the number of operations, and the lane's latency."""
    dut = Lane(shape, reports=reports, image=None if load else image)
    taken, given, got, operations = [], [], [], []

    async def drive(ctx):
        if load:
            words = [
                load_word(memory, address, word)
                for memory, words in (
                    (Memory.POINTERS, image.pointers),
                    (Memory.ENTRIES, image.entries),
                    (Memory.START_POTENTIALS, image.start_potentials),
                )
                for address, word in enumerate(words)
            ]
            await sender(dut.load, words)(ctx)
        await sender(dut.i, tokens, stalls=stalls[0], seed=seed)(ctx)

    simulate(
        dut,
        drive,
        receiver(dut.o, count, got, stalls=stalls[1], seed=seed),
        background=[watch(dut.i, taken), watch(dut.o, given), note(dut.operation, operations)],
    )
    assert [item for _cycle, item in given] == got
    return taken, given, sum(operations), dut.latency


@pytest.mark.parametrize("reports", [False, True])
@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sizes", [(1, 1), (7, 5), (9, 2)])
def test_equals_the_model_under_stalls(sizes, seed, stalls, reports):
    image = random_image(seed, sizes, connectivity=[1.0, 0.4, 0.1][seed])
    shape, lane = image.shape.layers[0], image.lanes[0][0]
    tokens = random_tokens(seed, range(sizes[0]), time_steps=4, inferences=4)
    expected, operations = lane_outputs(shape, lane, tokens, reports=reports)
    _taken, given, done, _latency = run(shape, lane, tokens, len(expected), reports=reports, stalls=stalls, seed=seed)
    assert [item for _cycle, item in given] == expected
    assert done == operations


@pytest.mark.parametrize("reports", [False, True])
def test_the_second_lane_of_three(reports):
    image = random_image(7, (6, 8), lanes=3, connectivity=0.6)
    shape, lane = image.shape.layers[0], image.lanes[0][1]
    tokens = random_tokens(7, range(6), time_steps=3, inferences=3)
    expected, operations = lane_outputs(shape, lane, tokens, reports=reports)
    _taken, given, done, _latency = run(shape, lane, tokens, len(expected), reports=reports, stalls=(0.3, 0.3))
    assert [item for _cycle, item in given] == expected
    assert done == operations > 0


@pytest.mark.parametrize("reports", [False, True])
def test_contents_from_the_load_port(reports):
    image = random_image(4, (5, 6), connectivity=0.5)
    shape, lane = image.shape.layers[0], image.lanes[0][0]
    tokens = random_tokens(4, range(5), time_steps=2, inferences=3)
    expected, _operations = lane_outputs(shape, lane, tokens, reports=reports)
    given = run(shape, lane, tokens, len(expected), reports=reports, load=True)[1]
    assert [item for _cycle, item in given] == expected


@pytest.mark.parametrize("reports", [False, True])
def test_all_its_memories_can_be_read_back(reports):
    """A word a cycle, each one cycle later; what runs afterwards is not changed by it."""
    image = random_image(6, (7, 5), connectivity=0.5)
    shape, lane = image.shape.layers[0], image.lanes[0][0]
    dut, words, got = Lane(shape, reports=reports, image=lane), words_in(image), []
    tokens = random_tokens(6, range(7), time_steps=3, inferences=2)
    expected, _operations = lane_outputs(shape, lane, tokens, reports=reports)

    async def drive(ctx):
        assert await peek(ctx, dut, [place for place, _ in words], 1) == [word for _, word in words]
        assert await peek(ctx, dut, [load_word(Memory.TIME_STEPS, 0, 0)], 1) == [0]
        await sender(dut.i, tokens)(ctx)

    simulate(dut, drive, receiver(dut.o, len(expected), got))
    assert got == expected
    assert {place[2] for place, _ in words} == {Memory.POINTERS, Memory.ENTRIES, Memory.START_POTENTIALS}


SHAPE = LayerShape(source_bits=2, lanes=1, lane_neurons=3, lane_entries=8, weight_bits=4, potential_bits=8)


def make(rows, starts):
    """Return the memories of a lane with the given rows of (neuron, weight)."""
    entries = [entry for row in rows for entry in row]
    begins = [sum(map(len, rows[:at])) if row else 0 for at, row in enumerate(rows)]
    return LaneImage(
        SHAPE.pointer.pack(start=begins, length=[len(row) for row in rows]),
        SHAPE.entry.pack(neuron=[neuron for neuron, _ in entries], weight=[weight for _, weight in entries]),
        np.array(starts),
    )


@pytest.mark.parametrize("reports", [False, True])
def test_the_barrier_and_the_latency_of_a_spike(reports):
    """An end is taken `barrier` cycles after a spike with one entry; the first spike comes `latency` cycles later."""
    lane = make([[(1, 5)], [], [], []], [-9, -5, -9])
    tokens = [(0, 0, 0), (0, 1, 0), (0, 1, 1)]
    expected, _operations = lane_outputs(SHAPE, lane, tokens, reports=reports)
    taken, given, _done, latency = run(SHAPE, lane, tokens, len(expected), reports=reports)
    assert [item for _cycle, item in given] == expected
    assert taken[1][0] - taken[0][0] == Lane.barrier == RowReader.latency + Accumulator.latency == 4
    assert given[0][0] - taken[1][0] == latency == (2 if reports else 1)


@pytest.mark.parametrize("reports", [False, True])
def test_the_latency_of_an_end_that_no_spike_precedes(reports):
    lane = make([[], [], [], []], [-9, -5, -9])
    tokens = [(0, 1, 0), (0, 1, 0)]
    taken, given, *_ = run(SHAPE, lane, tokens, 2, reports=reports)
    assert [item[-2] for _cycle, item in given] == [1, 1]
    assert given[0][0] - taken[0][0] == 1


@pytest.mark.parametrize("reports", [False, True])
def test_one_operation_a_cycle_and_one_cycle_for_a_spike_without_a_row(reports):
    lane = make([[(0, 1), (1, 1), (2, 1)], [], [(2, 1)], [(0, 1), (1, 1)]], [-90, -90, -90])
    spikes = [0, 1, 2, 3, 0, 1, 1, 3]
    tokens = [(source, 0, 0) for source in spikes] + [(0, 1, 1)]
    taken = run(SHAPE, lane, tokens, 4 if reports else 1, reports=reports)[0]
    cycles = sum(max(1, [3, 0, 1, 2][source]) for source in spikes)
    # The last row ends two cycles behind the one entry that `barrier` counts with: it has one entry more.
    assert taken[-1][0] - taken[0][0] == cycles - 1 + Lane.barrier


def test_spikes_are_given_while_the_next_step_accumulates():
    """Without reports, spikes of the next step are taken although nobody takes what this step gave."""
    lane = make([[(0, 7)], [(1, 7)], [(2, 7)], []], [-1, -1, -1])
    dut = Lane(SHAPE, reports=False, image=lane)
    tokens = [(0, 0, 0), (0, 1, 0), (1, 0, 0), (2, 0, 0), (0, 1, 1)]
    taken, got = [], []

    async def late(ctx):
        await ctx.tick().repeat(40)
        assert [item for _cycle, item in taken] == tokens[:-1]
        await receiver(dut.o, 5, got)(ctx)

    simulate(dut, sender(dut.i, tokens), late, background=[watch(dut.i, taken), watch(dut.o, [])])
    assert got == lane_outputs(SHAPE, lane, tokens, reports=False)[0]


def test_a_lane_that_reports_keeps_the_next_step_waiting():
    lane = make([[(0, 7)], [(0, -7)], [], []], [-1, -1, -1])
    dut = Lane(SHAPE, reports=True, image=lane)
    tokens = [(0, 0, 0), (0, 1, 0), (1, 0, 0), (0, 1, 1)]
    taken, got = [], []

    async def late(ctx):
        await ctx.tick().repeat(40)
        assert [item for _cycle, item in taken] == tokens[:2]
        await receiver(dut.o, 5, got)(ctx)

    simulate(dut, sender(dut.i, tokens), late, background=[watch(dut.i, taken), watch(dut.o, [])])
    assert got == lane_outputs(SHAPE, lane, tokens, reports=True)[0]
    assert got[0] == (0, 6, 1, 0, 0)  # the potential at the step's end, not the one after it
