"""Parts of the processor, whatever comes in which cycle: sums, queues, the way through the potentials, the ring of spikes."""

import pytest
from amaranth.hdl import Signal, signed
from amaranth.lib import data

from firstspike_hw.lib.delays import delayed
from firstspike_hw.processor.lane.potential_unit import PotentialUnit
from firstspike_hw.processor.lane.queue import Queue
from firstspike_hw.processor.parameters import StepKind
from firstspike_hw.processor.shared.fire_sequencer import GEOMETRY, FireSequencer
from firstspike_hw.processor.shared.spike_ring import SpikeRing

from ...levels import THOROUGH, thorough
from ..bench import BLOCK_RAMS
from ..processor.shared.models import small
from .proof import Proof

SIZES = {"potentials": 16, "potential_bits": 8, "weight_bits": 3, "value_bits": 2}


@pytest.fixture(params=["early", "late", "LUTs"])
def style(request):
    """Block RAM, with output registers, LUTs."""
    if request.param == "LUTs":
        return small().memory_style
    return request.getfixturevalue("late_block_rams") if request.param == "late" else BLOCK_RAMS


def test_potentials(tmp_path, style):
    """What is read of a place is the sum of all that was added to it since it was cleared, in any order of operations."""
    proof, dut = Proof(), PotentialUnit(small(style, **SIZES))
    m = proof.m
    m.submodules.dut = dut
    for name in ("valid", "entry", "base", "value", "clear", "address"):
        proof.drive(getattr(dut, name), name)
    proof.assume(~(dut.valid & dut.clear), "one of the two")

    place = proof.constant(4, "place")
    added_here, cleared_here = Signal(), Signal()
    total, known, before = Signal(signed(8)), Signal(), Signal()
    m.d.comb += [
        added_here.eq(dut.valid & ((dut.base + dut.entry.offset)[:4] == place)),
        cleared_here.eq(dut.clear & (dut.address == place)),
    ]
    m.d.sync += before.eq(added_here | cleared_here)
    with m.If(cleared_here):
        m.d.sync += [total.eq(0), known.eq(1)]
    with m.If(added_here):
        m.d.sync += total.eq(total + dut.entry.weight * dut.value)
    read = delayed(m, cleared_here & known & ~before, dut.latency)
    # The outputs of a stage come a cycle earlier than a word that has been delayed with it is written.
    proof.hold(~read | (dut.potential == delayed(m, total, dut.latency)), "potential")
    proof.reach(read & (dut.potential == 13), "a sum is read")
    proof.run(tmp_path, depth=13)


def test_queue(tmp_path):
    """No item is lost, doubled or changed if each was announced, and at most ``slack`` of them after ``room`` has gone."""
    slack = 2
    proof, dut = Proof(), Queue(data.StructLayout({"item": 2}), depth=4, slack=slack)
    m = proof.m
    m.submodules.dut = dut
    for name in ("announce", "decline", "push", "i"):
        proof.drive(getattr(dut, name), name)
    proof.receive(dut.o, "o")
    awaited, late = Signal(4), Signal(3)
    m.d.sync += awaited.eq(awaited + dut.announce - dut.push - dut.decline)
    proof.assume(dut.push + dut.decline <= awaited, "announced before")
    with m.If(dut.room):
        m.d.sync += late.eq(0)
    with m.Elif(dut.announce):
        m.d.sync += late.eq(late + 1)
    proof.assume(~dut.announce | dut.room | (late < slack), "slack")
    proof.same_order("items", puts=dut.push, item=dut.i, gets=dut.o.valid & dut.o.ready, got=dut.o.payload, most=5)
    inside = Signal(4)
    m.d.sync += inside.eq(inside + dut.push - (dut.o.valid & dut.o.ready))
    proof.hold((inside != 0) == dut.holds, "holds")
    waits = dut.holds & ~dut.o.valid
    proof.hold(~(waits & delayed(m, waits, 1)), "gives")
    proof.run(tmp_path, depth=14 if THOROUGH else 11)


