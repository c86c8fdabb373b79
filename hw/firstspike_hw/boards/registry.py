"""All boards, by name."""

from firstspike_spec.common.errors import InputError

from . import colorlight_i5, icebreaker, tang_nano_9k, ulx3s
from .board import Board

BOARDS: dict[str, Board] = {
    board.name: board for module in (ulx3s, icebreaker, tang_nano_9k, colorlight_i5) for board in module.BOARDS
}


def board_named(name: str) -> Board:
    """Return a board.

    Raises
    ------
    InputError
        If there is none of this name; the message has them all.
    """
    if name not in BOARDS:
        raise InputError(f"unknown board {name!r}: name one of {', '.join(BOARDS)}")
    return BOARDS[name]
