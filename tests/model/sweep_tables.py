"""The tables that sweeps write, as tests read them."""

import csv
import json
from pathlib import Path
from typing import Any


def table(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of a sweep's JSON table, after comparing them with its CSV table."""
    rows = json.loads((folder / "results.json").read_text())
    with (folder / "results.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [list(row) for row in read] == [list(row) for row in rows]
    assert [row["test_accuracy"] for row in read] == [str(row["test_accuracy"]) for row in rows]
    return rows
