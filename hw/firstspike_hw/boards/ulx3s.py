"""Radiona ULX3S, with any of its four FPGAs."""

from amaranth_boards import ulx3s

from .board import Board
from .family import ECP5


def _board(size: str, platform: type, *, lanes: int, logic: int, block_rams: int, price_usd: int) -> Board:
    return Board(
        name=f"ulx3s-{size.lower()}",
        title=f"Radiona ULX3S {size}",
        fpga=f"LFE5U-{size}",
        platform=platform,
        family=ECP5,
        clock_hz=81_250_000,  # 650 / 8 MHz, 27 cycles a bit
        baud=3_000_000,  # the most that its FT231X can do
        lanes=lanes,
        buffer_bits=12,
        initial_contents=True,
        logic=logic,
        block_rams=block_rams,
        lights=4,
        reset_button=("button_fire", 0),
        price_usd=price_usd,
        loader=("--board", "ulx3s", "--write-flash"),
    )


# The 12F is the die of the 25F under another name; the open tools use all of it.
BOARDS = (
    _board("12F", ulx3s.ULX3S_12F_Platform, lanes=32, logic=24_288, block_rams=56, price_usd=130),
    _board("25F", ulx3s.ULX3S_25F_Platform, lanes=32, logic=24_288, block_rams=56, price_usd=140),
    _board("45F", ulx3s.ULX3S_45F_Platform, lanes=32, logic=43_848, block_rams=108, price_usd=160),
    _board("85F", ulx3s.ULX3S_85F_Platform, lanes=32, logic=83_640, block_rams=208, price_usd=200),
)
