"""The UART on a line that is written and read bit by bit, with clocks that differ."""

import random

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_hw.link.uart import UartReceiver, UartTransmitter

from ..bench import note, sender, simulate, watch

BYTES = bytes([0x00, 0xFF, 0x55, 0xAA, 0x01, 0x80]) + random.Random(0).randbytes(20)


def levels(byte: int) -> list[int]:
    return [0, *(byte >> bit & 1 for bit in range(8)), 1]


@pytest.mark.parametrize("divisor", [1, 2, 4, 7, 16])
@pytest.mark.parametrize("stalls", [0, 0.9])
def test_transmitted_bytes_are_on_the_line(divisor, stalls):
    dut = UartTransmitter(divisor)
    line = []

    async def settle(ctx):
        await ctx.tick().repeat(len(BYTES) * 14 * divisor + 400)

    simulate(dut, sender(dut.i, BYTES, stalls=stalls), settle, background=(note(dut.tx, line),))
    got, at = [], 0
    while 0 in line[at:]:
        at = line.index(0, at)
        frame = line[at : at + 10 * divisor]
        assert all(len(set(frame[bit * divisor : (bit + 1) * divisor])) == 1 for bit in range(10))
        bits = frame[::divisor]
        assert (bits[0], bits[9]) == (0, 1)
        got.append(sum(level << bit for bit, level in enumerate(bits[1:9])))
        at += 10 * divisor
    assert bytes(got) == BYTES
    if not stalls:
        assert at - line.index(0) == 10 * divisor * len(BYTES)  # no pause


@pytest.mark.parametrize("divisor", [4, 5, 16, 33])
@pytest.mark.parametrize("drift", [-0.03, 0, 0.03])
def test_bytes_come_from_a_line_with_another_clock(divisor, drift):
    dut = UartReceiver(divisor)
    rng = random.Random(f"{divisor} {drift}")
    period = divisor * (1 + drift) if divisor > 5 else divisor  # four cycles a bit leave no room for a drift
    edges, now = [], 20.0
    for byte in BYTES:
        for level in levels(byte):
            edges.append((now, level))
            now += period
        now += rng.choice([0, 0, rng.random() * 3 * divisor])
    got = []

    async def drive(ctx):
        cycle = 0
        for at, level in edges:
            await ctx.tick().repeat(max(0, round(at) - cycle)) if round(at) > cycle else None
            cycle = max(cycle, round(at))
            ctx.set(dut.rx, level)
        await ctx.tick().repeat(4 * divisor)

    simulate(dut, drive, background=(watch(dut.o, got),))
    assert bytes(item for _, item in got) == BYTES


def test_glitches_and_a_missing_stop_bit_give_no_byte():
    dut = UartReceiver(8)
    got = []

    async def drive(ctx):
        for levels_and_cycles in (
            [(1, 30), (0, 2), (1, 40)],  # a glitch
            [(0, 8), *((1, 8) for _ in range(8)), (0, 16), (1, 100)],  # 0xFF without a stop bit
            [(level, 8) for level in levels(0x3C)],
            [(1, 30)],
        ):
            for level, cycles in levels_and_cycles:
                ctx.set(dut.rx, level)
                await ctx.tick().repeat(cycles)

    simulate(dut, drive, background=(watch(dut.o, got),))
    assert [item for _, item in got][-1] == 0x3C
    assert 0xFF not in [item for _, item in got]


class Loop(wiring.Component):
    """A transmitter and a receiver on one line."""

    def __init__(self, divisor: int):
        self._divisor = divisor
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(8, always_ready=True))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.transmitter = transmitter = UartTransmitter(self._divisor)
        m.submodules.receiver = receiver = UartReceiver(self._divisor)
        line = Signal(init=1)
        m.d.comb += [line.eq(transmitter.tx), receiver.rx.eq(line)]
        wiring.connect(m, wiring.flipped(self.i), transmitter.i)
        wiring.connect(m, receiver.o, wiring.flipped(self.o))
        return m


@pytest.mark.parametrize("divisor", [4, 5, 8, 27])
def test_from_transmitter_to_receiver(divisor):
    dut, got = Loop(divisor), []

    async def settle(ctx):
        while len(got) < len(BYTES):
            await ctx.tick()

    simulate(dut, sender(dut.i, BYTES), settle, background=(watch(dut.o, got),))
    assert bytes(item for _, item in got) == BYTES
