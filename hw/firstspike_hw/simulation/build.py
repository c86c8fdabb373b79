"""Translation and compilation of a design's RTL, kept by content: Verilog, C++ by Verilator, a shared library."""

import ctypes
import hashlib
import os
import shlex
import shutil
import sysconfig
from collections.abc import Callable, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from amaranth.lib import wiring

from firstspike_spec.common.errors import InputError
from firstspike_spec.common.text import quoted
from firstspike_spec.datasets import cache_folder

from ..flow.convert import to_simulation
from ..flow.programs import Finished, Programs, run_program
from ..flow.sources import sources
from .kept import ADVICE, forget, kept_file
from .verilator import Verilator, find_verilator

#: More optimisation takes several times as long and makes nothing faster.
_FLAGS = ("-std=c++17", "-O1", "-fPIC", "-fvisibility=hidden", "-DNDEBUG")

#: Bytes of a translated file below which it is compiled together with others.
_SMALL = 100_000

#: Bytes that the smallest design takes while it is compiled.
_ROOM = 2_000_000

_SIMULATION = files("firstspike_hw") / "simulation"

#: Shows whether a compiler makes C++ that can be loaded: a C compiler leaves out the library behind ``new``.
_TRIAL = 'extern "C" int *trial() { return new int; }\n'

_OTHER_COMPILER = "install g++ or set CXX to a C++ compiler"


@dataclass(frozen=True)
class Design:
    """What a library is made of.

    Attributes
    ----------
    name : str
        Of the module at the top; ``NAME.cc`` beside this file clocks it.
    make : callable
        Returns the component.
    digest : str
        Tells designs apart: everything that ``make`` depends on, beside the source.
    definitions : str
        Macros for ``NAME.cc``.
    """

    name: str
    make: Callable[[], wiring.Component]
    digest: str
    definitions: str


def load_library(design: Design, *, cache: Path | None = None, note: Callable[[str], None] = lambda text: None) -> ctypes.CDLL:
    """Return a design as native code in this process; parameters and errors are those of `build_library`.

    A library that cannot be loaded, such as one of another machine that shares the cache, is compiled again.
    """
    library = build_library(design, cache=cache, note=note)
    try:
        return ctypes.CDLL(str(library))
    except OSError as error:
        note(f"{library} cannot be loaded ({error}); it is made again")
        forget(library)
    build_library(design, cache=cache, note=note)
    try:
        return ctypes.CDLL(str(library))
    except OSError as error:
        forget(library)
        raise InputError(f"cannot load {library}: {error}; {_OTHER_COMPILER}, or {ADVICE}") from error


def build_library(design: Design, *, cache: Path | None = None, note: Callable[[str], None] = lambda text: None) -> Path:
    """Return the shared library of a design's RTL, compiling it if it is not in the cache, or damaged there.

    The cache's key is everything that the library is made from: our own source and that of the libraries, the design, the
    translators, the compiler and its flags. ``note`` is told when something has to be compiled, or to be waited for.

    Raises
    ------
    InputError
        If there is no C++ compiler or no Verilator, one of them fails, or the cache cannot be written.
    """
    tools = _Tools.found()
    folder = (cache or cache_folder() / "engines").absolute()

    def make(work: Path, library: Path) -> None:
        note(f"compiling the RTL of the {design.name}, seconds to a minute (kept for the next time)")
        _compile(design, tools, work, library)

    return kept_file(folder / f"{design.name}-{_key(design, tools)}.so", make, room=_ROOM, note=note)


@dataclass(frozen=True)
class _Tools:
    """A C++ compiler and a Verilator.

    Attributes
    ----------
    compiler : tuple of str
        The program, and options that come first.
    compiler_version : str
    verilator : Verilator
    """

    compiler: tuple[str, ...]
    compiler_version: str
    verilator: Verilator

    @classmethod
    def found(cls) -> "_Tools":
        compiler = find_compiler()
        told = run_program([*compiler, "--version"], advice=_OTHER_COMPILER)
        if told.failure:
            raise InputError(f"the C++ compiler {shlex.join(compiler)} {told.failure} ({told.last_words}); {_OTHER_COMPILER}")
        return cls(compiler, told.out, find_verilator())

    def digest(self) -> "hashlib._Hash":
        """Return the beginning of a key."""
        parts = (self.compiler, self.compiler_version, sysconfig.get_platform(), _FLAGS, self.verilator.key)
        return hashlib.sha256(repr(parts).encode())

    def compile(self, programs: Programs, source: Path, target: Path, *flags: str) -> "Future[Finished]":
        """Begin to compile a file, in whose folder the compiler runs and leaves its temporary files, too."""
        include = self.verilator.include
        places = [f"-I{place}" for place in (".", include, include / "vltstd")]
        return self._start(programs, source.parent, [*_FLAGS, *flags, *places, "-c", source.name, "-o", str(target)])

    def link(self, programs: Programs, objects: Sequence[Path], target: Path) -> "Future[Finished]":
        """Begin to make a shared library, in the folder of the first object."""
        return self._start(programs, objects[0].parent, ["-shared", "-pthread", *map(str, objects), "-o", str(target)])

    def check(self, finished: Finished, what: str, folder: Path) -> None:
        """Refuse what the compiler failed at."""
        if finished.failure:
            raise InputError(
                f"the C++ compiler {shlex.join(self.compiler)} {finished.failure} on {what}: {finished.last_words}; "
                f"{_OTHER_COMPILER}; if there is no room in {folder}, make some, or {ADVICE}"
            )

    def _start(self, programs: Programs, folder: Path, arguments: list[str]) -> "Future[Finished]":
        return programs.start(
            [*self.compiler, *arguments], folder=folder, environment={"TMPDIR": str(folder)}, advice=_OTHER_COMPILER
        )


