"""Makes native code of a design, and keeps it: Verilog by Yosys, C++ by Verilator, a shared library by the compiler."""

import ctypes
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import as_completed
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from amaranth.lib import wiring

from firstspike_spec.common.errors import InputError
from firstspike_spec.datasets import cache_folder

from ..flow.convert import to_simulation
from ..flow.programs import Programs
from ..flow.sources import sources
from .compiler import OTHER_COMPILER, Compiler
from .kept import ADVICE, forget, kept_file
from .verilator import Verilator, find_verilator

#: Translated files with fewer bytes are compiled together.
_SMALL_BYTES = 100_000

#: Free bytes that even the smallest design needs while it is compiled.
_MIN_FREE_BYTES = 2_000_000

_SIMULATION = files("firstspike_hw") / "simulation"

#: Designs in messages.
_IN_WORDS = {
    "engine": "the engine",
    "link": "the accelerator and its link",
    "processor": "the processor",
    "serial": "the whole board",
}


@dataclass(frozen=True)
class Design:
    """A design that is compiled into a library.

    Attributes
    ----------
    name : str
        Name of the top module. ``NAME.cc``, beside this file, clocks it.
    make : callable
        Returns the component.
    digest : str
        Differs between designs: it covers everything that ``make`` depends on, other than the source.
    definitions : str
        Macros for ``NAME.cc``.
    """

    name: str
    make: Callable[[], wiring.Component]
    digest: str
    definitions: str


def load_library(design: Design, *, cache: Path | None = None, note: Callable[[str], None] = lambda text: None) -> ctypes.CDLL:
    """Return a design as native code in this process; parameters and errors are those of `build_library`.

    A library that cannot be loaded is compiled again; it may come from another machine that shares the cache.
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
        raise InputError(f"cannot load {library}: {error}; {OTHER_COMPILER}, or {ADVICE}") from error


def build_library(design: Design, *, cache: Path | None = None, note: Callable[[str], None] = lambda text: None) -> Path:
    """Return the shared library of a design's RTL; compile it if the cache does not hold it, or holds it damaged.

    The key in the cache covers everything that the library is made from: our source, the Python libraries, the design, the
    translators, the compiler and its flags.

    Parameters
    ----------
    design : Design
    cache : Path, optional
        Folder of the compiled libraries; by default one in the user's cache.
    note : callable
        Called with a line of text before a compilation, or before it waits for another process.

    Raises
    ------
    InputError
        If there is no C++ compiler or no Verilator, if one of them fails, or if the cache cannot be written.
    """
    tools = _Tools.find()
    folder = (cache or cache_folder() / "engines").absolute()

    def make(work: Path, library: Path) -> None:
        note(f"compiling the RTL of {_IN_WORDS.get(design.name, design.name)}: a minute or two; later runs reuse it")
        _compile(design, tools, work, library)

    return kept_file(folder / f"{design.name}-{_key(design, tools)}.so", make, room=_MIN_FREE_BYTES, note=note)


@dataclass(frozen=True)
class _Tools:
    """The programs that make a library.

    Attributes
    ----------
    compiler : Compiler
    verilator : Verilator
    """

    compiler: Compiler
    verilator: Verilator

    @classmethod
    def find(cls) -> "_Tools":
        return cls(Compiler.find(), find_verilator())

    def digest(self) -> "hashlib._Hash":
        """Return a new hash that already covers the programs."""
        return hashlib.sha256(repr((*self.compiler.key, self.verilator.key)).encode())

    @property
    def includes(self) -> list[str]:
        """The compiler's options for Verilator's output."""
        return [f"-I{folder}" for folder in (".", self.verilator.include, self.verilator.include / "vltstd")]


def _key(design: Design, tools: _Tools) -> str:
    digest = tools.digest()
    digest.update(repr((design.name, design.digest, design.definitions)).encode())
    digest.update(sources())
    return digest.hexdigest()[:32]


def _compile(design: Design, tools: _Tools, work: Path, library: Path) -> None:
    """Make a library; all temporary files are in the folder ``work``."""
    compiler, cache, what = tools.compiler, library.parent, "the translated RTL"
    with Programs(os.cpu_count() or 1) as programs, as_file(_SIMULATION) as harnesses:
        compiler.try_out(programs, work)
        runtime = _runtime(tools, programs, cache)
        tools.verilator.translate(to_simulation(design.make(), design.name), design.name, work)
        harness = work / "harness.cpp"
        harness.write_bytes(os.fsencode(f'{design.definitions}\n#include "{harnesses / design.name}.cc"\n'))
        units = _units(work)
        compiling = [
            compiler.compile(
                programs, source, source.with_suffix(".o"), *tools.includes, *(["-O0"] if _runs_once(source) else [])
            )
            for source in units
        ]
        for each in as_completed(compiling):
            compiler.check(each.result(), what, cache)
        objects = [*(source.with_suffix(".o") for source in units), runtime]
        compiler.check(compiler.link(programs, objects, library).result(), what, cache)


def _units(folder: Path) -> list[Path]:
    """Return the files to compile. Small ones are compiled together, since Verilator's headers alone take a second."""
    sources = sorted(folder.glob("*.cpp"))
    small = [source for source in sources if source.stat().st_size < _SMALL_BYTES]
    units = sorted(set(sources) - set(small), key=lambda source: source.stat().st_size, reverse=True)
    for name, once in (("together.cpp", False), ("together__Slow.cpp", True)):
        unit = folder / name
        unit.write_text("".join(f'#include "{source.name}"\n' for source in small if _runs_once(source) == once), "utf-8")
        units.append(unit)
    return units


def _runs_once(source: Path) -> bool:
    """Return whether Verilator's name for a file says that its code runs only once, and so need not be fast."""
    return source.stem.endswith("Slow")


def _runtime(tools: _Tools, programs: Programs, cache: Path) -> Path:
    """Return the object of Verilator's own library, which is the same for all designs."""

    def make(work: Path, target: Path) -> None:
        source = work / "runtime.cpp"
        source.write_text('#include "verilated.cpp"\n#include "verilated_threads.cpp"\n', "utf-8")
        finished = tools.compiler.compile(programs, source, target, *tools.includes).result()
        tools.compiler.check(finished, "Verilator's library", cache)

    name = f"verilated-{tools.digest().hexdigest()[:32]}.o"
    return kept_file(cache / name, make, room=_MIN_FREE_BYTES, note=lambda text: None)
