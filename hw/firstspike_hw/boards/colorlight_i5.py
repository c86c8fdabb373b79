"""Colorlight i5, an LED receiver card, on Muse Lab's extension board."""

from typing import Any

from amaranth.build import Attrs, Clock, Pins, PinsN, Resource
from amaranth.build.run import BuildPlan
from amaranth.hdl import Fragment
from amaranth.vendor import LatticeECP5Platform
from amaranth_boards.resources import LEDResources, UARTResource

from .board import Board
from .fpga import ECP5_25K

_ATTRS = Attrs(IO_TYPE="LVCMOS33")


class ColorlightI5Platform(LatticeECP5Platform):
    """Version 7.0 of the card; 6.0 has the same pins.

    Clock, LED: github.com/wuxx/Colorlight-FPGA-Projects, README.md. Serial line, which leads to the extension board's USB
    adapter, and button: litex-boards, litex_boards/platforms/colorlight_i5.py.
    """

    device = "LFE5U-25F"
    package = "BG381"
    speed = "6"
    default_clk = "clk25"
    resources = (
        Resource("clk25", 0, Pins("P3", dir="i"), Clock(25e6), _ATTRS),
        Resource("reset", 0, PinsN("K18", dir="i"), Attrs(IO_TYPE="LVCMOS33", PULLMODE="UP")),
        *LEDResources(pins="U16", invert=True, attrs=_ATTRS),
        UARTResource(0, rx="H18", tx="J17", attrs=_ATTRS),
    )
    connectors = ()

    def toolchain_prepare(self, fragment: Fragment, name: str, **kwargs: Any) -> BuildPlan:
        """Return the build's steps; the bitstream is compressed."""
        return super().toolchain_prepare(fragment, name, ecppack_opts="--compress", **kwargs)


BOARDS = (
    Board(
        name="colorlight-i5",
        title="Colorlight i5 7.0 on its extension board",
        fpga=ECP5_25K,
        platform=ColorlightI5Platform,
        clock_hz=81_250_000,
        # The extension board's DAPLink has a microcontroller for a USB adapter. Its usual rate; more was not tried.
        baud=115_200,
        lanes=32,
        buffer_bits=12,
        initial_contents=True,
        lights=1,
        reset_button=("reset", 0),
        price_usd=45,
        # The card is sold with its flash memory locked.
        loader=("--board", "colorlight-i5", "--unprotect-flash", "--write-flash"),
    ),
)
