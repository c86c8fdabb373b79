"""The families of devices that boards have, each with an open toolchain of its own."""

from dataclasses import dataclass

from .pll import Pll
from .pll_ecp5 import Ecp5Pll
from .pll_gowin import GowinPll
from .pll_ice40 import Ice40Pll


@dataclass(frozen=True)
class Family:
    """A family of devices.

    Parameters
    ----------
    name : str
    pll : type of Pll
        What makes clocks in these devices.
    router, packer : str
        The programs that place and route, and that write the bitstream.
    synthesis : str
        Options for Yosys's command for this family.
    suffix : str
        Of the bitstream's file.
    logic, flip_flops, block_rams : str
        What the report of place-and-route calls them; empty where it does not count them.
    """

    name: str
    pll: type[Pll]
    router: str
    packer: str
    synthesis: str
    suffix: str
    logic: str
    flip_flops: str
    block_rams: str


ECP5 = Family("ECP5", Ecp5Pll, "nextpnr-ecp5", "ecppack", "", ".bit", "TRELLIS_COMB", "TRELLIS_FF", "DP16KD")
#: Its flip-flops are parts of the logic cells.
ICE40 = Family("iCE40", Ice40Pll, "nextpnr-ice40", "icepack", "", ".bin", "ICESTORM_LC", "", "ICESTORM_RAM")
#: Wide multiplexers take more LUTs than they save, and nextpnr finds it hard to place them.
GOWIN = Family("Gowin", GowinPll, "nextpnr-himbaechel", "gowin_pack", "-nowidelut", ".fs", "LUT4", "DFF", "BSRAM")
FAMILIES = (ECP5, ICE40, GOWIN)
