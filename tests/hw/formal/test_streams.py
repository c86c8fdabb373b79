"""What goes into a stage of a stream comes out of it: nothing is lost, doubled, reordered, or changed while it waits."""

import pytest
from amaranth.hdl import Cat, Mux, Signal, Value

from firstspike_hw.chain.input_gate import TIME_BITS, InputGate
from firstspike_hw.lane.lane_stage import LaneStage
from firstspike_hw.layer.start_row_inserter import StartRowInserter
from firstspike_hw.lib.skid_buffer import SkidBuffer
from firstspike_hw.link.arbiter import Arbiter
from firstspike_hw.link.core.word_queue import ResultBits, WordQueue
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.shapes import AddressTableShape, LayerShape, OutputShape

from ...levels import THOROUGH
from ..models import parameters
from .proof import Proof


def transfers(stream):
    return stream.valid & stream.ready


def between(proof, dut):
    """Put a component with streams ``i`` and ``o`` between any sender and any receiver."""
    proof.m.submodules.dut = dut
    proof.send(dut.i, "i")
    proof.receive(dut.o, "o")


def test_skid_buffer(tmp_path):
    proof, dut = Proof(), SkidBuffer(4)
    between(proof, dut)
    proof.same_order("item", puts=transfers(dut.i), item=dut.i.payload, gets=transfers(dut.o), got=dut.o.payload, most=2)
    proof.run(tmp_path, depth=16)


def test_lane_stage(tmp_path):
    proof, dut = Proof(), LaneStage(3)
    between(proof, dut)
    got = Cat(dut.o.p.neuron, dut.o.p.end, dut.o.p.last)
    proof.same_order("item", puts=transfers(dut.i), item=dut.i.payload, gets=transfers(dut.o), got=got, most=1)
    proof.hold(dut.o.valid == (dut.o.p.spike ^ dut.o.p.end), "one of two")
    proof.run(tmp_path, depth=24)


LAYER = LayerShape(2, 1, 1, 3, 8, 8, 3, 4)
WITH_MAPS = LayerShape(2, 1, 1, 3, 8, 8, 3, 4, AddressTableShape(4, 0, 2, 1))

OUTPUT = OutputShape(LAYER.address_bits, 4, 4, 4)


@pytest.mark.parametrize("shape", [LAYER, WITH_MAPS], ids=["rows", "maps"])
@pytest.mark.parametrize("spikes_per_token", [1, 2])
def test_start_row_inserter(tmp_path, shape, spikes_per_token):
    """The same, with a spike of the start row before each inference's first token, and nothing beside it."""
    proof, dut = Proof(), StartRowInserter(parameters(shape, spikes_per_token=spikes_per_token))
    m, bits = proof.m, len(Value.cast(dut.o.payload))
    between(proof, dut)
    proof.assume(~dut.i.valid | dut.i.p.end | ~dut.i.p.last, "only an end is last")
    number, first = proof.constant(4, "number"), Signal(init=1)
    put, taken, kept, wants_start = Signal(5), Signal(5), Signal(bits), Signal()
    with m.If(transfers(dut.i)):
        m.d.sync += [put.eq(put + 1 + first), first.eq(dut.i.p.last)]
        with m.If(put + first == number):
            m.d.sync += [kept.eq(dut.i.payload), wants_start.eq(0)]
        with m.If(first & (put == number)):
            m.d.sync += wants_start.eq(1)
    with m.If(transfers(dut.o)):
        m.d.sync += taken.eq(taken + 1)
    proof.assume(put < 16, "few")
    token = dut.o.payload
    others = Cat(token[f"valid_{port}"] for port in range(1, spikes_per_token))
    is_start = token.valid_0 & token.address_0.all() & ~others.any() & ~token.end & ~token.last
    if shape.base_bits:
        is_start &= token.base_0 == 0
    right = Mux(wants_start, is_start, Value.cast(token) == kept)
    proof.hold(~(transfers(dut.o) & (taken == number)) | ((put > number) & right), "order")
    proof.hold(put - taken <= 4, "room")
    proof.reach((taken == 5) & ~first, "third inference")
    proof.run(tmp_path, depth=12)


