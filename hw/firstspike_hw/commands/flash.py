"""The sub-command ``firstspike flash``. Amaranth is imported only when it runs."""

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from firstspike_spec.common.errors import InputError, needing
from firstspike_spec.terminal.console import say
from firstspike_spec.terminal.options import JsonOption


def flash(
    bitstream: Annotated[
        Path | None,
        typer.Argument(
            help="A bitstream, or the folder that `firstspike build` made. Without one, the board's standard bitstream, which "
            "comes with firstspike and runs layered networks.",
            show_default=False,
        ),
    ] = None,
    board: Annotated[
        str | None, typer.Option(help="The board; by default the one that the folder was built for.", show_default=False)
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write a bitstream into a board's flash memory, with openFPGALoader; it stays there when the power is off."""
    with needing("boards", "amaranth-boards", "amaranth", "amaranth_boards", what="flashing a board"):
        from ..boards.registry import board_named
        from ..flow.flashing import flash_board, shipped_bitstream

    if bitstream is None:
        if board is None:
            raise InputError("nothing to flash: name a bitstream, the folder of a build, or a --board for its standard one")
        bitstream = shipped_bitstream(board_named(board).name)
    result = flash_board(bitstream, board)
    if json:
        print(json_format.dumps(result))
    else:
        say(f"wrote {result['bitstream']} to {result['board']} in {result['seconds']:.0f} s")
