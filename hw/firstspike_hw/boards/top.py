"""The design at the top of a bitstream: the accelerator behind a board's pins."""

from amaranth.build import Platform
from amaranth.hdl import ClockDomain, ClockSignal, Module, Signal
from amaranth.lib import io, wiring
from amaranth.lib.cdc import ResetSynchronizer

from firstspike_spec.compiler.contents import EngineContents
from firstspike_spec.protocol.shapes import Shape

from ..link.serial_top import LIGHTS, SerialTop
from ..memory.style import GENERIC_MEMORY, MemoryStyle
from .board import Board


def accelerator_of(
    board: Board,
    shape: Shape,
    contents: EngineContents | None = None,
    *,
    memory_style: MemoryStyle = GENERIC_MEMORY,
) -> SerialTop:
    """Return all of a board's design but its clock generator and its pins, with memories for its FPGA or for simulation."""
    return SerialTop(
        shape,
        contents,
        clock_hz=board.clock_hz,
        baud=board.baud,
        board=board.name,
        buffer_bits=board.buffer_bits,
        memory_style=memory_style,
    )


class BoardTop(wiring.Component):
    """Gives the accelerator a clock, a reset, the board's serial line and its LEDs.

    The reset holds until the PLL has locked, and while the reset button is pressed.

    Parameters
    ----------
    board : Board
    shape : EngineShape or ProcessorShape
    contents : EngineContents, optional
        The network that the memories hold at power-up; only for a board with `Board.initial_contents`.
    """

    def __init__(self, board: Board, shape: Shape, contents: EngineContents | None = None):
        self._board, self._shape, self._contents = board, shape, contents
        super().__init__({})

    def elaborate(self, platform: Platform) -> Module:
        m = Module()
        board = self._board

        clock = platform.request(platform.default_clk, dir="-")
        m.submodules.pll = pll = board.family.pll(clock, int(platform.default_clk_frequency), board.clock_hz)
        pressed = Signal()
        if board.reset_button:
            m.submodules.reset_button = button = io.Buffer("i", platform.request(*board.reset_button, dir="-"))
            m.d.comb += pressed.eq(button.i)
        m.domains.sync = ClockDomain()
        m.d.comb += ClockSignal().eq(pll.clock)
        m.submodules.reset = ResetSynchronizer(~pll.locked | pressed, domain="sync")

        m.submodules.accelerator = accelerator = accelerator_of(
            board, self._shape, self._contents, memory_style=board.fpga.memory_style
        )
        uart = platform.request("uart", dir="-")
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        m.d.comb += [accelerator.rx.eq(rx.i), tx.o.eq(accelerator.tx)]

        for index, name in enumerate(list(LIGHTS.members)[: board.lights]):
            m.submodules[f"light_{name}"] = light = io.Buffer("o", platform.request("led", index, dir="-"))
            m.d.comb += light.o.eq(accelerator.lights[name])
        return m
