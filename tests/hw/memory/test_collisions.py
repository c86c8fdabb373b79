"""No word that is read and written in one cycle is ever used.

Synthesis may leave it undefined (`firstspike_hw.flow.command_lines`). The whole design runs with memories that give such words
inverted, and must not notice.
"""

import functools
import random
from unittest import mock

import pytest
from amaranth.hdl import Elaboratable, Module
from amaranth.lib import memory

from firstspike.devices.linked import LinkedDevice
from firstspike.link.link import Link
from firstspike_hw.layer.parameters import OutputParameters
from firstspike_hw.link.linked_engine import LinkedEngine
from firstspike_hw.memory.style import GENERIC_MEMORY
from firstspike_hw.simulation import NativeLink
from firstspike_spec.compiler.shapes import LayerShape
from firstspike_spec.inference.golden import infer_spikes
from firstspike_spec.inference.results import Results, compare_results
from firstspike_spec.protocol.messages import Identity

from ...levels import thorough
from ...spec.random_networks import random_network, random_times
from ..bench import BLOCK_RAMS, hostile_memories, simulate
from ..lane.test_accumulator import END, LAST, Run, expected_steps
from ..models import roomy


@thorough
@pytest.mark.parametrize(
    ("registers", "spikes_per_token"),
    [(False, 2), (True, 2), (True, 1)],
)
def test_the_whole_design_does_not_notice(tmp_path, registers, spikes_per_token, request, monkeypatch):
    """No memory lies in LUTs: all have registered read ports, with one more register after them or without.

    With output registers and one spike a token, two slices of the output layer share a memory.
    """
    style = request.getfixturevalue("late_block_rams") if registers else BLOCK_RAMS
    design = functools.partial(LinkedEngine, memory_style=style)
    monkeypatch.setattr("firstspike_hw.simulation.native_link.LinkedEngine", design)
    sizes = (12, 9, 5)
    shape = roomy(sizes, (4,), spikes_per_token=spikes_per_token, bank_lanes=2, time_steps=8)
    assert shape.output.slices == 3
    assert len(OutputParameters.of(shape, style).memories) == (2 if registers and spikes_per_token == 1 else 3)
    with hostile_memories() as collisions:
        far_end = NativeLink(Identity(shape, "inverting", clock_hz=0, baud=0, buffer_bytes=256), cache=tmp_path)
    assert len(collisions) > 30
    link = Link(far_end)
    link.connect()
    device, compared = None, 0
    for seed in range(30):
        rng = random.Random(seed)
        network = random_network(
            seed,
            [rng.randrange(1, size + 1) for size in sizes],
            time_steps=rng.choice([2, 3, 4, 8]),
            bits=rng.randrange(1, 9),
            connectivity=rng.choice([0.2, 0.6, 1.0]),
            spread=rng.randrange(2),
        )
        if device is None:
            device = LinkedDevice(link, network)
        else:
            device.load(network)
        assert list(device.differences()) == []
        for early_exit in (True, False):
            times = random_times(rng.randrange(1 << 30), network, 20)
            expected = Results.from_inference(infer_spikes(network, times, early_exit=False), early_exit=early_exit)
            comparison = compare_results(expected, device.run(times, early_exit=early_exit))
            comparison.check()
            compared += comparison.compared_values
    assert compared > 10_000
    device.close()


class Port(Elaboratable):
    """A memory of four words with one port to read and one to write."""

    def elaborate(self, platform):
        m = Module()
        m.submodules.cells = self.cells = memory.Memory(shape=8, depth=4, init=[5, 6])
        self.read, self.write = self.cells.read_port(), self.cells.write_port()
        return m


def test_what_hostile_memories_do():
    """They invert what is read and written in one cycle, and nothing else; words without contents are random."""
    dut, collisions, collided = Port(), [], 0

    async def drive(ctx):
        nonlocal collided
        rng, words, expected = random.Random(0), [5, 6, None, None], None
        read, write = dut.read, dut.write
        for _ in range(300):
            reads, writes, place, to, word = (rng.randrange(count) for count in (4, 2, 4, 4, 256))
            for signal, value in (
                (read.en, reads > 0),
                (read.addr, place),
                (write.en, writes),
                (write.addr, to),
                (write.data, word),
            ):
                ctx.set(signal, value)
            collides = reads > 0 and writes and place == to
            assert ctx.get(collisions[0]) == collides
            collided += collides
            await ctx.tick()
            if reads:
                expected = words[place] if words[place] is None or not collides else words[place] ^ 0xFF
            if writes:
                words[to] = word
            assert expected is None or ctx.get(read.data) == expected

    simulate(dut, drive, hostile=True, collisions=collisions)
    assert collided > 20
    assert len(collisions) == 1
    assert any(dut.cells.init[2:])


SHAPE = LayerShape(2, 1, 1, 3, 8, 8, 4, 8)
INITIALS = [-3, -4, -5]
ADDS = [(neuron, weight) for weight in (1, 2, -1, 3, 1, -2) for neuron in (1, 0, 2, 1, 1, 0, 2, 2)]
OPERATIONS = [*ADDS[:20], END, *ADDS[20:30], END, *ADDS[30:], LAST] * 4


def run_lane(*, in_luts):
    """Return the steps that a lane's accumulator and fire queue give, and how many words were read while they were written."""
    style = GENERIC_MEMORY if in_luts else BLOCK_RAMS
    run, collisions, happened = Run(SHAPE, time_steps=4, initials=INITIALS, style=style), [], 0

    async def drive(ctx):
        nonlocal happened
        await run.sweep(ctx)
        waiting = list(OPERATIONS)
        while waiting:
            if await run.cycle(ctx, waiting[0], ready=run.rng.random() < 0.7):
                waiting.pop(0)
            happened += sum(ctx.get(signal) for signal in collisions)
        await run.settle(ctx)

    run.simulate(drive, collisions=collisions)
    assert len(collisions) == (2 if in_luts else 5)
    return run.steps(), happened


def test_they_happen_in_a_lane_and_would_be_noticed():
    """A lane's memories hide them; a lane whose memories do not is wrong."""
    steps, happened = run_lane(in_luts=False)
    assert happened > 20
    assert steps == expected_steps(INITIALS, OPERATIONS)
    with mock.patch("firstspike_hw.memory.lane_memory.Mux", lambda choice, kept, read: read):
        assert run_lane(in_luts=False)[0] != steps


def test_the_fire_queue_never_reads_what_it_writes():
    """It has all of a lane's registered read ports, if the other memories lie in LUTs."""
    steps, happened = run_lane(in_luts=True)
    assert happened == 0
    assert steps == expected_steps(INITIALS, OPERATIONS)
