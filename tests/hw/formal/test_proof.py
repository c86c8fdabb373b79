"""The prover finds what is wrong: else all its proofs would mean nothing."""

import pytest
from amaranth.hdl import Signal

from firstspike_hw.lib.skid_buffer import SkidBuffer

from .proof import Proof


def counting():
    """Return a proof about a counter of four values that goes on or not."""
    proof, count = Proof(), Signal(2)
    with proof.m.If(proof.any(1, "goes")):
        proof.m.d.sync += count.eq(count + 1)
    return proof, count


def test_what_holds_is_proved(tmp_path):
    proof, count = counting()
    proof.hold(count <= 3, "bound")
    proof.reach(count == 3, "bound")
    proof.run(tmp_path, depth=5, induction=2)


def test_what_can_be_broken_is_named(tmp_path):
    proof, count = counting()
    proof.hold(count != 3, "never three")
    proof.reach(count == 1, "one")
    with pytest.raises(AssertionError, match="Assert failed: assert_never_three"):
        proof.run(tmp_path, depth=6)


def test_what_is_broken_later_than_the_depth_is_found_by_induction(tmp_path):
    proof, count = counting()
    proof.hold(count != 3, "never three")
    proof.reach(count == 1, "one")
    with pytest.raises(AssertionError, match="Assert failed: assert_never_three"):
        proof.run(tmp_path, depth=3, induction=2)


def test_what_cannot_be_reached_is_named(tmp_path):
    proof, count = counting()
    proof.hold(count <= 3, "bound")
    proof.assume(count < 2, "small")
    proof.reach(count == 2, "two")
    with pytest.raises(AssertionError, match="Unreached cover statement: cover_two"):
        proof.run(tmp_path, depth=6)


def test_nothing_asserted_is_no_proof(tmp_path):
    proof, count = counting()
    proof.reach(count == 1, "one")
    with pytest.raises(AssertionError, match="nothing is asserted"):
        proof.run(tmp_path, depth=3)


def test_assumptions_bind_senders_and_receivers(tmp_path):
    """With a receiver that is never ready, a skid buffer fills up and offers what it has."""
    proof, dut = Proof(), SkidBuffer(2)
    proof.m.submodules.dut = dut
    proof.send(dut.i, "i")
    proof.receive(dut.o, "o")
    proof.assume(~dut.o.ready, "never ready")
    proof.hold(dut.i.ready | dut.o.valid, "full")
    proof.reach(dut.o.valid & ~dut.i.ready, "full")
    proof.run(tmp_path, depth=6)
