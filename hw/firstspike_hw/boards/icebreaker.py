"""1BitSquared iCEBreaker."""

from amaranth_boards.icebreaker import ICEBreakerPlatform

from .board import Board
from .family import ICE40

BOARDS = (
    Board(
        name="icebreaker",
        title="1BitSquared iCEBreaker 1.0",
        fpga="iCE40UP5K",
        platform=ICEBreakerPlatform,
        family=ICE40,
        clock_hz=24_000_000,  # 12 MHz * 64 / 32, 6 cycles a bit
        baud=4_000_000,
        lanes=1,
        buffer_bits=10,
        initial_contents=False,  # the large memories that hold the connections have none at power-up
        logic=5_280,
        block_rams=30,
        lights=2,
        reset_button=("button", 0),
        price_usd=80,
        # Its jumpers lead to the flash memory; the FPGA's own memory cannot be written from outside.
        loader=("--board", "ice40_generic", "--write-flash"),
    ),
)
