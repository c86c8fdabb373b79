"""Programs of others: run to their end, or ended with all that they started."""

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

#: Lines and characters of the end of what a program said that an error shows.
_LINES, _CHARACTERS = 4, 600


class Programs:
    """Programs that run at the same time. Leaving the context ends those that still run, with all that they started.

    Each runs in a process group of its own, and is started by a thread of its own: what interrupts the main thread, such as
    Ctrl-C, comes neither to a program nor in the middle of its start.

    Parameters
    ----------
    most : int
        How many run at once; others wait.
    """

    def __init__(self, most: int = 1):
        self._pool = ThreadPoolExecutor(most)
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen] = set()
        self._over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception) -> None:
        with self._lock:
            self._over = True
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
        """Start a program, as soon as there are fewer than ``most``.

        Parameters
        ----------
        command : sequence of str
        advice : str
            What to do if it cannot be run.
        given : str, optional
            Its standard input.
        output : binary file, optional
            For both of its outputs, which `Finished` then lacks.
        folder : Path, optional
            In which it runs.
        environment : mapping of str to str, optional
            Variables in place of those of this process.

        Returns
        -------
        Future of Finished
            Its `InputError` says that the program cannot be run.
        """
        return self._pool.submit(self._run, list(command), advice, given, output, folder, environment or {})

    def _run(self, command, advice, given, output, folder, environment) -> "Finished":
        with self._lock:
            if self._over:
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
        Its exit code, or less the number of the signal that ended it.
    out, err : str
        What it said.
    """

    def __init__(self, code: int, out: str, err: str):
        self.code, self.out, self.err = code, out, err

    @property
    def failure(self) -> str:
        """How it failed; empty if it did not."""
        if self.code >= 0:
            return f"failed with exit code {self.code}" if self.code else ""
        names = {each.value: each.name for each in signal.Signals}
        return f"was ended by {names.get(-self.code, f'signal {-self.code}')}"

    @property
    def last_words(self) -> str:
        """The end of what it said, in one line."""
        lines = [line.strip() for line in (self.err.strip() or self.out).splitlines() if line.strip()]
        return printable(" | ".join(lines[-_LINES:])[-_CHARACTERS:])


def run_program(command: Sequence[str], *, time_limit: float | None = None, **options) -> Finished:
    """Run a program to its end.

    Parameters
    ----------
    command : sequence of str
    time_limit : float, optional
        Seconds.
    **options
        As for `Programs.start`.

    Raises
    ------
    InputError
        If it cannot be run.
    TimeoutError
        If it takes longer; it has been ended.
    """
    with Programs() as programs:
        return programs.start(command, **options).result(time_limit)
