"""1BitSquared iCEBreaker."""

from amaranth_boards.icebreaker import ICEBreakerPlatform

from .board import Board
from .fpga import ICE40UP5K

BOARDS = (
    Board(
        name="icebreaker",
        title="1BitSquared iCEBreaker 1.0",
        fpga=ICE40UP5K,
        platform=ICEBreakerPlatform,
        clock_hz=24_000_000,  # 12 MHz * 64 / 32, 6 cycles a bit
        baud=4_000_000,
        lanes=1,
        buffer_bits=10,
        initial_contents=False,  # the large memories that hold the connections have none at power-up
        lights=2,
        reset_button=("button", 0),
        price_usd=80,
        # Its jumpers lead to the flash memory; the FPGA's own memory cannot be written from outside.
        loader=("--board", "ice40_generic", "--write-flash"),
    ),
)
