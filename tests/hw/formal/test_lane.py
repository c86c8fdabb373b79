"""The heart of a lane, accumulator and fire queue, against potentials that are added up one operation at a time."""

import pytest
from amaranth.hdl import Mux, Signal, signed

from firstspike_hw.lane.accumulator import Accumulator
from firstspike_hw.lane.fire_queue import FireQueue
from firstspike_hw.lib.delays import delayed
from firstspike_hw.memory.style import GENERIC_MEMORY
from firstspike_spec.compiler.shapes import LayerShape

from ...levels import thorough
from ..models import parameters
from .proof import Proof

#: Memories in LUTs or in block RAM with output registers; neurons; steps of an inference; cycles: the sweeps, then two
#: inferences and what is on its way. Each cycle more takes the solver about twice as long.
CASES = [
    ("luts", 1, 2, 20),
    ("luts", 1, 2, 24),
    ("luts", 2, 2, 21),
    ("luts", 1, 3, 23),
    ("late", 1, 2, 24),
    ("late", 2, 2, 21),
]


@pytest.mark.parametrize(
    ("kind", "neurons", "time_steps", "depth"), [CASES[0], *(pytest.param(*case, marks=thorough) for case in CASES[1:])]
)
def test_fires_as_the_sum_says(tmp_path, request, kind, neurons, time_steps, depth):
    """A neuron chosen at will, in a step chosen at will: it spikes once there if it reaches the threshold first then.

    Operations follow each other as a row reader gives them, on this neuron and on others, with gaps and without.
    """
    style = request.getfixturevalue("late_block_rams") if kind == "late" else GENERIC_MEMORY
    shape = LayerShape(2, 1, 1, neurons, 8, 8, 2, 4)
    sizes = parameters(shape, time_steps=time_steps, memory_style=style)
    proof = Proof()
    m = proof.m
    m.submodules.accumulator = dut = Accumulator(sizes)
    m.submodules.fire_queue = fire_queue = FireQueue(sizes)
    m.d.comb += [fire_queue.marks.eq(dut.marks), dut.next_place.eq(fire_queue.next_place)]
    proof.receive(fire_queue.o, "o")

    # First the neuron's initial potential is loaded, then all are swept; operations come three cycles later at the earliest.
    time = Signal(4)
    first = 1 + neurons + 2
    with m.If(time != 15):
        m.d.sync += time.eq(time + 1)
    chosen, initial = proof.constant(shape.neuron_bits, "chosen"), proof.constant(signed(4), "initial")
    proof.assume(chosen < neurons, "chosen")
    m.d.comb += [dut.load.write.eq(time == 0), dut.load.word.address.eq(chosen), dut.load.word.data.eq(initial)]
    sweeps, operates = (time >= 1) & (time <= neurons), time >= first
    valid, is_end, rests = proof.any(1, "valid"), proof.any(1, "end"), Signal()
    step = Signal(range(time_steps))
    last = step == time_steps - 1
    begins = operates & valid & ~rests & ~delayed(m, fire_queue.crowded, 1)
    m.d.comb += [
        dut.valid.eq(sweeps | begins),
        dut.i.end.eq(sweeps | is_end),
        dut.i.last.eq(Mux(sweeps, time == neurons, last & is_end)),
        dut.i.sweep.eq(sweeps),
    ]
    m.d.sync += rests.eq(begins & is_end & last)
    with m.If(begins & is_end):
        m.d.sync += step.eq(Mux(last, 0, step + 1))
    proof.drive(dut.entry, "entry")
    proof.assume(dut.entry.neuron < neurons, "neuron")

    # What it is to do, two cycles later when entries are there.
    adds, ends, is_last = (delayed(m, value, 2) for value in (begins & ~is_end, begins & is_end, last))
    potential, spiked, begun, touched = Signal(signed(4)), Signal(), Signal(), Signal()
    now, mine = Signal(signed(4)), adds & (dut.entry.neuron == chosen)
    following = Signal(signed(6))
    m.d.comb += [now.eq(Mux(begun, potential, initial)), following.eq(now + dut.entry.weight)]
    proof.assume(~mine | (following == following[:4].as_signed()), "range")
    with m.If(mine):
        m.d.sync += [potential.eq(following), begun.eq(1), touched.eq(1)]
    fires = ~now[-1] & ~spiked
    with m.If(ends):
        m.d.sync += [spiked.eq((spiked | fires) & ~is_last), begun.eq(begun & ~is_last), touched.eq(touched & ~is_last)]
    # The start row has the neurons that are at the threshold before anything has happened.
    proof.assume(~ends | touched | initial[-1], "start row")

    # What it does.
    number, expected = proof.constant(3, "number"), Signal()
    ended, told, spikes = Signal(4), Signal(4), Signal(2)
    last_expected = Signal()
    with m.If(ends):
        m.d.sync += ended.eq(ended + 1)
        with m.If(ended == number):
            m.d.sync += [expected.eq(fires), last_expected.eq(is_last)]
    given = fire_queue.o.valid & fire_queue.o.ready
    with m.If(given & ~fire_queue.o.p.end & (fire_queue.o.p.neuron == chosen) & ~spikes.all()):
        m.d.sync += spikes.eq(spikes + 1)
    with m.If(given & fire_queue.o.p.end):
        m.d.sync += [told.eq(told + 1), spikes.eq(0)]
    here = given & fire_queue.o.p.end & (told == number)
    proof.hold(~here | ((spikes == expected) & (ended > number)), "spikes")
    proof.hold(~here | (fire_queue.o.p.last == last_expected), "last")
    proof.hold(~given | fire_queue.o.p.end | (fire_queue.o.p.neuron < neurons), "neuron")
    proof.reach((told == time_steps + 1) & expected & (number == time_steps), "second inference")
    proof.run(tmp_path, depth=depth)
