"""Writes bitstreams into boards."""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from firstspike_spec.errors import InputError

from ..boards.board import Board
from ..boards.registry import board_named
from .report import read_report

#: The program; the environment variable may name another file, as for Amaranth's own platforms.
LOADER, VARIABLE = "openFPGALoader", "OPENFPGALOADER"
#: Seconds that writing may take; a bitstream of 2 MB takes about one minute.
TIME_LIMIT = 600
#: Lines of what the loader says that an error shows.
TAIL = 12

INSTALL = "run apt install openfpgaloader (Debian, Ubuntu) or brew install openfpgaloader (macOS), or take OSS CAD Suite"


def flash_board(source: Path, board_name: str | None = None) -> dict[str, Any]:
    """Write a bitstream into a board's flash memory.

    Parameters
    ----------
    source : Path
        The bitstream, or the folder that a build made.
    board_name : str, optional
        By default the board that the folder was built for.

    Returns
    -------
    dict
        Board, bitstream, command, seconds.

    Raises
    ------
    InputError
        If there is no bitstream, it is for another board, or openFPGALoader is missing or fails.
    """
    bitstream, built_for = _bitstream(source)
    if board_name is None and built_for is None:
        raise InputError(f"{source} does not say which board it is for: add --board")
    if None not in (board_name, built_for) and board_name != built_for:
        raise InputError(f"{bitstream} was built for {built_for}, not for {board_name}: build it for {board_name}")
    board = board_named(board_name or built_for)
    if bitstream.suffix != board.family.suffix:
        raise InputError(f"{bitstream} is no bitstream for {board.name}: those have the suffix {board.family.suffix}")
    loader = shutil.which(os.environ.get(VARIABLE, LOADER))
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


def _bitstream(source: Path) -> tuple[Path, str | None]:
    """Return the bitstream's file, and the board that it was built for as far as that is known."""
    folder = source if source.is_dir() else source.parent
    report = read_report(folder)
    built = folder / report["bitstream"]["file"] if report.get("bitstream") else None
    if source.is_dir():
        if built is None or not built.is_file():
            raise InputError(f"there is no bitstream in {source}: run firstspike build first")
        return built, report["board"]
    if not source.is_file():
        raise InputError(f"there is no file {source}: run firstspike build first")
    return source, report["board"] if source == built else None


def _run(command: list[str], board: Board) -> None:
    try:
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TIME_LIMIT,
            check=False,
        )
    except OSError as error:
        raise InputError(f"cannot run {command[0]}: {error.strerror}; {INSTALL}") from error
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"{LOADER} has not ended after {TIME_LIMIT} s: unplug {board.name}, plug it in and try again"
        ) from error
    if result.returncode:
        said = "\n".join(result.stdout.strip().splitlines()[-TAIL:])
        raise InputError(
            f"{LOADER} failed with exit code {result.returncode}; "
            f"check that {board.name} is plugged in and that you may use it:\n{said}"
        )
