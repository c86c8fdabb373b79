"""The C++ compiler that makes native code of a translated design."""

import ctypes
import os
import shlex
import shutil
import sysconfig
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from firstspike_spec.common.errors import InputError
from firstspike_spec.common.text import quoted

from ..flow.programs import Finished, Programs, run_program
from .kept import ADVICE

#: What the user can do if the compiler does not work.
OTHER_COMPILER = "install g++ or set CXX to a C++ compiler"

#: More optimisation takes several times as long to compile, and the result is not faster.
_FLAGS = ("-std=c++17", "-O1", "-fPIC", "-fvisibility=hidden", "-DNDEBUG")

#: Shows whether the compiler makes C++ that can be loaded. A C compiler would not link the library that ``new`` needs.
_TRIAL = 'extern "C" int *trial() { return new int; }\n'


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler.

    Attributes
    ----------
    command : tuple of str
        The program, and options that come first.
    version : str
        What it prints about its version.
    """

    command: tuple[str, ...]
    version: str

    @classmethod
    def find(cls) -> "Compiler":
        """Return the compiler of `find_compiler`.

        Raises
        ------
        InputError
            If there is none, or if it does not print its version.
        """
        command = find_compiler()
        asked = run_program([*command, "--version"], advice=OTHER_COMPILER)
        if asked.failure:
            raise InputError(f"the C++ compiler {shlex.join(command)} {asked.failure} ({asked.last_words}); {OTHER_COMPILER}")
        return cls(command, asked.out)

    @property
    def key(self) -> tuple[object, ...]:
        """Everything that its output depends on, other than the source."""
        return self.command, self.version, sysconfig.get_platform(), _FLAGS

    def compile(self, programs: Programs, source: Path, target: Path, *options: str) -> Future[Finished]:
        """Start to compile a file. The compiler runs in the file's folder, and leaves its temporary files there."""
        return self._start(programs, source.parent, [*_FLAGS, *options, "-c", source.name, "-o", str(target)])

    def link(self, programs: Programs, objects: Sequence[Path], target: Path) -> Future[Finished]:
        """Start to make a shared library, in the folder of the first object."""
        return self._start(programs, objects[0].parent, ["-shared", "-pthread", *map(str, objects), "-o", str(target)])

    def check(self, finished: Finished, what: str, folder: Path) -> None:
        """Raise an error if the compiler failed on ``what``; ``folder`` is the one that may be full."""
        if finished.failure:
            raise InputError(
                f"the C++ compiler {shlex.join(self.command)} {finished.failure} on {what}: {finished.last_words}; "
                f"{OTHER_COMPILER}; if there is no room in {folder}, make some, or {ADVICE}"
            )

    def try_out(self, programs: Programs, work: Path) -> None:
        """Make a small library and load it, so that a compiler of no use is found before the long work.

        Raises
        ------
        InputError
            If the compiler fails, or its library cannot be loaded.
        """
        source, library, what = work / "trial.cc", work / "trial.so", "a trial"
        source.write_text(_TRIAL, "utf-8")
        self.check(self.compile(programs, source, source.with_suffix(".o")).result(), what, work.parent)
        self.check(self.link(programs, [source.with_suffix(".o")], library).result(), what, work.parent)
        try:
            ctypes.CDLL(str(library))
        except OSError as error:
            raise InputError(
                f"the C++ library that {shlex.join(self.command)} makes cannot be loaded ({error}); {OTHER_COMPILER}, or "
                f"{ADVICE}"
            ) from error

    def _start(self, programs: Programs, folder: Path, arguments: list[str]) -> Future[Finished]:
        return programs.start(
            [*self.command, *arguments], folder=folder, environment={"TMPDIR": str(folder)}, advice=OTHER_COMPILER
        )


def find_compiler() -> tuple[str, ...]:
    """Return the command of the C++ compiler: ``CXX``, split as a shell does, into a program and options; or ``g++``.

    Raises
    ------
    InputError
        If there is no such program.
    """
    variable = os.environ.get("CXX", "")
    try:
        command = shlex.split(variable) or ["g++"]
    except ValueError as error:
        raise InputError(f"CXX is {quoted(variable)}, which no shell can read ({error}); {OTHER_COMPILER}") from error
    program = shutil.which(command[0])
    if program is None:
        raise InputError(f"a simulation needs the C++ compiler {command[0]}, which was not found; {OTHER_COMPILER}")
    return str(Path(program).absolute()), *command[1:]  # it runs in other folders
