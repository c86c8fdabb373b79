"""The demo as a newcomer runs it: real digits on the compiled RTL."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from firstspike.commands.demo import load_digits

from ..levels import thorough

ROOT = Path(__file__).parents[2]
NETWORK = ROOT / "networks" / "mnist-mlp.safetensors"


def firstspike(*arguments) -> subprocess.CompletedProcess:
    program = "from firstspike.command_line import main; main()"
    return subprocess.run([sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_the_digits_that_ship_are_the_first_of_the_test_set(mnist_test):
    digits, test = load_digits(), mnist_test
    assert len(digits.images) >= 200
    np.testing.assert_array_equal(digits.images, test.images[: len(digits.images)])
    np.testing.assert_array_equal(digits.labels, test.labels[: len(digits.labels)])


def test_demo_shows_real_digits_on_the_rtl(tmp_path):
    finished = firstspike("demo", NETWORK, "--out", tmp_path, "--json")
    assert finished.returncode == 0, finished.stderr
    shown = json.loads(finished.stdout)
    assert shown["device"] == "sim"
    assert shown["images"] >= 200
    assert shown["mismatches"] == 0
    assert shown["compared_values"] > 200 * (784 + 300)
    assert shown["accuracy"] > 0.95
    assert shown["cycles_mean"] > 0
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == shown["images"]
    assert sum(row["class"] == row["true"] for row in rows) / len(rows) == pytest.approx(shown["accuracy"])

    table = firstspike("demo", NETWORK, "--out", tmp_path)
    assert "0 mismatches" in table.stdout.replace("\n", " ")
    assert "first-spike latency of class" in table.stdout
    assert "no output spiked; the largest potential decides" in table.stdout.replace("\n", " ")


def test_demo_runs_from_any_folder(tmp_path, monkeypatch):
    """Its network and its digits come with firstspike; the results go beside the call."""
    monkeypatch.chdir(tmp_path)
    finished = firstspike("demo", "--device", "golden", "--json")
    assert finished.returncode == 0, finished.stderr
    assert Path(json.loads(finished.stdout)["network"]).samefile(NETWORK)
    assert sorted(path.name for path in (tmp_path / "build" / "demo").iterdir()) == ["digits.png", "results.csv"]


def test_demo_writes_elsewhere_where_nothing_can_be_written(tmp_path, monkeypatch):
    (tmp_path / "build").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    finished = firstspike("demo", "--device", "golden", "--json")
    assert finished.returncode == 0, finished.stderr
    picture = Path(json.loads(finished.stdout)["picture"])
    assert picture.is_relative_to(tmp_path)
    assert picture.is_file()
    shown = firstspike("demo", "--device", "golden", "--out", tmp_path / "build")  # what was asked for is not replaced
    assert (shown.returncode, shown.stderr.count("\n")) == (2, 1)


@thorough
@pytest.mark.usefixtures("mnist_test")
def test_the_whole_mnist_test_set_on_the_rtl():
    finished = firstspike("validate", NETWORK, "--device", "sim", "--json")
    assert finished.returncode == 0, finished.stderr
    shown = json.loads(finished.stdout)
    print(f"compared {shown['compared_values']:,} values")
    assert shown["images"] == 10_000
    assert shown["mismatches"] == 0
    assert shown["compared_values"] > 10_000 * (784 + 300)
    assert shown["accuracy"] >= 0.97
    assert shown["connectivity"] <= 0.10
