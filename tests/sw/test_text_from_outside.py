"""Names that a file brings reach the terminal, tables and pictures as they are: not as markup, escape codes or formulas."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from firstspike_spec import save_network

#: Of four classes: markup that does not end, markup that vanishes, escape codes and a line's end, and one as long as can be.
NAMES = ("[/red]", "[bold]$x_{", "\x1b[2J\x1b[31mx\r\n", "é" * 100)

#: What stands in the place of the third where everything is shown.
SHOWN = r"\x1b[2J\x1b[31mx\r\n"

#: What a terminal would carry out, but for ends of lines and tabs. (rich writes no colours here.)
CARRIED_OUT = {chr(code) for code in range(32)} - {"\n", "\t"} | {"\x7f", "\x9b", "\u202e"}


@pytest.fixture
def hostile(network, tmp_path):
    """The network with hostile names of its classes and in its provenance."""
    facts = {
        "[/bold]": "[/]\x1b]0;title\x07 :smile: \u202e",
        "dataset": "\x1b[31m[/x]",
        "notes": "z" * 100_000,
        "test_accuracy": 0.5,
        "connectivity_as_trained": "[/x]",
        "settings": 3,
    }
    path = tmp_path / "[red]\x1b[31m.safetensors"
    save_network(replace(network, class_names=NAMES, provenance=facts), path)
    return path


def harmless(text: str) -> bool:
    return not CARRIED_OUT & set(text)


def commands(hostile, image_file, data_folder, tmp_path):
    dataset = ("--data", data_folder, "--dataset", "mine")
    yield "info", hostile
    yield "run", hostile, "--input", image_file
    yield "run", hostile, "--input", image_file, "--output", tmp_path / "r.csv"
    yield "run", hostile, "--input", image_file, "--output", tmp_path / "r.npz"
    yield "validate", hostile, *dataset
    yield "throughput", hostile, "--device", "golden", *dataset
    yield "selftest", hostile, "--device", "golden"
    yield "load", hostile, "--device", "golden"
    for kind in ("raster", "decisions", "firing"):
        yield "plot", kind, hostile, *dataset, "--out", tmp_path / f"{kind}.png"
    yield "plot", "weights", hostile, "--out", tmp_path / "w.png"
    yield "plot", "curve", hostile, "--x", "connectivity", "--out", tmp_path / "c.png"


@pytest.mark.parametrize("columns", ["40", "80", "1000"])
def test_every_command_shows_hostile_names_as_they_are(
    columns, hostile, image_file, data_folder, tmp_path, firstspike, monkeypatch
):
    monkeypatch.setenv("COLUMNS", columns)
    shown = ""
    for command in commands(hostile, image_file, data_folder, tmp_path):
        ended = firstspike(*command)
        told = f"{command[0]} {command[1]!r}: exit code {ended.code}\n{ended.err[-2000:]}"
        assert ended.code == 0, told
        assert harmless(ended.out), f"{told}\n{ended.out!r}"
        assert harmless(ended.err), told
        shown += ended.out
    if columns == "1000":
        assert all(name in shown for name in ("[/red]", "[bold]$x_{", SHOWN, "é" * 100, "[/bold]: [/]"))
        assert len(shown) < 100_000  # not all of the long ones
    with (tmp_path / "r.csv").open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert len(rows) == 40
    assert [name.removeprefix("latency_") for name in head if name.startswith("latency_")] == list(NAMES)
    assert np.load(tmp_path / "r.npz")["class_names"].tolist() == list(NAMES)


def test_json_has_all_of_it(hostile, firstspike):
    told = firstspike("info", hostile, "--json")
    assert told.json["class_names"] == list(NAMES)
    assert len(told.json["provenance"]["notes"]) == 100_000
    assert harmless(told.out)


def test_errors_show_the_names_of_files_as_they_are(firstspike, tmp_path):
    ended = firstspike("info", tmp_path / "[/red]\x1b[31m\udcfe.safetensors")
    assert ended.code == 2
    assert r"[/red]\x1b[31m\udcfe.safetensors: No such file" in ended.err
    assert harmless(ended.err)
