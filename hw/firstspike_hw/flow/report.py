"""The report that a build leaves in its folder."""

import json
from pathlib import Path
from typing import Any

from firstspike_spec.common.files import write_file

REPORT = "report.json"


def read_report(out: Path) -> dict[str, Any]:
    """Return the report in a folder; empty if there is none, or none that can be read and names a board."""
    try:
        report = json.loads((out / REPORT).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(report, dict) or not isinstance(report.get("board"), str):
        return {}
    bitstream = report.get("bitstream")
    named = isinstance(bitstream, dict) and isinstance(bitstream.get("file"), str)
    return {**report, "bitstream": bitstream if named else None}


def write_report(report: dict[str, Any], out: Path) -> None:
    """Write the report into a folder, completely or not at all."""
    write_file(out / REPORT, json.dumps(report, indent=1) + "\n")
