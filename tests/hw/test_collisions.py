"""No word that is read and written in one cycle is ever used: synthesis may leave it undefined (`firstspike_hw.build.flow`).

The whole design runs with memories that give such words inverted, and must not notice.
"""

import random

import amaranth.lib.fifo
import amaranth.lib.memory
import pytest
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.memory import Memory, ReadPort

from firstspike.devices.linked import LinkedDevice
from firstspike.link.link import Link
from firstspike_hw.accumulator import Accumulator
from firstspike_hw.simulation import NativeLink
from firstspike_spec.compiler import plan
from firstspike_spec.engine import LayerShape
from firstspike_spec.golden import infer_spikes
from firstspike_spec.protocol import Identity
from firstspike_spec.results import Results, compare_results
from firstspike_spec.words import Memory as MemoryKind

from ..spec.random_networks import random_network, random_times
from .bench import load_word, simulate


class InvertingMemory(Memory):
    """A memory whose registered read ports give the inverse of a word that is written in the same cycle."""

    #: The signals that tell of such a cycle, of all memories made.
    collisions: list[Signal] = []  # noqa: RUF012

    def read_port(self, *, domain="sync", **options):
        inner = super().read_port(domain=domain, **options)
        if domain == "comb":
            return inner
        outer = ReadPort.Signature(addr_width=len(inner.addr), shape=inner.signature.shape).create()
        self.__dict__.setdefault("reads", []).append((inner, outer))
        return outer

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = super().elaborate(platform)
        for inner, outer in self.__dict__.get("reads", ()):
            collides, collided = Signal(), Signal()
            self.collisions.append(collides)
            same = [port.en & (port.addr == outer.addr) for port in self.write_ports]
            m.d.comb += [
                inner.addr.eq(outer.addr),
                inner.en.eq(outer.en),
                collides.eq(outer.en & sum(same[1:], same[0])),
                outer.data.eq(Mux(collided, ~inner.data, inner.data)),
            ]
            with m.If(outer.en):
                m.d.sync += collided.eq(collides)
        return m


@pytest.fixture
def inverting(monkeypatch):
    monkeypatch.setattr(InvertingMemory, "collisions", [])
    monkeypatch.setattr(amaranth.lib.memory, "Memory", InvertingMemory)
    monkeypatch.setattr(amaranth.lib.fifo, "Memory", InvertingMemory)


def test_the_whole_design_does_not_notice(inverting, tmp_path):
    sizes, lanes = (12, 9, 5), (3, 2)
    layers, source_bits = [], 4
    for sources, targets, count in zip(sizes, sizes[1:], lanes, strict=False):
        layers.append(LayerShape(source_bits, count, -(-targets // count), sources * targets, 8, 16))
        source_bits = layers[-1].address_bits
    shape = plan(random_network(0, sizes), 1)
    shape = type(shape)(tuple(layers), 4)
    far_end = NativeLink(Identity(shape, "inverting", clock_hz=0, baud=0, buffer_bytes=256), cache=tmp_path)
    assert len(InvertingMemory.collisions) > 20
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


@pytest.mark.parametrize("used", [False, True])
def test_collisions_happen_and_would_be_noticed(inverting, used):
    """The accumulator reads what it writes whenever two hits on a neuron follow each other; its forwarding hides that."""
    dut = Accumulator(LayerShape(2, 1, 3, 8, 4, 8))
    seen = 0

    async def testbench(ctx):
        nonlocal seen
        for address in range(3):
            fields = load_word(MemoryKind.START_POTENTIALS, address, 0xF0)
            ctx.set(dut.load.payload, dict(zip(dut.load.payload.shape().members, fields, strict=True)))
            ctx.set(dut.load.valid, 1)
            await ctx.tick()
        ctx.set(dut.load.valid, 0)
        while ctx.get(dut.busy):
            await ctx.tick()
        ctx.set(dut.i.payload, {"neuron": 1, "weight": 3})
        ctx.set(dut.i.valid, 1)
        for _ in range(5):
            await ctx.tick()
            seen += sum(ctx.get(signal) for signal in InvertingMemory.collisions)
        ctx.set(dut.i.valid, 0)
        # A query in the cycle of the last write is against the accumulator's rules, and shows what they are for.
        for _ in range(0 if used else 3):
            await ctx.tick()
        ctx.set(dut.query.payload, 1)
        ctx.set(dut.query.valid, 1)
        await ctx.tick()
        ctx.set(dut.query.valid, 0)
        potential = ctx.get(dut.potential)
        assert (potential == 0xF0 + 5 * 3) != used

    simulate(dut, testbench)
    assert seen >= 3
