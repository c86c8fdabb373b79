"""The PLL of the Lattice ECP5."""

from dataclasses import dataclass

from amaranth.hdl import Instance, Module, Signal
from amaranth.lib import io

from .pll import Pll, check_range, none_fits

# ECP5 and ECP5-5G Family Data Sheet (FPGA-DS-02012), "sysCLOCK PLL Timing"; LiteX has the same limits.
INPUT_HZ = (8e6, 400e6)
OUTPUT_HZ = (3.125e6, 400e6)
PHASE_DETECTOR_HZ = (10e6, 400e6)
OSCILLATOR_HZ = (400e6, 800e6)
LARGEST_DIVIDER = 128
#: Where Project Trellis's ecppll wants the oscillator: in the middle of its range.
BEST_OSCILLATOR_HZ = 600e6


@dataclass(frozen=True)
class Ecp5Dividers:
    """Dividers of an EHXPLLL with one output for the feedback and one for the clock.

    The oscillator runs at ``input / input_divider * feedback_divider``, the clock is that by ``output_divider``
    (Project Trellis, libtrellis/tools/ecppll.cpp, "highres", which was checked against Lattice's own tool).
    """

    input_divider: int
    feedback_divider: int
    output_divider: int


class Ecp5Pll(Pll[Ecp5Dividers]):
    """EHXPLLL: CLKOP is the feedback, CLKOS the clock."""

    @classmethod
    def dividers(cls, input_hz: int, output_hz: int) -> Ecp5Dividers:
        check_range("input", input_hz, INPUT_HZ)
        check_range("output", output_hz, OUTPUT_HZ)
        found = []
        for input_divider in range(1, LARGEST_DIVIDER + 1):
            if not PHASE_DETECTOR_HZ[0] <= input_hz / input_divider <= PHASE_DETECTOR_HZ[1]:
                continue
            for output_divider in range(1, LARGEST_DIVIDER + 1):
                feedback_divider = round(output_hz * output_divider * input_divider / input_hz)
                oscillator_hz = input_hz * feedback_divider / input_divider
                if not OSCILLATOR_HZ[0] <= oscillator_hz <= OSCILLATOR_HZ[1] or feedback_divider > LARGEST_DIVIDER:
                    continue
                if round(oscillator_hz / output_divider) == output_hz:
                    found.append(Ecp5Dividers(input_divider, feedback_divider, output_divider))
        if not found:
            raise none_fits(input_hz, output_hz)
        return min(found, key=lambda one: (one.input_divider, abs(output_hz * one.output_divider - BEST_OSCILLATOR_HZ)))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        feedback = Signal()
        m.submodules.buffer = buffer = io.Buffer("i", self._port)
        m.submodules.primitive = Instance(
            "EHXPLLL",
            # The loop filter that ecppll sets for every frequency.
            a_ICP_CURRENT="12",
            a_LPF_RESISTOR="8",
            a_MFG_ENABLE_FILTEROPAMP="1",
            a_MFG_GMCREF_SEL="2",
            p_CLKI_DIV=self._dividers.input_divider,
            p_CLKFB_DIV=1,
            p_FEEDBK_PATH="CLKOP",
            p_CLKOP_ENABLE="ENABLED",
            p_CLKOP_DIV=self._dividers.feedback_divider,
            p_CLKOP_CPHASE=self._dividers.feedback_divider - 1,
            p_CLKOP_FPHASE=0,
            p_CLKOS_ENABLE="ENABLED",
            p_CLKOS_DIV=self._dividers.output_divider,
            p_CLKOS_CPHASE=self._dividers.output_divider - 1,
            p_CLKOS_FPHASE=0,
            p_OUTDIVIDER_MUXA="DIVA",
            p_OUTDIVIDER_MUXB="DIVB",
            p_PLLRST_ENA="DISABLED",
            p_STDBY_ENABLE="DISABLED",
            p_INTFB_WAKE="DISABLED",
            p_DPHASE_SOURCE="DISABLED",
            i_CLKI=buffer.i,
            i_CLKFB=feedback,
            i_RST=0,
            i_STDBY=0,
            i_PHASESEL0=0,
            i_PHASESEL1=0,
            i_PHASEDIR=1,
            i_PHASESTEP=1,
            i_PHASELOADREG=1,
            i_PLLWAKESYNC=0,
            i_ENCLKOP=0,
            i_ENCLKOS=0,
            o_CLKOP=feedback,
            o_CLKOS=self.clock,
            o_LOCK=self.locked,
        )
        return m
