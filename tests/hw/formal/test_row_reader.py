"""Rows are gone through entry by entry, in the order of their coming, and none is lost when the queue is full."""

import pytest
from amaranth.hdl import Mux, Signal

from firstspike_hw.lane.row_reader import RowReader
from firstspike_hw.lib.delays import delayed
from firstspike_spec.compiler.shapes import LayerShape

from ...levels import thorough
from ..lane.test_row_reader import cycles_until_counted
from ..models import parameters
from .proof import Proof

#: Cycles from a look at ``room`` to a token's coming.
LATE = 1


@thorough
@pytest.mark.parametrize("spikes_per_token", [1, 2])
def test_every_operation_in_its_place(tmp_path, spikes_per_token):
    """An operation of a number chosen at will is the one that its token asks for."""
    shape = LayerShape(2, 1, 1, 2, 4, 3, 2, 4)
    slack = cycles_until_counted() + LATE
    proof, dut = Proof(), RowReader(parameters(shape, spikes_per_token=spikes_per_token, token_slack=slack))
    m, token = proof.m, dut.i
    m.submodules.dut = dut
    for name in ("i", "hold"):
        proof.drive(getattr(dut, name), name)
    rows = [token.rows[number] for number in range(spikes_per_token)]
    any_row = rows[0].exists if spikes_per_token == 1 else rows[0].exists | rows[1].exists
    proof.assume(token.means_something == (any_row | token.end), "means something")
    proof.assume(~token.last | token.end, "only an end is last")
    for number, row in enumerate(rows):
        proof.assume(row.more < shape.row_entries, f"length {number}")
    room = delayed(m, dut.room, LATE)
    proof.assume(~token.means_something | room, "room")

    # What the token asks for: the operations of its rows, then its end.
    lengths = [Signal(3, name=f"length_{number}") for number in range(spikes_per_token)]
    m.d.comb += [length.eq(Mux(row.exists, row.more + 1, 0)) for length, row in zip(lengths, rows, strict=True)]
    of_rows, number = Signal(4), proof.constant(5, "number")
    asked, done, offset = Signal(6), Signal(6), Signal(6)
    m.d.comb += [of_rows.eq(sum(lengths[1:], lengths[0])), offset.eq(number - asked)]
    with m.If(token.means_something):
        m.d.sync += asked.eq(asked + of_rows + token.end)
    proof.assume(asked < 32, "few")
    address, is_end, is_last = Signal.like(dut.address), Signal(), Signal()
    with m.If(token.means_something & (asked <= number) & (offset < of_rows + token.end)):
        in_first = offset < lengths[0]
        m.d.sync += [
            address.eq(Mux(in_first, rows[0].start + offset, rows[-1].start + offset - lengths[0])),
            is_end.eq(offset == of_rows),
            is_last.eq((offset == of_rows) & token.last),
        ]
    with m.If(dut.valid):
        m.d.sync += done.eq(done + 1)
    here = dut.valid & (done == number)
    proof.hold(~here | ((asked > number) & (dut.o.end == is_end)), "kind")
    proof.hold(~here | is_end | (dut.address == address), "address")
    proof.hold(~here | ~is_end | (dut.o.last == is_last), "last")
    proof.hold(~dut.valid | ~dut.o.sweep, "no sweep")

    # A hold is obeyed in the next cycle, and after an inference's last end there is a cycle of rest.
    held, rests = Signal(), Signal()
    m.d.sync += [held.eq(dut.hold), rests.eq(dut.valid & dut.o.end & dut.o.last)]
    proof.hold(~(dut.valid & held), "hold")
    proof.hold(~(dut.valid & rests), "rest")
    proof.reach((done == 4) & ~dut.room, "full")
    proof.run(tmp_path, depth=14)
