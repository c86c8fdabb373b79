"""Radiona ULX3S, with any of its four FPGAs."""

from amaranth.build import Platform
from amaranth_boards import ulx3s

from .board import Board
from .fpga import ECP5_12K, ECP5_25K, ECP5_45K, ECP5_85K, Fpga


def _board(size: str, fpga: Fpga, platform: type[Platform], *, price_usd: int) -> Board:
    return Board(
        name=f"ulx3s-{size.lower()}",
        title=f"Radiona ULX3S {size}",
        fpga=fpga,
        platform=platform,
        clock_hz=81_250_000,  # 650 / 8 MHz, 27 cycles a bit
        baud=3_000_000,  # the most that its FT231X can do
        lanes=32,
        buffer_bits=12,
        initial_contents=True,
        lights=4,
        reset_button=("button_fire", 0),
        price_usd=price_usd,
        loader=("--board", "ulx3s", "--write-flash"),
    )


BOARDS = (
    _board("12F", ECP5_12K, ulx3s.ULX3S_12F_Platform, price_usd=130),
    _board("25F", ECP5_25K, ulx3s.ULX3S_25F_Platform, price_usd=140),
    _board("45F", ECP5_45K, ulx3s.ULX3S_45F_Platform, price_usd=160),
    _board("85F", ECP5_85K, ulx3s.ULX3S_85F_Platform, price_usd=200),
)
