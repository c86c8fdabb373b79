"""What the memories of an FPGA are made of, as far as the gateware chooses."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class MemoryStyle:
    """The memories of a kind of FPGA: a parameter of the build, which it passes to all components.

    Parameters
    ----------
    name : str
    output_registers : bool
        Block RAMs are those of the ECP5, and their output registers are used (`Dp16kd`).
    lut_ram : bool
        LUTs can be memories.
    lut_ram_words : int
        A memory of at most this many words lies in LUTs.
    shared_lut_ram_words : int
        The same for memories that all lanes of a processor share: there are few of them, and lanes need the block RAM.
    late_lut_ram_bits : int
        A lane's memory of more words lies in LUTs all the same if it has at most this many bits. Only with
        ``output_registers``.
    lut_ram_marks : int
        The marks of a fire queue lie in LUTs if it has at most this many places; block RAM for so few bits would be nearly
        empty.
    large_ram : bool
        There are the large memories of the iCE40 UltraPlus (`Spram`). They hold nothing at power-up.
    """

    name: str
    output_registers: bool = False
    lut_ram: bool = True
    lut_ram_words: int = 64
    shared_lut_ram_words: int = 64
    late_lut_ram_bits: int = 0
    lut_ram_marks: int = 0
    large_ram: bool = False

    def has_late_words(self, depth: int) -> bool:
        """Return whether a memory of ``depth`` words lies in block RAM with output registers, which take a cycle more."""
        return self.output_registers and depth > self.lut_ram_words

    @property
    def shared(self) -> "MemoryStyle":
        """The style of memories that all lanes of a processor share."""
        return replace(self, lut_ram_words=self.shared_lut_ram_words)


#: Synthesis chooses. Words that are read a cycle after their address come as early as they can.
GENERIC_MEMORY = MemoryStyle("generic")
#: 2,560 bits take at most 380 LUTs; an ECP5 has 400 for each of its block RAMs.
ECP5_MEMORY = MemoryStyle("ECP5", output_registers=True, shared_lut_ram_words=256, late_lut_ram_bits=2560, lut_ram_marks=1024)
ICE40UP_MEMORY = MemoryStyle("iCE40 UltraPlus", lut_ram=False, large_ram=True)
