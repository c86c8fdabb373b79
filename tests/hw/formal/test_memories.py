"""The memories of a lane are memories that are updated one operation at a time, whatever follows what."""

from dataclasses import replace

import pytest
from amaranth.hdl import Signal

from firstspike_hw.lib.delays import delayed
from firstspike_hw.memory.lane_memory import LaneMemory
from firstspike_hw.memory.sum_memory import SumMemory

from ..bench import BLOCK_RAMS
from .proof import Proof

pytestmark = pytest.mark.parametrize("depth", [2, 3, 5])


@pytest.fixture(params=[False, True], ids=["early", "late"])
def style(request):
    """Block RAM; with output registers, words come a cycle later."""
    return request.getfixturevalue("late_block_rams") if request.param else BLOCK_RAMS


@pytest.mark.parametrize("in_luts", [False, True], ids=["blocks", "LUTs"])
def test_lane_memory(tmp_path, depth, style, in_luts):
    late = style.output_registers
    if in_luts:
        style = replace(style, late_lut_ram_bits=1000) if late else replace(style, lut_ram_words=1000)
    proof, dut = Proof(), LaneMemory(bits=2, depth=depth, style=style)
    m = proof.m
    m.submodules.dut = dut
    for name in ("address", "write", "write_address", "write_word"):
        proof.drive(getattr(dut, name), name)
    place, word, known = proof.constant(range(depth), "place"), Signal(2), Signal()
    proof.assume((place < depth) & (dut.address < depth) & (dut.write_address < depth), "places")
    with m.If(dut.write & (dut.write_address == place)):
        m.d.sync += [word.eq(dut.write_word), known.eq(1)]
    asked = delayed(m, dut.address == place, 1)
    expected, is_known = Signal(2), Signal()
    m.d.comb += [expected.eq(delayed(m, word, late)), is_known.eq(delayed(m, known, late))]
    proof.hold(~(delayed(m, asked, late) & is_known) | (dut.word == expected), "word")
    proof.reach(delayed(m, asked & known, 2) & asked & known, "read again")
    proof.run(tmp_path, depth=12)


def test_sum_memory(tmp_path, depth, style):
    """Sums as they were written, initial potentials as they were loaded, also where they share words."""
    late = style.output_registers
    proof, dut = Proof(), SumMemory(sum_bits=2, potential_bits=2, depth=depth, style=style)
    m = proof.m
    m.submodules.dut = dut
    names = ("address", "write", "write_address", "write_sum", "load", "load_address", "load_initial")
    for name in names:
        proof.drive(getattr(dut, name), name)
    place, total, initial = proof.constant(range(depth), "place"), Signal(2), Signal(2)
    for name in ("address", "write_address", "load_address"):
        proof.assume(getattr(dut, name) < depth, name)
    summed, loaded = Signal(), Signal()
    proof.assume(~(dut.write & dut.load), "by turns")
    proof.assume(~dut.write | (dut.write_address != place) | loaded, "loaded first")
    m.d.comb += dut.write_initial.eq(initial)
    with m.If(dut.write & (dut.write_address == place)):
        m.d.sync += [total.eq(dut.write_sum), summed.eq(1)]
    with m.If(dut.load & (dut.load_address == place)):
        m.d.sync += [initial.eq(dut.load_initial), loaded.eq(1)]
    # What is being loaded is not read.
    asked = delayed(m, (dut.address == place) & ~(dut.load & (dut.load_address == place)), 1)
    asked_of = delayed(m, asked, late)
    proof.hold(~(asked_of & delayed(m, summed, late)) | (dut.sum == delayed(m, total, late)), "sum")
    proof.hold(~(asked_of & delayed(m, loaded, late)) | (dut.initial == delayed(m, initial, late)), "initial")
    proof.reach(asked & summed & loaded & delayed(m, asked & summed, 2), "read again")
    proof.run(tmp_path, depth=12)
