"""Sipeed Tang Nano 9K."""

from amaranth.build import Attrs
from amaranth_boards.resources import ButtonResources, LEDResources
from amaranth_boards.tang_nano_9k import TangNano9kPlatform

from .board import Board
from .fpga import GW1NR_9


class Platform(TangNano9kPlatform):
    """The platform of amaranth-boards, but for the bank of the LEDs and buttons: it runs at 1.8 V (Sipeed's schematic)."""

    resources = (
        *(resource for resource in TangNano9kPlatform.resources if resource.name not in ("led", "button")),
        *LEDResources(pins="10 11 13 14 15 16", invert=True, attrs=Attrs(IO_TYPE="LVCMOS18")),
        *ButtonResources(pins="3 4", invert=True, attrs=Attrs(IO_TYPE="LVCMOS18", PULL_MODE="UP")),
    )


BOARDS = (
    Board(
        name="tang-nano-9k",
        title="Sipeed Tang Nano 9K",
        fpga=GW1NR_9,
        platform=Platform,
        clock_hz=54_000_000,
        # Its BL702 looks like an FTDI chip of 3 Mbaud at most, and was seen to do them
        # (github.com/sipeed/TangNano-9K-example/issues/7); one step less, to be safe.
        baud=2_000_000,
        lanes=2,
        buffer_bits=11,
        initial_contents=True,
        lights=4,
        reset_button=("button", 0),
        price_usd=15,
        loader=("--board", "tangnano9k", "--write-flash"),
    ),
)
