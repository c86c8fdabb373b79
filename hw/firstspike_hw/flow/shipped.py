"""The bitstreams that come with firstspike, in a clone and in an installed package: boards' standard processors."""

from pathlib import Path

from firstspike_spec.common.errors import InputError

from .report import REPORT

#: The folder of an installed wheel (see ``pyproject.toml``), and that of a clone. Each board has a folder of its own there,
#: as `firstspike_hw.flow.bitstream.build_bitstream` leaves it, but without logs.
FOLDERS = (Path(__file__).parents[1] / "bitstreams", Path(__file__).parents[2] / "bitstreams")


def shipped_bitstream(board: str) -> Path:
    """Return the folder with the standard bitstream of a board.

    Raises
    ------
    InputError
        If none comes with firstspike.
    """
    for folder in FOLDERS:
        if (folder / board / REPORT).is_file():
            return folder / board
    raise InputError(
        f"no bitstream for {board} comes with firstspike; run firstspike build --board {board}, then name its folder"
    )
