"""The large memories of the iCE40 UltraPlus."""

from amaranth.hdl import Cat, ClockSignal, Instance, Module, Signal
from amaranth.lib import wiring

from .ram import ram_members

WORDS, BITS = 1 << 14, 16


class Spram(wiring.Component):
    """One of the four memories of 16,384 words of 16 bits. What it holds at power-up is unknown.

    Lattice, iCE40 SPRAM Usage Guide (TN 02022): one port, which reads or writes in a cycle.

    Parameters
    ----------
    bits, depth : int
        At most `BITS`, and at most `WORDS`.

    Members
    -------
    address, write, data, word
        As of `InferredRam`, with one port.
    """

    def __init__(self, *, bits: int, depth: int):
        super().__init__(ram_members(bits=bits, depth=depth, ports=1))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        address, data, shown = Signal(range(WORDS)), Signal(BITS), Signal(BITS)
        m.d.comb += [address.eq(self.address[0]), data.eq(self.data)]
        m.submodules.spram = Instance(
            "SB_SPRAM256KA",
            i_CLOCK=ClockSignal(),
            i_ADDRESS=address,
            i_DATAIN=data,
            i_MASKWREN=Cat(self.write, self.write, self.write, self.write),
            i_WREN=self.write,
            i_CHIPSELECT=1,
            i_STANDBY=0,
            i_SLEEP=0,
            i_POWEROFF=1,  # low is off
            o_DATAOUT=shown,
        )
        m.d.sync += self.word[0].eq(shown)
        return m
