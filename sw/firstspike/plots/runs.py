"""Figures of trained networks, one row for each run: from files of ``firstspike sweep``, or from networks."""

import csv
import io
import json
import math
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from firstspike_spec.artefact.files import load_network
from firstspike_spec.common.errors import InputError
from firstspike_spec.common.files import read_file
from firstspike_spec.common.text import quoted

#: Columns that are results of a run. All others are settings, which distinguish runs. ``*`` matches anything.
RESULT_COLUMNS = (
    "*_accuracy", "*_accuracy_*", "accuracy", "connectivity", "connectivity_as_trained", "mean_*", "*_mean",
    "synapses", "neurons", "*seconds", "*minutes", "*loss", "*epoch",
    "digest", "file", "network", "path", "out", "versions", "run", "index",
)  # fmt: skip

SEED = "seed"

#: Larger files of results are refused.
MAX_BYTES = 16 << 20

#: Column added to every run: the file that it was read from.
FILE = "results_file"

Run = dict[str, str]


def read_runs(paths: Sequence[Path]) -> list[Run]:
    """Return the runs in files, in their order.

    Parameters
    ----------
    paths : sequence of path
        ``.csv`` with a line of column names; ``.json`` with a list of objects; or ``.safetensors``: a network, whose
        provenance is one run.

    Returns
    -------
    list of dict
        Column to text; empty text where there is no value.

    Raises
    ------
    InputError
        If a file cannot be read, has another form, or holds no run.
    """
    runs = []
    for path in paths:
        if path.suffix not in _READERS:
            raise InputError(
                f"cannot read {path}: results are {', '.join(_READERS)} files; name one that firstspike sweep wrote"
            )
        found = _READERS[path.suffix](path)
        if not found:
            raise InputError(f"{path} holds no run, only the columns' names at most; name a file with at least one run")
        runs += [run | {FILE: str(path)} for run in found]
    return runs


def is_setting(column: str) -> bool:
    """Return whether a column's value was chosen before the run, and so distinguishes runs."""
    return column not in (SEED, FILE) and not any(fnmatch(column, pattern) for pattern in RESULT_COLUMNS)


def number(run: Run, column: str) -> float | None:
    """Return the number in a run's column, or ``None`` if it is empty.

    Raises
    ------
    InputError
        If there is no such column, or its value is not a finite number, or not in 0 .. 1 for a share.
    """
    text = cell(run, column)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{run[FILE]}: the column {column} holds {quoted(text)}, which is no finite number; correct the file")
    if is_share(column) and not 0 <= value <= 1:
        raise InputError(f"{run[FILE]}: the column {column} holds {text}; it is a share, 0 .. 1, not per cent")
    return value


def cell(run: Run, column: str) -> str:
    """Return the text in a run's column. If there is none, the error names the columns."""
    if column not in run:
        raise InputError(f"{run[FILE]} has no column {quoted(column)}; name one of {', '.join(run)}")
    return run[column]


def is_share(column: str) -> bool:
    """Return whether a column's values are shares, 0 .. 1, which are shown in per cent."""
    return "accuracy" in column or "connectivity" in column


def _read(path: Path) -> str:
    try:
        return read_file(path, MAX_BYTES, "name a file that firstspike sweep wrote").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text (not UTF-8); name a file that firstspike sweep wrote") from error


def _read_csv(path: Path) -> list[Run]:
    try:
        lines = list(csv.reader(io.StringIO(_read(path), newline=""), strict=True))
    except csv.Error as error:
        raise InputError(f"{path} is no CSV ({error}); name a file that firstspike sweep wrote") from error
    lines = [line for line in lines if line]
    head = lines[0] if lines else []
    if len(set(head)) != len(head):
        raise InputError(f"{path} has two columns with the same name; its columns are {', '.join(head)}")
    for place, line in enumerate(lines[1:], 1):
        if len(line) != len(head):
            raise InputError(f"{path}: run {place} has {len(line)} cells for {len(head)} columns; write the file again")
    return [dict(zip(head, (text.strip() for text in line), strict=True)) for line in lines[1:]]


def _read_json(path: Path) -> list[Run]:
    try:
        rows = json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON ({error}); name a file that firstspike sweep wrote") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{path} must hold a list of objects, one a run; name a file that firstspike sweep wrote")
    return [{column: _text(value) for column, value in row.items()} for row in rows]


def _read_network(path: Path) -> list[Run]:
    network = load_network(path)
    facts = {"connectivity": network.connectivity} | network.provenance
    settings = facts.pop("settings", {})
    if isinstance(settings, dict):
        # A setting may have the name of a result, such as connectivity: wanted and reached. The result keeps the name.
        facts |= {f"settings.{name}" if name in facts else name: value for name, value in settings.items()}
    return [{column: _text(value) for column, value in facts.items()}]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


_READERS = {".csv": _read_csv, ".json": _read_json, ".safetensors": _read_network}
