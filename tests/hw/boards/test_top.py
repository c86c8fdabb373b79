"""The design at the top, for every board: clock, reset, serial line and LEDs, down to pins."""

import re
from dataclasses import replace

import pytest

from firstspike_hw.boards.registry import BOARDS, board_named
from firstspike_hw.boards.top import BoardTop

from ..models import random_contents

#: By board: the PLL, and the pins of clock, receiver and transmitter (from the boards' schematics and manuals).
EXPECTED = {
    **{f"ulx3s-{size}": ("EHXPLLL", "G2", "M1", "L4") for size in ("12f", "25f", "45f", "85f")},
    "icebreaker": ("SB_PLL40_PAD", "35", "6", "9"),
    "tang-nano-9k": ("rPLL", "52", "18", "17"),
    "colorlight-i5": ("EHXPLLL", "P3", "H18", "J17"),
}


@pytest.fixture(scope="module")
def image():
    return random_contents(1, (6, 5, 3), lanes=2)


def files(board, image):
    return board.platform().prepare(BoardTop(board, image.shape, image), "top").files


def pins(files):
    """Return the pin of each port, whatever the format of the constraints."""
    text = next(text for name, text in files.items() if name.endswith((".lpf", ".pcf", ".cst")))
    forms = (r'LOCATE COMP "(\S+)" SITE "(\S+)";', r"set_io (\S+) (\S+)", r'IO_LOC "(\S+)" (\S+);')
    return {name.removesuffix("[0]"): pin for form in forms for name, pin in re.findall(form, text)}


@pytest.mark.parametrize("name", BOARDS)
def test_every_board_becomes_rtlil_with_its_pll_and_pins(name, image):
    pll, clock, rx, tx = EXPECTED[name]
    board = board_named(name)
    made = files(board, image)
    assert len(re.findall(rf"cell \\{pll} ", made["top.il"])) == 1
    found = pins(made)
    clock_name = f"{board.platform().default_clk}_0__io"
    assert {name: found[name] for name in (clock_name, "uart_0__rx__io", "uart_0__tx__io")} == {
        clock_name: clock,
        "uart_0__rx__io": rx,
        "uart_0__tx__io": tx,
    }
    assert len([name for name in found if name.startswith("led_")]) == board.lights
    assert len(found) == 3 + board.lights + (board.reset_button is not None)


def test_a_board_without_a_reset_button(image):
    found = pins(files(replace(board_named("ulx3s-12f"), reset_button=None), image))
    assert not [name for name in found if name.startswith("button")]


def test_the_network_is_in_the_design_only_if_it_is_given(image):
    board = board_named("ulx3s-12f")
    empty = board.platform().prepare(BoardTop(board, image.shape), "top").files["top.il"]
    assert empty != files(board, image)["top.il"]