@thorough
def test_fire_sequencer(tmp_path):
    """Each place of a layer is cleared once, after the header of its unit, and no other place is."""
    proof, dut = Proof(), FireSequencer(small(potentials=64))
    m = proof.m
    m.submodules.dut = dut
    proof.drive(dut.crowded, "crowded")
    geometry = proof.constant(GEOMETRY, "geometry")
    m.d.comb += dut.geometry.eq(geometry)
    side = (geometry.pitch >= 1) & (geometry.pitch <= 2) & (geometry.unit_rows >= 1) & (geometry.unit_rows <= 2)
    proof.assume(side & (geometry.pooling >= 1) & (geometry.pooling <= 2) & (geometry.slots_log2 == 0), "small")
    proof.assume((geometry.lead <= 1) & (geometry.units <= 2) & (geometry.units >= 1) & (geometry.first == 3), "few")

    started, ended, now = Signal(), Signal(), Signal(6)
    m.d.sync += now.eq(now + 1)
    m.d.comb += dut.start.eq(now == 2)
    with m.If(dut.start):
        m.d.sync += started.eq(1)
    m.d.comb += ended.eq(started & ~dut.busy)

    place, inside, seen, headers = proof.constant(6, "place"), Signal(), Signal(2), Signal(3)
    offset, places = Signal(7), Signal(7)
    m.d.comb += [
        offset.eq(place - geometry.first),
        places.eq(geometry.lead + geometry.units * geometry.unit_rows * geometry.pitch),
        inside.eq((place >= geometry.first) & (offset < places)),
    ]
    clears = (dut.step.kind == StepKind.CLEAR) | (dut.step.kind == StepKind.VISIT)
    here = Signal()
    m.d.comb += here.eq(clears & (dut.step.address[:6] == place))
    with m.If(here & (seen != 3)):
        m.d.sync += seen.eq(seen + 1)
    with m.If(dut.step.kind == StepKind.HEADER):
        m.d.sync += headers.eq(headers + 1)
    in_first = offset < geometry.lead + geometry.unit_rows * geometry.pitch
    words = small(potentials=64).shape.header_words
    proof.hold(~here | (inside & (seen == 0)), "once and nowhere else")
    proof.hold(~ended | (seen == inside), "all")
    proof.hold(~(here & (offset >= geometry.lead)) | (headers == words) | (~in_first & (headers == 2 * words)), "header first")
    proof.hold(~(here & (offset >= geometry.lead) & in_first) | (headers == words), "in its unit")
    proof.reach(ended & (geometry.units == 2) & (geometry.pooling == 2) & (geometry.unit_rows == 2), "two units")
    proof.run(tmp_path, depth=25)


def test_spike_ring(tmp_path, style):
    """A reader is given each word from its first place to its limit, or to a word with ``end``, once, as it was written.

    No place is written again before it is free.
    """
    depth, word = 4, data.StructLayout({"x": 1, "end": 1})
    proof, dut = Proof(), SpikeRing(word, depth=depth, style=small(style).memory_style)
    m, reader = proof.m, dut.reader
    m.submodules.dut = dut
    proof.send(dut.i, "i")
    for name in ("first", "limit", "follows", "free_all", "free_to"):
        proof.drive(getattr(dut, name), name)
    for name in ("start", "release", "go"):
        proof.drive(getattr(reader, name), name)

    # The reader starts when it is not reading, at a place that is not free. Its limit moves on, as far as has been written.
    def behind(place):
        """How many words have been written from a place on."""
        return (dut.written - place)[: len(dut.written)]

    before, followed = Signal.like(dut.limit), Signal()
    m.d.sync += [before.eq(dut.limit), followed.eq(dut.follows | reader.start)]
    moved = (dut.limit - before)[: len(before)]
    proof.assume(~reader.start | ~reader.reads, "one at a time")
    proof.assume(~reader.start | (behind(dut.first) <= behind(dut.free)), "first")
    proof.assume(~reader.start | (behind(dut.limit) <= behind(dut.first)), "limit at the start")
    proof.assume(~reader.reads | (moved <= behind(before)), "limit moves on")
    proof.assume(~reader.reads | followed | (~dut.follows & (moved == 0)), "limit stays")
    proof.assume(~dut.free_all | (~reader.reads & ~reader.start), "freed when nothing is read")
    proof.assume(~dut.free_all | (behind(dut.free_to) <= behind(dut.free)), "freed as far as written")

    # One place, chosen at will: what lies there, and when it is given.
    place, kept, there, at = proof.constant(3, "place"), Signal(word), Signal(), Signal(3)
    taken, given = dut.i.valid & dut.i.ready, reader.valid
    with m.If(taken & (dut.written == place)):
        m.d.sync += [kept.eq(dut.i.payload), there.eq(1)]
    with m.If(reader.start):
        m.d.sync += at.eq(dut.first)
    with m.Elif(given):
        m.d.sync += at.eq(at + 1)
    limit_reached, ended, was_reading = Signal(), Signal(), Signal()
    m.d.sync += [
        was_reading.eq(reader.reads & ~reader.start),
        ended.eq(given & reader.word.end),
        limit_reached.eq(~dut.follows & (at == dut.limit)),
    ]
    proof.hold(~(given & (at == place)) | (there & (reader.word.as_value() == kept.as_value())), "word")
    proof.hold(~given | (at != dut.limit), "not beyond the limit")
    proof.hold(~(was_reading & ~reader.reads) | ended | limit_reached, "all")
    proof.hold(behind(dut.free) <= depth, "no place twice")
    proof.reach(given & (at == place) & (place == depth + 1), "round")
    proof.reach(was_reading & ~reader.reads & ~ended & limit_reached & (at == 3), "limit")
    proof.run(tmp_path, depth=16 if THOROUGH else 10)
