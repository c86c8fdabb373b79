"""Runs the programs of a build, one step after another."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from firstspike_spec.common.errors import InputError
from firstspike_spec.common.files import check_writable_folder

from .programs import run_program
from .tools import Tool

#: Seconds after which a program is killed: a router may never finish if the design hardly fits.
TIME_LIMIT = 2 * 3600
#: Lines of a log that an error shows.
TAIL = 12


class Steps:
    """The steps of a build, each with its time.

    Parameters
    ----------
    note : callable
        Called with a line of text when a step begins and ends.

    Attributes
    ----------
    seconds : dict of str to float
        By step, for the steps that have ended.
    """

    def __init__(self, note: Callable[[str], None]):
        self._note = note
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure the time that the block takes."""
        self._note(f"{name} ...")
        start = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - start, 1)
        self._note(f"{name}: {self.seconds[name]:.1f} s")


def run_tool(tool: Tool, arguments: list[str], *, work: Path, log: Path, own_log: str | None = None) -> None:
    """Run a program in the folder ``work``, and keep its output.

    Parameters
    ----------
    tool : Tool
    arguments : list of str
        File names in them are relative to ``work``; programs in WebAssembly see no other folder.
    work : Path
    log : Path
        The file for its output.
    own_log : str, optional
        A log that the program itself writes in ``work``; it is put in front of the output. (Yosys in WebAssembly stops
        printing after a while.)

    Raises
    ------
    InputError
        If the program fails or takes too long; the message shows the end of the log.
    """
    # The program's temporary files are removed with their folder, even if it is killed.
    with log.open("wb") as output, tempfile.TemporaryDirectory(prefix=".temporary-", dir=work) as temporary:
        try:
            finished = run_program(
                [tool.path, *arguments],
                folder=work,
                output=output,
                environment={"TMPDIR": str(Path(temporary).absolute())},
                time_limit=TIME_LIMIT,
                advice="reinstall it",
            )
        except TimeoutError as error:
            raise InputError(
                f"{tool.name} has not ended after {TIME_LIMIT:,} s; try another --seed or fewer --lanes (see {log})"
            ) from error
    if own_log is not None and (work / own_log).is_file():
        log.write_bytes((work / own_log).read_bytes() + log.read_bytes())
    _check_room(work)
    if finished.failure:
        raise InputError(f"{tool.name} {finished.failure}; the end of {log}:\n{_tail(log)}")


def read_json(path: Path) -> Any:
    """Return the contents of a JSON file that a program wrote.

    Raises
    ------
    InputError
        If it is missing or incomplete.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"a program's output file {path} is missing or incomplete ({error}); check that there is room in that folder, and "
            "try again"
        ) from error


def _check_room(work: Path) -> None:
    """Raise an error if files may have been cut: programs in WebAssembly succeed even if a disk is full."""
    check_writable_folder(work)
    try:
        import resource
    except ImportError:  # a system without such limits
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    for path in work.rglob("*") if limit != resource.RLIM_INFINITY else ():
        if path.is_file() and path.stat().st_size >= limit:
            raise InputError(f"{path.name} has {limit:,} bytes, the limit to the size of files; raise that limit (ulimit -f)")


def _tail(log: Path) -> str:
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    return "\n".join(lines[-TAIL:])
