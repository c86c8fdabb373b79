"""The large memories of the iCE40 UltraPlus."""

from amaranth.hdl import Cat, ClockSignal, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

WORDS, BITS = 1 << 14, 16


def has_spram(platform: object) -> bool:
    """Return whether a design for ``platform`` can use `Spram`."""
    return getattr(platform, "device", None) == "iCE40UP5K"


class Spram(wiring.Component):
    """One of the four memories of 16,384 words of 16 bits. Nobody knows what it holds at power-up.

    Lattice, iCE40 SPRAM Usage Guide (TN 02022): one port, which reads or writes in a cycle.

    Members
    -------
    address : ``In(14)``
    read, write : ``In(1)``
        Never both.
    data : ``In(16)``
        To write.
    word : ``Out(16)``
        The word last read, from the next cycle on, until the next read or write.
    """

    address: In(14)
    read: In(1)
    write: In(1)
    data: In(BITS)
    word: Out(BITS)

    def elaborate(self, platform):
        m = Module()
        chosen = Signal()
        m.d.comb += chosen.eq(self.read | self.write)
        m.submodules.spram = Instance(
            "SB_SPRAM256KA",
            i_CLOCK=ClockSignal(),
            i_ADDRESS=self.address,
            i_DATAIN=self.data,
            i_MASKWREN=Cat(self.write, self.write, self.write, self.write),
            i_WREN=self.write,
            i_CHIPSELECT=chosen,
            i_STANDBY=0,
            i_SLEEP=0,
            i_POWEROFF=1,  # low is off
            o_DATAOUT=self.word,
        )
        return m
