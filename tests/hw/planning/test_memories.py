"""The memories that a plan counts are those of the engine."""

import re
from collections import Counter

import pytest

from firstspike_hw.boards.fpga import find_fpga
from firstspike_hw.chain.engine import Engine
from firstspike_hw.flow.convert import to_rtlil
from firstspike_hw.lane.accumulator import Accumulator
from firstspike_hw.lane.fire_queue import FireQueue
from firstspike_hw.lane.row_reader import RowReader
from firstspike_hw.memory.lane_memory import LaneMemory
from firstspike_hw.memory.style import ECP5_MEMORY, GENERIC_MEMORY, ICE40UP_MEMORY
from firstspike_hw.memory.sum_memory import SumMemory
from firstspike_hw.planning.memories import lut_ram_luts, memories, synthesised
from firstspike_spec.compiler.plan import plan
from firstspike_spec.compiler.shapes import AddressTableShape, LayerShape

from ...spec.random_networks import random_map_network, random_network
from ..models import parameters

SHAPES = [
    plan(random_network(1, sizes), lanes, spikes_per_token=width, bank_lanes=bank_lanes, queue_depth=8)
    for sizes, lanes, width, bank_lanes in [((9, 7, 3), 2, 1, 1), ((30, 21, 15, 12), [6, 4], 2, 2), ((9, 70, 3), 1, 2, 1)]
]
SHAPES.append(plan(random_map_network(1), [2, 3, 2], queue_depth=8))


def in_netlist(shape):
    """Return the memories of an engine as Amaranth writes them, by width and depth."""
    text = to_rtlil(Engine(shape), "engine")
    return Counter(
        (int(width), int(size)) for width, size in re.findall(r"^ *memory width (\d+) size (\d+)", text, re.MULTILINE)
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_all_memories_of_an_engine(shape):
    """But for those that are always in LUTs: the input gate's start times, the two halves of the row readers' queues, and the
    address tables' places."""
    expected = Counter()
    for description, count in memories(shape, GENERIC_MEMORY).items():
        if description.component is not RowReader:
            for ram in description.rams:
                expected[ram.bits, ram.depth] += count
    found = in_netlist(shape)
    address_tables = sum(part.address_table is not None for part in (*shape.layers, shape.output))
    assert expected <= found
    assert (found - expected).total() == 1 + 2 * sum(layer.lanes for layer in shape.layers) + address_tables


@pytest.mark.parametrize("style", [GENERIC_MEMORY, ECP5_MEMORY, ICE40UP_MEMORY], ids=lambda style: style.name)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_description_makes_what_it_describes(shape, style):
    for description in memories(shape, style):
        made = description.create()
        assert isinstance(made, description.component)
        assert description.rams
        to_rtlil(made, "memory")


def test_words_in_luts():
    """Twice as many lanes of the same size take twice as much; deeper memories take more than in proportion."""
    network = random_network(1, (30, 24, 3))
    four, eight = (plan(network, lanes, spikes_per_token=1, bank_lanes=1, queue_depth=8) for lanes in (4, 8))
    assert four.layers[0].lane_neurons == 2 * eight.layers[0].lane_neurons
    assert lut_ram_luts(four, ECP5_MEMORY) < lut_ram_luts(eight, ECP5_MEMORY) < 2 * lut_ram_luts(four, ECP5_MEMORY) + 1
    longer = plan(network, 4, spikes_per_token=1, bank_lanes=1, queue_depth=32)
    assert lut_ram_luts(longer, ECP5_MEMORY) > lut_ram_luts(four, ECP5_MEMORY)
    assert lut_ram_luts(four, ICE40UP_MEMORY) == 0


def in_a_lane(shape):
    """Return the descriptions of the sums and the flags of a lane in an ECP5, and of its fire queue."""
    sizes = parameters(shape, memory_style=ECP5_MEMORY)
    sums, flags = (description for description, _ in Accumulator.memories(sizes))
    assert (sums.component, flags.component) == (SumMemory, LaneMemory)
    ((queue, _),) = FireQueue.memories(sizes)
    return sums, flags, queue


def test_flags_of_up_to_256_neurons_lie_in_luts_of_an_ecp5():
    """Sums do not, nor do flags of more neurons."""
    few, many = (LayerShape(10, 2, 2, neurons, 200, 16, 4, 9) for neurons in (200, 300))
    found = {}
    for layer in (few, many):
        sums, flags, _ = in_a_lane(layer)
        found[layer] = synthesised([flags, sums], find_fpga("ecp5-25k"), "yowasp")
    assert found == {few: [0, 1], many: [1, 1]}


@pytest.mark.parametrize(("depth", "potential_bits", "blocks"), [(466, 9, 1), (916, 8, 2), (466, 10, 2), (1400, 8, 3)])
def test_sums_and_initial_potentials_share_words_where_that_saves_block_rams(depth, potential_bits, blocks):
    """Apart they would take 2, 3, 2 and 4; initial potentials of ten bits do not fit beside the sums."""
    shape = LayerShape(10, 2, 2, depth, 200, 16, 5, potential_bits, AddressTableShape(784, 0, 3, 8))
    assert 18 < parameters(shape).sum.size <= 27
    sums, flags, _ = in_a_lane(shape)
    assert synthesised([sums, flags], find_fpga("ecp5-85k"), "yowasp")[0] == blocks


def test_a_convolutions_lane_takes_few_block_rams():
    """Sums and initial potentials lie in one block, the fire queue's marks in LUTs: with the flags and the queue, three."""
    shape = LayerShape(10, 2, 2, 466, 200, 16, 5, 9, AddressTableShape(784, 0, 3, 8))
    assert synthesised(in_a_lane(shape), find_fpga("ecp5-85k"), "yowasp") == [1, 1, 1]
