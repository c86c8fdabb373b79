"""The chips: those on the boards, and those that bare engines are placed and routed for. Their sizes are known here only."""

from dataclasses import dataclass

from firstspike_spec.common.errors import InputError

from ..memory.style import ECP5_MEMORY, GENERIC_MEMORY, ICE40UP_MEMORY, MemoryStyle
from .family import ECP5, GOWIN, ICE40, Family

#: The file of `Fpga.constraints`.
CONSTRAINTS = "pins.cst"
# On the Tang Nano 9K: the clock's pin, and unused ones.
_GOWIN_PINS = {"clk": 52, "rst": 27, "i": 28, "shift": 29, "o": 30}


@dataclass(frozen=True)
class Fpga:
    """An FPGA, without a board.

    Parameters
    ----------
    name : str
        As on the command line.
    part : str
        As Amaranth's platforms call it.
    family : Family
    synthesis : str
        Yosys's command.
    logic, block_rams : int
        How many it has of what `Family.logic` and `Family.block_rams` count.
    routing : tuple of str
        nextpnr's arguments beside `Family.routing`: the chip, its package and its speed grade. nextpnr chooses the pins.
    constraints : str
        Content of the file `CONSTRAINTS` where ``routing`` names it: nextpnr chooses no pins on a Gowin chip, and on the
        ECP5-25F sometimes one for the clock that does not lead to a clock.
    memory_style : MemoryStyle
        What its memories are made of.
    """

    name: str
    part: str
    family: Family
    synthesis: str
    logic: int
    block_rams: int
    routing: tuple[str, ...]
    constraints: str = ""
    memory_style: MemoryStyle = GENERIC_MEMORY


def _ecp5(size: str, logic: int, block_rams: int, *, clock_pin: str | None = None) -> Fpga:
    constraints = ("--lpf", CONSTRAINTS) if clock_pin else ()
    return Fpga(
        f"ecp5-{size}k",
        f"LFE5U-{size}F",
        ECP5,
        "synth_ecp5",
        logic,
        block_rams,
        (f"--{size}k", "--package", "CABGA381", "--speed", "6", *constraints, "--lpf-allow-unconstrained"),
        f'LOCATE COMP "clk" SITE "{clock_pin}";' if clock_pin else "",
        memory_style=ECP5_MEMORY,
    )


# The 12F is the die of the 25F under another name; the open tools use all of it.
ECP5_12K = _ecp5("12", 24_288, 56, clock_pin="G2")
ECP5_25K = _ecp5("25", 24_288, 56, clock_pin="G2")
ECP5_45K = _ecp5("45", 43_848, 108)
ECP5_85K = _ecp5("85", 83_640, 208)
ICE40UP5K = Fpga(
    "ice40up5k",
    "iCE40UP5K",
    ICE40,
    "synth_ice40",
    5_280,
    30,
    ("--up5k", "--package", "sg48"),
    memory_style=ICE40UP_MEMORY,
)
GW1NR_9 = Fpga(
    "gw1nr-9",
    "GW1NR-LV9QN88PC6/I5",
    GOWIN,
    "synth_gowin",
    8_640,
    26,
    ("--device", "GW1NR-LV9QN88PC6/I5", "--vopt", "family=GW1N-9C", "--vopt", f"cst={CONSTRAINTS}"),
    constraints="\n".join(f'IO_LOC "{port}" {pin};' for port, pin in _GOWIN_PINS.items()),
)

#: All FPGAs, by name.
FPGAS = {fpga.name: fpga for fpga in (ECP5_85K, ECP5_45K, ECP5_25K, ECP5_12K, ICE40UP5K, GW1NR_9)}


def find_fpga(name: str) -> Fpga:
    """Return an FPGA by its name.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in FPGAS:
        raise InputError(f"unknown FPGA {name!r}: name one of {', '.join(FPGAS)} (firstspike boards lists each board's)")
    return FPGAS[name]
