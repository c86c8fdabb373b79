"""Writes bitstreams into boards."""

import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import Any

from firstspike_spec.common.errors import InputError
from firstspike_spec.common.files import read_file

from ..boards.board import Board
from ..boards.registry import board_named
from .programs import run_program
from .report import REPORT, read_report

#: Where the bitstreams lie that come with firstspike, those of boards' standard processors: in an installed wheel (see
#: ``pyproject.toml``), and in a clone. Each board has a folder of its own there, like that of a build, but without logs.
FOLDERS = (Path(__file__).parents[1] / "bitstreams", Path(__file__).parents[2] / "bitstreams")

#: The program. The environment variable can name another file, as for Amaranth's own platforms.
LOADER, VARIABLE = "openFPGALoader", "OPENFPGALOADER"
#: Seconds that writing may take; 2 MB take about one minute.
TIME_LIMIT = 600
#: Limit to the size of a bitstream; the ECP5-85's has 2 MB, the Tang Nano's, which is text, 4 MB.
MAX_BYTES = 1 << 26
#: Lines of the loader's output that an error shows.
TAIL = 12

INSTALL = "run apt install openfpgaloader (Debian, Ubuntu) or brew install openfpgaloader (macOS), or install OSS CAD Suite"


def flash_board(source: Path, board_name: str | None = None) -> dict[str, Any]:
    """Write a bitstream into a board's flash memory.

    Parameters
    ----------
    source : Path
        A bitstream, or the folder of a build.
    board_name : str, optional
        By default the board that the folder was built for.

    Returns
    -------
    dict
        Board, bitstream, command, seconds.

    Raises
    ------
    InputError
        If there is no bitstream, if it is damaged or for another board, or if openFPGALoader is missing or fails.
    """
    bitstream, built_for, digest = _bitstream(source)
    _check(bitstream, digest)
    name = board_name or built_for
    if name is None:
        raise InputError(f"{source} does not say which board it is for: add --board")
    if built_for not in (None, name):
        raise InputError(f"{bitstream} was built for {built_for}, not for {name}: build it for {name}")
    board = board_named(name)
    if bitstream.suffix != board.family.suffix:
        raise InputError(f"{bitstream} is no bitstream for {board.name}: its bitstreams have the suffix {board.family.suffix}")
    loader = shutil.which(os.environ.get(VARIABLE) or LOADER)
    if loader is None:
        raise InputError(f"flashing needs {LOADER}, which is not installed; {INSTALL}")
    command = [loader, *board.loader, str(bitstream)]
    start = time.monotonic()
    _run(command, board)
    return {
        "board": board.name,
        "bitstream": str(bitstream),
        "command": command,
        "seconds": round(time.monotonic() - start, 1),
    }


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


def _bitstream(source: Path) -> tuple[Path, str | None, str | None]:
    """Return the bitstream's file, and the board it was built for and its SHA-256 if they are known."""
    folder = source if source.is_dir() else source.parent
    report = read_report(folder)
    facts = report.get("bitstream") or {}
    built = folder / facts["file"] if facts else None
    if source.is_dir():
        if built is None or not built.is_file():
            raise InputError(f"there is no bitstream in {source}: run firstspike build first")
    elif not source.is_file():
        raise InputError(f"there is no file {source}: run firstspike build first")
    elif source != built:
        return source, None, None
    return built, report["board"], facts.get("sha256")


def _check(bitstream: Path, digest: str | None) -> None:
    """Raise an error if a bitstream is empty, or is not the one that the report beside it describes."""
    content = read_file(bitstream, MAX_BYTES, "run firstspike build again")
    if not content:
        raise InputError(f"{bitstream} is empty: run firstspike build again")
    if digest not in (None, hashlib.sha256(content).hexdigest()):
        raise InputError(
            f"{bitstream} has {len(content):,} bytes and is not the one that {REPORT} beside it describes: it is damaged or "
            "from another build; run firstspike build again"
        )


def _run(command: list[str], board: Board) -> None:
    try:
        finished = run_program(command, time_limit=TIME_LIMIT, advice=INSTALL)
    except TimeoutError as error:
        raise InputError(
            f"{LOADER} has not ended after {TIME_LIMIT} s: unplug {board.name}, plug it in and try again"
        ) from error
    if finished.failure:
        said = "\n".join((finished.out + finished.err).strip().splitlines()[-TAIL:])
        raise InputError(
            f"{LOADER} {finished.failure}; check that {board.name} is plugged in and that you have access to it:\n{said}"
        )
