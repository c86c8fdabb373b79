"""The step barrier: no lane's spike leaves a step for another, and a step ends once, when all lanes have ended it."""

import pytest
from amaranth.hdl import Cat, Signal

from firstspike_hw.layer.spike_merger import SpikeMerger
from firstspike_spec.compiler.shapes import LayerShape

from ...levels import thorough
from ..models import parameters
from .proof import Proof

#: Cycles: three steps and more after each other, with all that can be between the stages.
DEPTH = 14


@pytest.mark.parametrize(
    ("lanes", "spikes_per_token"), [(1, 1), pytest.param(2, 1, marks=thorough), pytest.param(3, 1, marks=thorough), (2, 2)]
)
def test_no_step_overtakes_another(tmp_path, lanes, spikes_per_token):
    """Each spike carries its step's number, modulo four: it must come out in that step. Two steps are an inference."""
    shape = LayerShape(2, lanes, 1, 8, 8, 8, 2, 4)
    proof, dut = Proof(), SpikeMerger(parameters(shape, spikes_per_token=spikes_per_token))
    m = proof.m
    m.submodules.dut = dut
    ends = [Signal(4, name=f"ends_{lane}") for lane in range(lanes)]
    for lane, (stream, ended) in enumerate(zip(dut.lanes, ends, strict=True)):
        proof.send(stream, f"lane_{lane}")
        proof.assume(~stream.valid | (stream.p.last == (stream.p.end & ended[0])), f"last {lane}")
        proof.assume(~stream.valid | stream.p.end | (stream.p.neuron[:2] == ended[:2]), f"number {lane}")
        with m.If(stream.valid & stream.ready & stream.p.end):
            m.d.sync += ended.eq(ended + 1)
    proof.receive(dut.o, "o")
    token, goes, done = dut.o.payload, dut.o.valid & dut.o.ready, Signal(4)
    with m.If(goes & token.end):
        m.d.sync += done.eq(done + 1)
    proof.hold(~goes | (token.last == (token.end & done[0])), "last")
    proof.hold(~(goes & token.end) | Cat((ended - done)[:4] != 0 for ended in ends).all(), "all have ended")
    proof.assume(Cat(ended < 8 for ended in ends).all(), "few")

    # One spike chosen at will is marked: it comes out once, in its step, as its lane's.
    lane, sent, sent_step, seen = proof.constant(range(lanes), "lane"), Signal(), Signal(4), Signal()
    for number, (stream, ended) in enumerate(zip(dut.lanes, ends, strict=True)):
        marked = stream.valid & ~stream.p.end & stream.p.neuron[2]
        proof.assume(~marked | ((lane == number) & ~sent), f"mark {number}")
        with m.If(marked & stream.ready):
            m.d.sync += [sent.eq(1), sent_step.eq(ended)]
    theirs = []
    for port in range(spikes_per_token):
        number, address = (token[f"address_{port}"][part] for part in (slice(shape.lane_bits), slice(shape.lane_bits, None)))
        valid = goes & token[f"valid_{port}"]
        proof.hold(~valid | (address[:2] == done[:2]), f"step {port}")
        marked = valid & address[2]
        proof.hold(~marked | (number == lane if shape.lane_bits else 1), f"lane {port}")
        theirs.append(marked)
    came = Signal()
    m.d.comb += came.eq(Cat(theirs).any())
    with m.If(came):
        m.d.sync += seen.eq(1)
    proof.hold(~came | (sent & ~seen), "once")
    proof.hold(sum(theirs[1:], theirs[0]) <= 1, "one port")
    proof.hold(~(goes & token.end & sent & (done == sent_step)) | seen | came, "in time")
    proof.reach(seen & (done == 3) & (sent_step == 2), "third step")
    proof.run(tmp_path, depth=DEPTH)
