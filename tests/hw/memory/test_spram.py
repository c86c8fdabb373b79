"""The iCE40's large memory behind a loadable memory, against a list; the primitive is modelled as Lattice describes it."""

import random

import pytest
from amaranth.hdl import ClockSignal, Const, Elaboratable, Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

import firstspike_hw.memory.spram
from firstspike_hw.memory.loadable_memory import LoadableMemory
from firstspike_hw.memory.style import ICE40UP_MEMORY
from firstspike_spec.common.words import Memory as MemoryKind

from ..bench import simulate
from .test_loadable_memory import check


class Primitive(Elaboratable):
    """SB_SPRAM256KA (TN 02022): one port; what it shows after a write is unknown."""

    made: list["Primitive"] = []  # noqa: RUF012

    def __init__(self, name: str, **ports: Value):
        assert name == "SB_SPRAM256KA"
        assert isinstance(ports.pop("i_CLOCK"), ClockSignal)
        # On, awake, and not in standby.
        assert [int(Const.cast(Value.cast(ports.pop(f"i_{pin}"))).value) for pin in ("POWEROFF", "SLEEP", "STANDBY")] == [
            1,
            0,
            0,
        ]
        self._ports = {name: Value.cast(value) for name, value in ports.items()}
        self.made.append(self)

    def elaborate(self, platform):
        m = Module()
        m.submodules.cells = cells = Memory(shape=16, depth=1 << 14, init=[])
        read, write = cells.read_port(), cells.write_port(granularity=4)
        ports, unknown = self._ports, Signal()
        assert len(ports["i_ADDRESS"]) == 14
        chosen, writes = ports["i_CHIPSELECT"], ports["i_WREN"]
        m.d.comb += [
            read.addr.eq(ports["i_ADDRESS"]),
            read.en.eq(chosen & ~writes),
            write.addr.eq(ports["i_ADDRESS"]),
            write.data.eq(ports["i_DATAIN"]),
            write.en.eq(Mux(chosen & writes, ports["i_MASKWREN"], 0)),
            ports["o_DATAOUT"].eq(Mux(unknown, ~read.data, read.data)),
        ]
        with m.If(chosen):
            m.d.sync += unknown.eq(writes)
        return m


@pytest.fixture
def modelled(monkeypatch):
    monkeypatch.setattr(Primitive, "made", [])
    monkeypatch.setattr(firstspike_hw.memory.spram, "Instance", Primitive)


@pytest.mark.parametrize(("bits", "depth"), [(16, 1 << 14), (13, 4000), (12, 2731)])
def test_loads_reads_and_peeks_in_random_order(modelled, bits, depth):
    rng = random.Random(bits)
    dut = LoadableMemory(MemoryKind.ENTRIES, bits=bits, depth=depth, style=ICE40UP_MEMORY)
    places = [0, depth - 1, *(rng.randrange(depth) for _ in range(20))]
    check(dut, rng, bits=bits, depth=depth, init=[None] * depth, ports=1, places=places, cycles=1000)
    assert len(Primitive.made) == 1


@pytest.mark.parametrize(
    ("bits", "depth", "init", "ports"),
    [(17, 4000, [], 1), (16, 2000, [], 1), (16, (1 << 14) + 1, [], 1), (16, 4000, [1], 1), (16, 4000, [], 2)],
)
def test_what_does_not_fit_goes_elsewhere(modelled, bits, depth, init, ports):
    dut = LoadableMemory(MemoryKind.ENTRIES, bits=bits, depth=depth, contents=init, ports=ports, style=ICE40UP_MEMORY)

    async def testbench(ctx):
        await ctx.tick()

    simulate(dut, testbench)
    assert not Primitive.made