@pytest.mark.parametrize(
    "dut",
    [SkidBuffer(4), LaneStage(3), StartRowInserter(parameters(LAYER, spikes_per_token=2))],
    ids=["skid_buffer", "lane stage", "start row inserter"],
)
def test_what_is_on_offer_stays_for_all_time(tmp_path, dut):
    """By induction: whatever registers hold, also what they never do."""
    proof = Proof()
    between(proof, dut)
    proof.reach(transfers(dut.o), "a transfer")
    proof.run(tmp_path, depth=6, induction=3)


def test_input_gate(tmp_path):
    """Of each inference all ends pass, the last one marked; spikes pass as they are, and may be dropped once it is decided."""
    engine = EngineShape((LAYER,), OUTPUT, spikes_per_token=1, time_steps=3)
    proof, dut = Proof(), InputGate(engine, time_steps=3)
    m = proof.m
    between(proof, dut)
    for name in ("decided", "now", "hold"):
        proof.drive(getattr(dut, name), name)
    # The read-out is done with an inference sometime after its last end has passed.
    ended, done, finishes = Signal(2), Signal(2), proof.any(1, "finishes")
    with m.If(transfers(dut.o) & dut.o.p.last):
        m.d.sync += ended.eq(ended + 1)
    with m.If(finishes & (done != ended)):
        m.d.sync += done.eq(done + 1)
    m.d.comb += dut.finished.eq(done)

    into, out = Signal(2), Signal(2)
    with m.If(transfers(dut.i) & dut.i.p.end):
        m.d.sync += into.eq(Mux(into == 2, 0, into + 1))
    with m.If(transfers(dut.o) & dut.o.p.end):
        m.d.sync += out.eq(Mux(out == 2, 0, out + 1))
    proof.hold(~transfers(dut.o) | (dut.o.p.last == (dut.o.p.end & (out == 2))), "last")
    proof.hold(into == out, "ends")
    spikes = dut.i.p.valid_0
    passes = transfers(dut.o) & (dut.o.p.valid_0 == spikes) & (dut.o.p.address_0 == dut.i.p.address_0)
    was_decided = Signal()
    m.d.sync += was_decided.eq(was_decided & ~(transfers(dut.i) & dut.i.p.end) | dut.decided)
    proof.hold(~(transfers(dut.i) & spikes) | passes | was_decided, "spikes")
    proof.hold(~(transfers(dut.o) & dut.o.p.valid_0) | (transfers(dut.i) & passes), "no spike made")
    proof.hold(~(transfers(dut.i) ^ transfers(dut.o)) | ~dut.o.valid, "together")
    proof.reach((done == 2) & was_decided, "third inference")
    proof.run(tmp_path, depth=22)


def test_word_queue(tmp_path):
    """For the words that an engine of its shape gives."""
    proof, dut = Proof(), WordQueue(ResultBits(TIME_BITS, OUTPUT.address_bits, 2), depth=3)
    between(proof, dut)
    kept = (dut.i.p.value[:4], dut.i.p.neuron[:2], dut.i.p.step[:2], dut.i.p.fired, dut.i.p.decision)
    got = (dut.o.p.value[:4], dut.o.p.neuron[:2], dut.o.p.step[:2], dut.o.p.fired, dut.o.p.decision)
    proof.same_order("item", puts=transfers(dut.i), item=Cat(kept), gets=transfers(dut.o), got=Cat(got), most=4)
    proof.run(tmp_path, depth=14)


def test_arbiter(tmp_path):
    """Frames of two senders come out whole: a byte of the other sender never gets into one."""
    proof, dut = Proof(), Arbiter()
    m = proof.m
    m.submodules.dut = dut
    # The lowest bit of a byte tells its sender.
    for number, name in enumerate(("first", "second")):
        stream = getattr(dut, name)
        proof.send(stream, name)
        proof.assume(~stream.valid | (stream.p.data[0] == number), f"{name} number")
    proof.receive(dut.o, "o")
    within, sender = Signal(), Signal()
    with m.If(transfers(dut.o)):
        m.d.sync += [within.eq(~dut.o.p.last), sender.eq(dut.o.p.data[0])]
    proof.hold(~(transfers(dut.o) & within) | (dut.o.p.data[0] == sender), "whole")
    for number, name in enumerate(("first", "second")):
        stream = getattr(dut, name)
        gets = transfers(dut.o) & (dut.o.p.data[0] == number)
        proof.same_order(name, puts=transfers(stream), item=stream.payload, gets=gets, got=dut.o.payload, most=1)
    proof.run(tmp_path, depth=20 if THOROUGH else 14)
