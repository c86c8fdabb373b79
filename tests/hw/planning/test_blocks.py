"""Which memories a plan has synthesised. `test_memories` compares the rules for the others with synthesis."""

import pytest

from firstspike_hw.boards.fpga import find_fpga
from firstspike_hw.memory.description import MemoryDescription, Place, Ram
from firstspike_hw.planning import blocks
from firstspike_hw.planning.blocks import block_rams
from firstspike_hw.planning.memories import memories
from firstspike_spec.compiler.plan import plan

from ...spec.random_networks import random_network

KNOWN = MemoryDescription(object, (), (Ram(12, 9918, Place.BLOCKS, 9), Ram(4, 16, Place.LUTS, 0)))
UNKNOWN = MemoryDescription(object, (("depth", 7216),), (Ram(36, 7216, Place.BLOCKS), Ram(4, 16, Place.LUTS, 0)))


def test_only_memories_without_a_rule_are_synthesised_each_once(monkeypatch):
    asked = []

    def synthesised(kinds, fpga, toolchain):
        asked.extend(kinds)
        return [16] * len(kinds)

    monkeypatch.setattr(blocks, "memories", lambda shape, style: {UNKNOWN: shape, KNOWN: 1})
    monkeypatch.setattr(blocks, "synthesised", synthesised)
    assert block_rams([2, 3], find_fpga("ecp5-25k"), "yowasp") == [2 * 16 + 9, 3 * 16 + 9]
    assert asked == [UNKNOWN]


@pytest.mark.parametrize("lanes", [1, 4, 12])
def test_no_memory_of_a_small_engine_on_an_ecp5_needs_synthesis(lanes, monkeypatch):
    shape, fpga = plan(random_network(1, (30, 24, 3)), lanes), find_fpga("ecp5-25k")
    monkeypatch.setattr(blocks, "synthesised", None)
    (count,) = block_rams([shape], fpga, "yowasp")
    assert count == sum(kind.blocks * number for kind, number in memories(shape, fpga.memory_style).items())