def find_compiler() -> tuple[str, ...]:
    """Return the C++ compiler that ``CXX`` names, as a shell takes it: a program, and perhaps options; by default ``g++``.

    Raises
    ------
    InputError
        If it is not there.
    """
    named = os.environ.get("CXX", "")
    try:
        compiler = shlex.split(named) or ["g++"]
    except ValueError as error:
        raise InputError(f"CXX is {quoted(named)}, which no shell can read ({error}); {_OTHER_COMPILER}") from error
    program = shutil.which(compiler[0])
    if program is None:
        raise InputError(f"a simulation needs the C++ compiler {compiler[0]}, which is not here; {_OTHER_COMPILER}")
    return str(Path(program).absolute()), *compiler[1:]  # it runs in other folders


def _key(design: Design, tools: _Tools) -> str:
    digest = tools.digest()
    digest.update(repr((design.name, design.digest, design.definitions)).encode())
    digest.update(sources())
    return digest.hexdigest()[:32]


def _compile(design: Design, tools: _Tools, work: Path, library: Path) -> None:
    """Make a library, with all that is temporary in the folder ``work``."""
    cache, what = library.parent, "the translated RTL"
    with Programs(os.cpu_count() or 1) as programs, as_file(_SIMULATION) as harnesses:
        _try(tools, programs, work)
        runtime = _runtime(tools, programs, cache)
        tools.verilator.translate(to_simulation(design.make(), design.name), design.name, work)
        harness = work / "harness.cpp"
        harness.write_bytes(os.fsencode(f'{design.definitions}\n#include "{harnesses / design.name}.cc"\n'))
        units = _units(work)
        compiling = [
            tools.compile(programs, source, source.with_suffix(".o"), *(["-O0"] if _is_slow(source) else []))
            for source in units
        ]
        for each in as_completed(compiling):
            tools.check(each.result(), what, cache)
        objects = [*(source.with_suffix(".o") for source in units), runtime]
        tools.check(tools.link(programs, objects, library).result(), what, cache)


def _try(tools: _Tools, programs: Programs, work: Path) -> None:
    """Make a small library and load it: better than to find at the end that the compiler's cannot be loaded."""
    source, library, what = work / "trial.cc", work / "trial.so", "a trial"
    source.write_text(_TRIAL, "utf-8")
    tools.check(tools.compile(programs, source, source.with_suffix(".o")).result(), what, work.parent)
    tools.check(tools.link(programs, [source.with_suffix(".o")], library).result(), what, work.parent)
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        raise InputError(
            f"what {shlex.join(tools.compiler)} makes of C++ cannot be loaded ({error}); {_OTHER_COMPILER}, or {ADVICE}"
        ) from error


def _units(folder: Path) -> list[Path]:
    """Return the files to compile; small ones together, for each of them takes a second for Verilator's headers alone."""
    sources = sorted(folder.glob("*.cpp"))
    small = [source for source in sources if source.stat().st_size < _SMALL]
    units = sorted(set(sources) - set(small), key=lambda source: source.stat().st_size, reverse=True)
    for name, slow in (("together.cpp", False), ("together__Slow.cpp", True)):
        unit = folder / name
        unit.write_text("".join(f'#include "{source.name}"\n' for source in small if _is_slow(source) == slow), "utf-8")
        units.append(unit)
    return units


def _is_slow(source: Path) -> bool:
    """Return whether it is of what runs once, which need not be fast."""
    return source.stem.endswith("Slow")


def _runtime(tools: _Tools, programs: Programs, cache: Path) -> Path:
    """Return the object of Verilator's own library, which is the same for all designs."""

    def make(work: Path, target: Path) -> None:
        source = work / "runtime.cpp"
        source.write_text('#include "verilated.cpp"\n#include "verilated_threads.cpp"\n', "utf-8")
        tools.check(tools.compile(programs, source, target).result(), "Verilator's library", cache)

    name = f"verilated-{tools.digest().hexdigest()[:32]}.o"
    return kept_file(cache / name, make, room=_ROOM, note=lambda text: None)
