"""The sub-command ``firstspike report``."""

import json as json_format
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from firstspike_spec.common.errors import InputError
from firstspike_spec.terminal.console import SafeConsole
from firstspike_spec.terminal.options import AllFiguresOption, JsonOption
from firstspike_spec.terminal.records import print_records

from ..flow.report import REPORT

#: The file in a folder that may hold the output of ``firstspike throughput --json``.
THROUGHPUT = "throughput.json"

_Facts = dict[str, Any]

#: Headings, and how each cell follows from a folder's facts; a cell without its facts stays empty.
_CELLS: dict[str, Callable[[_Facts], str]] = {
    "board": lambda facts: str(facts["board"]),
    "network": lambda facts: str(facts["network"]),
    "lanes": lambda facts: " + ".join(map(str, facts["lanes"])),
    "clock reached": lambda facts: "{achieved:.1f} MHz".format(**facts["clock_mhz"]),
    "block RAMs": lambda facts: _of(facts, "block_rams"),
    "logic": lambda facts: _of(facts, "logic"),
    "images/s, logic only": lambda facts: f"{facts[THROUGHPUT]['logic_only_images_per_second']:,.0f}",
    "images/s over the link": lambda facts: f"{facts[THROUGHPUT]['images_per_device_second']:,.0f}",
}
_DETAILS: dict[str, Callable[[_Facts], str]] = {
    "clock wanted": lambda facts: "{wanted:.1f} MHz".format(**facts["clock_mhz"]),
    "flip-flops": lambda facts: _of(facts, "flip_flops"),
    "bitstream": lambda facts: f"{facts['bitstream']['bytes']:,} bytes",
    "busy cycles an image": lambda facts: f"{facts[THROUGHPUT]['busy_cycles_per_image']:,.0f}",
    "link busy": lambda facts: f"{facts[THROUGHPUT]['link_busy']:.0%}",
}


def report(
    folders: Annotated[list[Path], typer.Argument(help="Folders that `firstspike build` made.", show_default=False)],
    verbose: AllFiguresOption = False,
    json: JsonOption = False,
) -> None:
    """Compare builds.

    If a folder has a throughput.json (firstspike throughput --json), its figures are shown too.
    """
    found = [_facts(folder) for folder in folders]
    if json:
        print(json_format.dumps({"builds": found}))
        return
    cells = _CELLS | _DETAILS if verbose else _CELLS
    print_records(SafeConsole(), [{heading: _cell(facts, cell) for heading, cell in cells.items()} for facts in found])


def _cell(facts: _Facts, cell: Callable[[_Facts], str]) -> str:
    try:
        return cell(facts)
    except (KeyError, TypeError):
        return ""


def _of(facts: _Facts, what: str) -> str:
    return "{used:,} of {of:,}".format(**facts["utilisation"][what])


def _facts(folder: Path) -> _Facts:
    facts = _read(folder / REPORT)
    measured = folder / THROUGHPUT
    return {**facts, THROUGHPUT: _read(measured) if measured.is_file() else None}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json_format.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; name a folder that firstspike build made") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({error}); build it again") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is no report; name a folder that firstspike build made")
    return content
