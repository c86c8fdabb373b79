"""What a build must know about a board."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from amaranth.build import Platform

from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.network.network import Network

from .family import Family
from .fpga import Fpga

#: How far off the rate of the serial line may be. A frame of 10 bits bears about 4 %, and the host needs some of that.
BAUD_TOLERANCE = 0.01
#: Clock cycles that the UART needs for a bit.
LEAST_DIVISOR = 4


@dataclass(frozen=True)
class Board:
    """A board.

    Parameters
    ----------
    name : str
        What users call it on the command line.
    title : str
        What it is.
    fpga : Fpga
    platform : callable
        Returns Amaranth's platform, new for each build. The engine's clock is made from its ``default_clk``.
    clock_hz : int
        The engine's clock.
    baud : int
        Rate of the serial line.
    lanes : int
        Lanes of each hidden layer, by default.
    buffer_bits : int
        ``2 ** buffer_bits`` bytes of frames can wait in front of the engine.
    initial_contents : bool
        The bitstream contains the network. Otherwise the memories are empty at first, and the host loads it.
    lights : int
        LEDs in use: the first of `LIGHTS`.
    reset_button : (str, int) or None
        Resource of the button that resets the engine.
    price_usd : int
        Approximate price.
    loader : tuple of str
        Arguments with which openFPGALoader writes a bitstream into the board's flash memory.

    Raises
    ------
    ValueError
        If the baud rate cannot be made from the clock.
    """

    name: str
    title: str
    fpga: Fpga
    platform: Callable[[], Platform]
    clock_hz: int
    baud: int
    lanes: int
    buffer_bits: int
    initial_contents: bool
    lights: int
    reset_button: tuple[str, int] | None
    price_usd: int
    loader: tuple[str, ...]

    def __post_init__(self) -> None:
        divisor = round(self.clock_hz / self.baud)
        error = abs(self.clock_hz / max(divisor, 1) / self.baud - 1)
        if divisor < LEAST_DIVISOR or error > BAUD_TOLERANCE:
            raise ValueError(
                f"{self.name}: {self.baud} baud cannot be made from {self.clock_hz} Hz: it takes {LEAST_DIVISOR} cycles a bit "
                f"or more, and a rate within {BAUD_TOLERANCE:.0%}, not {error:.1%} off"
            )

    @property
    def family(self) -> Family:
        """The family of its FPGA."""
        return self.fpga.family

    def plan(self, network: Network, lanes: int | Sequence[int] | None = None) -> EngineShape:
        """Return the engine for a network on this board: as `Family.plan`, by default with the board's lanes."""
        return self.family.plan(network, self.lanes if lanes is None else lanes)
