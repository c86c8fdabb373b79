"""The PLLs' dividers, against a search of everything that the data sheets allow."""

from fractions import Fraction

import pytest

from firstspike_hw.boards.plls.ecp5 import Ecp5Pll
from firstspike_hw.boards.plls.gowin import GowinPll
from firstspike_hw.boards.plls.ice40 import Ice40Pll
from firstspike_hw.boards.registry import BOARDS

MHZ = 1_000_000


def ecp5_outputs(input_hz):
    """By Lattice FPGA-DS-02012: detector 10 .. 400 MHz, oscillator 400 .. 800 MHz, output 3.125 .. 400 MHz."""
    for divider in range(1, 129):
        for feedback in range(1, 129):
            oscillator = Fraction(input_hz * feedback, divider)
            if Fraction(input_hz, divider) >= 10 * MHZ and 400 * MHZ <= oscillator <= 800 * MHZ:
                yield from (oscillator / by for by in range(1, 129) if 3.125 * MHZ <= oscillator / by <= 400 * MHZ)


def ice40_outputs(input_hz):
    """By Lattice FPGA-DS-02008: detector 10 .. 133 MHz, oscillator 533 .. 1066 MHz, output 16 .. 275 MHz."""
    for divr in range(16):
        for divf in range(128):
            oscillator = Fraction(input_hz, divr + 1) * (divf + 1)
            for divq in range(1, 7):
                output = oscillator / (1 << divq)
                allowed = 533 * MHZ <= oscillator <= 1066 * MHZ and 16 * MHZ <= output <= 275 * MHZ
                if Fraction(input_hz, divr + 1) >= 10 * MHZ and allowed:
                    yield output


def gowin_outputs(input_hz):
    """By Gowin DS117E: detector 3 .. 400 MHz, oscillator 400 .. 1200 MHz, output 3.125 .. 600 MHz."""
    for divider in range(1, 65):
        for feedback in range(1, 65):
            output = Fraction(input_hz * feedback, divider)
            for by in (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128):
                allowed = 400 * MHZ < output * by < 1200 * MHZ and 3.125 * MHZ <= output <= 600 * MHZ
                if Fraction(input_hz, divider) >= 3 * MHZ and allowed:
                    yield output


@pytest.mark.parametrize(
    ("pll", "outputs", "inputs"),
    [(Ecp5Pll, ecp5_outputs, (12, 25, 48)), (Ice40Pll, ice40_outputs, (12, 48)), (GowinPll, gowin_outputs, (27, 50))],
)
def test_every_whole_frequency_is_made_if_any_dividers_make_it(pll, outputs, inputs):
    for input_hz in (value * MHZ for value in inputs):
        possible = set(outputs(input_hz))
        for output_hz in range(2 * MHZ, 700 * MHZ, MHZ // 2):
            try:
                pll.dividers(input_hz, output_hz)
                made = True
            except ValueError:
                made = False
            assert made == (output_hz in possible), (input_hz, output_hz)


def test_ecp5_dividers():
    """The oscillator is in the middle of its range where it can be."""
    dividers = Ecp5Pll.dividers(25 * MHZ, 60 * MHZ)
    assert (dividers.input_divider, dividers.feedback_divider, dividers.output_divider) == (1, 24, 10)
    dividers = Ecp5Pll.dividers(25 * MHZ, 90 * MHZ)
    assert (dividers.input_divider, dividers.feedback_divider, dividers.output_divider) == (1, 18, 5)
    assert Ecp5Pll.dividers(25 * MHZ, 68_750_000).input_divider == 1


def test_ice40_dividers():
    """Those of icepll for 12 to 24 MHz; the divider registers count from 0."""
    dividers = Ice40Pll.dividers(12 * MHZ, 24 * MHZ)
    assert (dividers.divr, dividers.divf, dividers.divq, dividers.filter_range) == (0, 63, 5, 1)
    assert Ice40Pll.dividers(48 * MHZ, 24 * MHZ).filter_range == 4


def test_gowin_dividers():
    """27 to 81 MHz, as in many public designs for this board."""
    dividers = GowinPll.dividers(27 * MHZ, 81 * MHZ)
    assert (dividers.input_divider, dividers.feedback, dividers.output_divider) == (1, 3, 8)


@pytest.mark.parametrize(
    ("pll", "input_hz", "output_hz", "match"),
    [
        (Ecp5Pll, 5 * MHZ, 75 * MHZ, r"input must be 8 \.\. 400 MHz, not 5 MHz"),
        (Ecp5Pll, 25 * MHZ, 450 * MHZ, r"output must be 3.125 \.\. 400 MHz, not 450 MHz"),
        (Ecp5Pll, 25 * MHZ, 76 * MHZ, r"cannot make exactly 76 MHz from 25 MHz; choose another clock"),
        (Ice40Pll, 12 * MHZ, 12 * MHZ, r"output must be 16 \.\. 275 MHz, not 12 MHz"),
        (Ice40Pll, 12 * MHZ, 19_999_999, r"cannot make exactly 20 MHz"),
        (GowinPll, 27 * MHZ, 3 * MHZ, r"output must be 3.125 \.\. 600 MHz, not 3 MHz"),
        (GowinPll, 27 * MHZ, 37 * MHZ, r"cannot make exactly 37 MHz from 27 MHz"),
    ],
)
def test_what_is_out_of_range_is_refused(pll, input_hz, output_hz, match):
    with pytest.raises(ValueError, match=match):
        pll.dividers(input_hz, output_hz)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_each_board_has_dividers(board):
    board.family.pll.dividers(int(board.platform().default_clk_frequency), board.clock_hz)
