"""The devices that bare engines are placed and routed for."""

from dataclasses import dataclass

from firstspike_spec.common.errors import InputError

from .family import ECP5, GOWIN, ICE40, Family

#: The file of `Device.constraints`.
CONSTRAINTS = "pins.cst"
# Of the Tang Nano 9K: its clock, and some that nothing is connected to.
_GOWIN_PINS = {"clk": 52, "rst": 27, "i": 28, "shift": 29, "o": 30}


@dataclass(frozen=True)
class Device:
    """A device, without a board.

    Parameters
    ----------
    name : str
    part : str
        As Amaranth's platforms call it; components choose their memories by it.
    family : Family
    synthesis : str
        Yosys's command.
    logic, block_rams : int
        How many it has, of what `Family.logic` and `Family.block_rams` count.
    routing : tuple of str
        nextpnr's arguments beside `Family.routing`: the device, its package and speed grade; pins are chosen freely.
    constraints : str
        What is in the file `CONSTRAINTS` where ``routing`` names it: nextpnr chooses no pins on a Gowin device, and sometimes
        one for the clock of the ECP5-25F that does not lead to a clock.
    """

    name: str
    part: str
    family: Family
    synthesis: str
    logic: int
    block_rams: int
    routing: tuple[str, ...]
    constraints: str = ""


class Platform:
    """What components ask a platform for."""

    def __init__(self, device: Device):
        self.device = device.part


DEVICES = {
    device.name: device
    for device in (
        Device(
            "ecp5-85k",
            "LFE5U-85F",
            ECP5,
            "synth_ecp5",
            83_640,
            208,
            ("--85k", "--package", "CABGA381", "--speed", "6", "--lpf-allow-unconstrained"),
        ),
        Device(
            "ecp5-25k",
            "LFE5U-25F",
            ECP5,
            "synth_ecp5",
            24_288,
            56,
            ("--25k", "--package", "CABGA381", "--speed", "6", "--lpf", CONSTRAINTS, "--lpf-allow-unconstrained"),
            constraints='LOCATE COMP "clk" SITE "G2";',
        ),
        Device("ice40up5k", "iCE40UP5K", ICE40, "synth_ice40", 5_280, 30, ("--up5k", "--package", "sg48")),
        Device(
            "gw1nr-9",
            "GW1NR-LV9QN88PC6/I5",
            GOWIN,
            "synth_gowin",
            8_640,
            26,
            ("--device", "GW1NR-LV9QN88PC6/I5", "--vopt", "family=GW1N-9C", "--vopt", f"cst={CONSTRAINTS}"),
            constraints="\n".join(f'IO_LOC "{port}" {pin};' for port, pin in _GOWIN_PINS.items()),
        ),
    )
}


def find_device(name: str) -> Device:
    """Return a device by its name.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in DEVICES:
        raise InputError(f"unknown device {name!r}: name one of {', '.join(DEVICES)}")
    return DEVICES[name]
