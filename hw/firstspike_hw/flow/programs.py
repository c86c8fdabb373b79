"""Runs external programs to their end, or kills them with all their children."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from firstspike_spec.common.errors import InputError
from firstspike_spec.common.text import printable

#: Last lines and characters of a program's output that an error shows.
_LINES, _CHARACTERS = 4, 600


class Programs:
    """Programs that run at the same time. Leaving the context kills those that still run, with all their children.

    Each program has its own process group, and its own thread starts it. So an interruption of the main thread, such as
    Ctrl-C, neither reaches a program nor happens in the middle of its start.

    Parameters
    ----------
    limit : int
        How many run at once; the others wait.
    """

    def __init__(self, limit: int = 1):
        self._pool = ThreadPoolExecutor(limit)
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._closed = True
            for process in self._running:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        self._pool.shutdown(cancel_futures=True)

    def start(
        self,
        command: Sequence[str],
        *,
        advice: str,
        given: str | None = None,
        output: IO[bytes] | None = None,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> "Future[Finished]":
        """Start a program as soon as fewer than ``limit`` run.

        Parameters
        ----------
        command : sequence of str
        advice : str
            What the user can do if it cannot be run.
        given : str, optional
            Its standard input.
        output : binary file, optional
            Takes both its outputs, which `Finished` then lacks.
        folder : Path, optional
            The folder that it runs in.
        environment : mapping of str to str, optional
            Variables that replace those of this process.

        Returns
        -------
        Future of Finished
            Raises `InputError` if the program cannot be run.
        """
        return self._pool.submit(self._run, list(command), advice, given, output, folder, environment or {})

    def _run(
        self,
        command: list[str],
        advice: str,
        given: str | None,
        output: IO[bytes] | None,
        folder: Path | None,
        environment: Mapping[str, str],
    ) -> "Finished":
        with self._lock:
            if self._closed:
                raise InputError(f"{command[0]} has not been started")
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
                    stdout=output or subprocess.PIPE,
                    stderr=subprocess.STDOUT if output else subprocess.PIPE,
                    cwd=folder,
                    env={**os.environ, **environment},
                    process_group=0,
                    encoding="utf-8",
                    errors="replace",
                )
            except (OSError, ValueError) as error:
                raise InputError(f"cannot run {command[0]}: {getattr(error, 'strerror', None) or error}; {advice}") from error
            self._running.add(process)
        with process:
            out, err = process.communicate(given)
        with self._lock:
            self._running.discard(process)
        return Finished(process.returncode, out or "", err or "")


class Finished:
    """How a program ended.

    Parameters
    ----------
    code : int
        Its exit code, or the negative number of the signal that ended it.
    out, err : str
        Its standard output and standard error.
    """

    def __init__(self, code: int, out: str, err: str):
        self.code, self.out, self.err = code, out, err

    @property
    def failure(self) -> str:
        """How the program failed; empty if it succeeded."""
        if self.code >= 0:
            return f"failed with exit code {self.code}" if self.code else ""
        names = {each.value: each.name for each in signal.Signals}
        return f"was ended by {names.get(-self.code, f'signal {-self.code}')}"

    @property
    def last_words(self) -> str:
        """The end of the program's output, in one line."""
        lines = [line.strip() for line in (self.err.strip() or self.out).splitlines() if line.strip()]
        return printable(" | ".join(lines[-_LINES:])[-_CHARACTERS:])


def run_program(
    command: Sequence[str],
    *,
    advice: str,
    time_limit: float | None = None,
    given: str | None = None,
    output: IO[bytes] | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """Run a program to its end; parameters not listed here are those of `Programs.start`.

    Parameters
    ----------
    time_limit : float, optional
        Seconds.

    Raises
    ------
    InputError
        If it cannot be run.
    TimeoutError
        If it takes longer; it has been killed.
    """
    with Programs() as programs:
        running = programs.start(command, advice=advice, given=given, output=output, folder=folder, environment=environment)
        return running.result(time_limit)
