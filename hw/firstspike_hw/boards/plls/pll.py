"""What the PLLs of all device families share."""

from amaranth.lib import wiring
from amaranth.lib.io import PortLike
from amaranth.lib.wiring import Out


class Pll(wiring.Component):
    """Makes one clock from the clock at a pin.

    A subclass knows one family's primitive, and computes its dividers from the frequencies.

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
        If a frequency is out of the PLL's range, or no dividers give exactly the wanted one.
    """

    def __init__(self, port: PortLike, input_hz: int, output_hz: int):
        self._port, self._input_hz = port, input_hz
        self._dividers = self.dividers(input_hz, output_hz)
        super().__init__({"clock": Out(1), "locked": Out(1)})

    @classmethod
    def dividers(cls, input_hz: int, output_hz: int) -> object:
        """Return what the primitive divides by; each family has a type of its own."""
        raise NotImplementedError


def check_range(what: str, hz: int, limits: tuple[float, float]) -> None:
    """Raise `ValueError` if a frequency is out of a PLL's limits."""
    low, high = limits
    if not low <= hz <= high:
        raise ValueError(f"The PLL's {what} must be {low / 1e6:g} .. {high / 1e6:g} MHz, not {hz / 1e6:g} MHz")


def none_fits(input_hz: int, output_hz: int) -> ValueError:
    """Return the error for a frequency that no dividers give."""
    return ValueError(f"The PLL cannot make exactly {output_hz / 1e6:g} MHz from {input_hz / 1e6:g} MHz; choose another clock")
