"""The PLL of the Gowin GW1N and GW1NR."""

from dataclasses import dataclass

from amaranth.hdl import Const, Instance, Module
from amaranth.lib import io
from amaranth.vendor import GowinPlatform

from .pll import Pll, check_range, none_fits

# GW1NR series data sheet (DS117E), "PLL Switching Characteristic" of GW1NR-9, C6/I5; Project Apicula's gowin_pll has the
# same ones.
INPUT_HZ = (3e6, 400e6)
OUTPUT_HZ = (3.125e6, 600e6)
PHASE_DETECTOR_HZ = (3e6, 400e6)
OSCILLATOR_HZ = (400e6, 1200e6)
LARGEST_DIVIDER = 64
OUTPUT_DIVIDERS = (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)


@dataclass(frozen=True)
class GowinDividers:
    """Dividers of an rPLL.

    The output is ``input / input_divider * feedback``, the oscillator runs at ``output * output_divider``
    (Gowin Clock User Guide, UG286, section 5.1).
    """

    input_divider: int
    feedback: int
    output_divider: int


class GowinPll(Pll[GowinDividers]):
    """rPLL, with the feedback inside.

    The primitive needs the chip's name, which is the platform's ``family``.
    """

    @classmethod
    def dividers(cls, input_hz: int, output_hz: int) -> GowinDividers:
        check_range("input", input_hz, INPUT_HZ)
        check_range("output", output_hz, OUTPUT_HZ)
        for input_divider in range(1, LARGEST_DIVIDER + 1):
            feedback, rest = divmod(output_hz * input_divider, input_hz)
            if rest or not 1 <= feedback <= LARGEST_DIVIDER:
                continue
            if not PHASE_DETECTOR_HZ[0] <= input_hz / input_divider <= PHASE_DETECTOR_HZ[1]:
                continue
            for output_divider in OUTPUT_DIVIDERS:
                if OSCILLATOR_HZ[0] < output_hz * output_divider < OSCILLATOR_HZ[1]:
                    return GowinDividers(input_divider, feedback, output_divider)
        raise none_fits(input_hz, output_hz)

    def elaborate(self, platform: object) -> Module:
        if not isinstance(platform, GowinPlatform):
            raise TypeError(f"an rPLL needs a Gowin platform, not {type(platform).__name__}")
        m = Module()
        m.submodules.buffer = buffer = io.Buffer("i", self._port)
        m.submodules.primitive = Instance(
            "rPLL",
            p_DEVICE=platform.family,
            p_FCLKIN=f"{self._input_hz / 1e6:g}",
            p_IDIV_SEL=self._dividers.input_divider - 1,
            p_FBDIV_SEL=self._dividers.feedback - 1,
            p_ODIV_SEL=self._dividers.output_divider,
            p_DYN_IDIV_SEL="false",
            p_DYN_FBDIV_SEL="false",
            p_DYN_ODIV_SEL="false",
            p_CLKFB_SEL="internal",
            i_CLKIN=buffer.i,
            i_CLKFB=0,
            i_RESET=0,
            i_RESET_P=0,
            i_IDSEL=Const(0, 6),
            i_FBDSEL=Const(0, 6),
            i_ODSEL=Const(0, 6),
            i_PSDA=Const(0, 4),
            i_DUTYDA=Const(0, 4),
            i_FDLY=Const(0, 4),
            o_CLKOUT=self.clock,
            o_LOCK=self.locked,
        )
        return m
