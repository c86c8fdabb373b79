"""The memories that a plan counts are those of the engine."""

import re
from collections import Counter

import pytest

from firstspike_hw.boards.family import ECP5
from firstspike_hw.boards.fpga import find_fpga
from firstspike_hw.chain.engine import Engine
from firstspike_hw.flow.convert import to_rtlil
from firstspike_hw.lane.accumulator import flags_layout, sum_layout
from firstspike_hw.lane.fire_queue import slot_bits
from firstspike_hw.planning.memories import (
    Loadable,
    OfFireQueue,
    OfLane,
    OfReader,
    OfSums,
    lut_ram_luts,
    memories,
    synthesised,
)
from firstspike_spec.compiler.plan import plan
from firstspike_spec.compiler.shapes import AddressTableShape, LayerShape

from ...spec.random_networks import random_map_network, random_network

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
    for kind, count in memories(shape).items():
        if isinstance(kind, OfReader):
            continue
        if isinstance(kind, OfFireQueue):
            places = 1 << slot_bits(kind.shape.lane_neurons)
            expected[kind.shape.neuron_bits + 2, places] += count
            expected[1, places] += count
        else:
            assert isinstance(kind, Loadable | OfLane | OfSums)
            for bits in kind.widths if isinstance(kind, OfLane | OfSums) else [kind.bits]:
                expected[bits, max(2, kind.depth)] += count
    found = in_netlist(shape)
    address_tables = sum(part.address_table is not None for part in (*shape.layers, shape.output))
    assert expected <= found
    assert (found - expected).total() == 1 + 2 * sum(layer.lanes for layer in shape.layers) + address_tables


def test_words_in_luts():
    """Twice as many lanes of the same size take twice as much; deeper memories take more than in proportion."""
    network = random_network(1, (30, 24, 3))
    four, eight = (plan(network, lanes, spikes_per_token=1, bank_lanes=1, queue_depth=8) for lanes in (4, 8))
    assert four.layers[0].lane_neurons == 2 * eight.layers[0].lane_neurons
    assert lut_ram_luts(four, ECP5) < lut_ram_luts(eight, ECP5) < 2 * lut_ram_luts(four, ECP5) + 1
    longer = plan(network, 4, spikes_per_token=1, bank_lanes=1, queue_depth=32)
    assert lut_ram_luts(longer, ECP5) > lut_ram_luts(four, ECP5)


def test_flags_of_up_to_256_neurons_lie_in_luts_of_an_ecp5():
    """Sums do not, nor do flags of more neurons."""
    few, many = (LayerShape(10, 2, 2, neurons, 200, 16, 4, 9) for neurons in (200, 300))
    found = {}
    for layer in (few, many):
        flags = OfLane(flags_layout(slot_bits(layer.lane_neurons)).size, layer.lane_neurons)
        sums = OfSums(sum_layout(layer, 4).size, 9, layer.lane_neurons)
        found[layer] = synthesised([flags, sums], find_fpga("ecp5-25k"), "yowasp")
    assert found == {few: [0, 1], many: [1, 1]}


@pytest.mark.parametrize(("depth", "start_bits", "blocks"), [(466, 9, 1), (916, 8, 2), (466, 10, 2), (1400, 8, 3)])
def test_sums_and_initial_potentials_share_words_where_that_saves_block_rams(depth, start_bits, blocks):
    """Apart they would take 2, 3, 2 and 4; initial potentials of ten bits do not fit beside the sums."""
    shape = LayerShape(10, 2, 2, depth, 200, 16, 5, start_bits, AddressTableShape(784, 0, 3, 8))
    sums = OfSums(sum_layout(shape, 4).size, start_bits, depth)
    assert 18 < sums.sum_bits <= 27
    flags = OfLane(flags_layout(slot_bits(depth)).size, depth)
    assert synthesised([sums, flags], find_fpga("ecp5-85k"), "yowasp")[0] == blocks


def test_a_convolutions_lane_takes_few_block_rams():
    """Sums and initial potentials lie in one block, the fire queue's marks in LUTs: with the flags and its queue, three."""
    shape = LayerShape(10, 2, 2, 466, 200, 16, 5, 9, AddressTableShape(784, 0, 3, 8))
    sums = OfSums(sum_layout(shape, 4).size, shape.potential_bits, 466)
    kinds = [sums, OfLane(flags_layout(slot_bits(466)).size, 466), OfFireQueue(shape)]
    assert synthesised(kinds, find_fpga("ecp5-85k"), "yowasp") == [1, 1, 1]
