"""The sub-command ``firstspike report``."""

import json as json_format
from pathlib import Path
from typing import Annotated, Any

import typer

from firstspike_spec.common.errors import InputError
from firstspike_spec.terminal.console import say

from ..flow.report import REPORT

#: What ``firstspike throughput --json`` may have been written to in the folder.
THROUGHPUT = "throughput.json"

#: Headings, and how each cell comes from a folder's facts; a cell without its facts stays empty.
_COLUMNS = {
    "board": lambda facts: facts["board"],
    "network": lambda facts: facts["network"],
    "lanes": lambda facts: " + ".join(map(str, facts["lanes"])),
    "clock reached / wanted": lambda facts: "{achieved:.1f} / {wanted:.1f} MHz".format(**facts["clock_mhz"]),
    "logic": lambda facts: _of(facts, "logic"),
    "flip-flops": lambda facts: _of(facts, "flip_flops"),
    "block RAMs": lambda facts: _of(facts, "block_rams"),
    "bitstream": lambda facts: f"{facts['bitstream']['bytes']:,} bytes",
    "busy cycles an image": lambda facts: f"{facts[THROUGHPUT]['busy_cycles_per_image']:,.0f}",
    "images/s, logic only": lambda facts: f"{facts[THROUGHPUT]['logic_only_images_per_second']:,.0f}",
    "images/s over the link": lambda facts: f"{facts[THROUGHPUT]['images_per_device_second']:,.0f}",
    "link busy": lambda facts: f"{facts[THROUGHPUT]['link_busy']:.0%}",
}


def report(
    folders: Annotated[list[Path], typer.Argument(help="Folders that `firstspike build` made.", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")] = False,
) -> None:
    """Compare builds: a table in Markdown, one row a folder.

    With a throughput.json in a folder (firstspike throughput --json), its figures come too.
    """
    found = [_facts(folder) for folder in folders]
    if json:
        print(json_format.dumps({"builds": found}))
        return
    for line in table(found):
        say(line)


def table(found: list[dict[str, Any]]) -> list[str]:
    """Return the lines of the table."""
    rows = [list(_COLUMNS), ["---"] * len(_COLUMNS)]
    rows += [[_cell(facts, column) for column in _COLUMNS] for facts in found]
    return [f"| {' | '.join(row)} |" for row in rows]


def _cell(facts: dict[str, Any], column: str) -> str:
    try:
        return _COLUMNS[column](facts)
    except (KeyError, TypeError):
        return ""


def _of(facts: dict[str, Any], what: str) -> str:
    return "{used:,} of {of:,}".format(**facts["utilisation"][what])


def _facts(folder: Path) -> dict[str, Any]:
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
