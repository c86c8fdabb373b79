"""The PLL of the Lattice iCE40."""

from dataclasses import dataclass

from amaranth.hdl import Const, Instance, Module

from .pll import Pll, check_range, none_fits

# iCE40 UltraPlus Family Data Sheet (FPGA-DS-02008), "sysCLOCK PLL Timing"; Project IceStorm's icepll uses the same ones.
INPUT_HZ = (10e6, 133e6)
OUTPUT_HZ = (16e6, 275e6)
PHASE_DETECTOR_HZ = (10e6, 133e6)
OSCILLATOR_HZ = (533e6, 1066e6)
LARGEST_DIVR, LARGEST_DIVF = 15, 127
DIVQ = range(1, 7)
#: FILTER_RANGE by the highest frequency of the phase detector, as icepll has it.
FILTER_RANGES = ((17e6, 1), (26e6, 2), (44e6, 3), (66e6, 4), (101e6, 5), (133e6, 6))


@dataclass(frozen=True)
class Ice40Dividers:
    """Dividers of an SB_PLL40 with simple feedback.

    The oscillator runs at ``input / (divr + 1) * (divf + 1)``, the output is that by ``2 ** divq``
    (iCE40 sysCLOCK PLL Design and Usage Guide, FPGA-TN-02052; Project IceStorm, icepll/icepll.cc).
    """

    divr: int
    divf: int
    divq: int
    filter_range: int


class Ice40Pll(Pll[Ice40Dividers]):
    """SB_PLL40_PAD, on the one clock pin that leads straight to the PLL."""

    @classmethod
    def dividers(cls, input_hz: int, output_hz: int) -> Ice40Dividers:
        check_range("input", input_hz, INPUT_HZ)
        check_range("output", output_hz, OUTPUT_HZ)
        for divr in range(LARGEST_DIVR + 1):
            detector_hz = input_hz / (divr + 1)
            if not PHASE_DETECTOR_HZ[0] <= detector_hz <= PHASE_DETECTOR_HZ[1]:
                continue
            for divq in DIVQ:
                oscillator_hz = output_hz << divq
                divf, rest = divmod(oscillator_hz * (divr + 1), input_hz)
                if OSCILLATOR_HZ[0] <= oscillator_hz <= OSCILLATOR_HZ[1] and not rest and divf <= LARGEST_DIVF + 1:
                    filter_range = next(number for most, number in FILTER_RANGES if detector_hz <= most)
                    return Ice40Dividers(divr, divf - 1, divq, filter_range)
        raise none_fits(input_hz, output_hz)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.primitive = Instance(
            "SB_PLL40_PAD",
            p_FEEDBACK_PATH="SIMPLE",
            p_DIVR=Const(self._dividers.divr, 4),
            p_DIVF=Const(self._dividers.divf, 7),
            p_DIVQ=Const(self._dividers.divq, 3),
            p_FILTER_RANGE=Const(self._dividers.filter_range, 3),
            io_PACKAGEPIN=self._port.io,
            i_RESETB=1,
            i_BYPASS=0,
            o_PLLOUTGLOBAL=self.clock,
            o_LOCK=self.locked,
        )
        return m
