"""What the PLLs of all families share."""

from abc import abstractmethod
from typing import Generic, TypeVar

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.io import PortLike
from amaranth.lib.wiring import Out

#: What a family's primitive divides by.
Dividers = TypeVar("Dividers")


class Pll(wiring.Component, Generic[Dividers]):
    """Makes one clock from the clock at a pin.

    A subclass knows the primitive of one family, and computes its dividers from the frequencies.

    Parameters
    ----------
    port : PortLike
        The pin with the clock.
    input_hz, output_hz : int
        Frequency at the pin, and the wanted one.

    Members
    -------
    clock : ``Out(1)``
    locked : ``Out(1)``
        The clock has its frequency.

    Raises
    ------
    ValueError
        If a frequency is out of the PLL's range, or no dividers give exactly the frequency that is wanted.
    """

    def __init__(self, port: PortLike, input_hz: int, output_hz: int):
        self._port, self._input_hz = port, input_hz
        self._dividers: Dividers = self.dividers(input_hz, output_hz)
        super().__init__({"clock": Out(1), "locked": Out(1)})

    @classmethod
    @abstractmethod
    def dividers(cls, input_hz: int, output_hz: int) -> Dividers:
        """Return what the primitive divides by."""

    @abstractmethod
    def elaborate(self, platform: object) -> Module:
        """Return the primitive with its clock and its dividers."""


def check_range(what: str, hz: int, limits: tuple[float, float]) -> None:
    """Raise `ValueError` if a frequency is out of a PLL's limits."""
    low, high = limits
    if not low <= hz <= high:
        raise ValueError(f"The PLL's {what} must be {low / 1e6:g} .. {high / 1e6:g} MHz, not {hz / 1e6:g} MHz")


def none_fits(input_hz: int, output_hz: int) -> ValueError:
    """Return the error for a frequency that no dividers give."""
    return ValueError(f"The PLL cannot make exactly {output_hz / 1e6:g} MHz from {input_hz / 1e6:g} MHz; choose another clock")
