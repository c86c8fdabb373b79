"""``firstspike plan`` as a user calls it."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from firstspike_hw.planning import search
from firstspike_hw.planning.command import plan
from firstspike_spec import load_dataset
from firstspike_spec.errors import InputError

NETWORK = Path(__file__).resolve().parents[3] / "networks" / "mnist-mlp-88.safetensors"


@pytest.fixture(autouse=True)
def block_rams_by_lanes(monkeypatch):
    """Synthesis is not asked; `test_bench_results` does that."""
    monkeypatch.setattr(search, "block_rams", lambda shapes, device, toolchain: [shape.layers[0].lanes for shape in shapes])


def run(*arguments):
    try:
        load_dataset("mnist", "test")
    except InputError as error:
        pytest.skip(str(error))
    app = typer.Typer()
    app.command()(plan)
    return CliRunner().invoke(app, [str(NETWORK), "--images", "20", *arguments], env={"COLUMNS": "200"})


def test_json_of_one_plan():
    result = run("--device", "ecp5-85k", "--lanes", "4", "--engines", "3", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["device"], told["images"], len(told["plans"])) == ("ecp5-85k", 20, 1)
    one = told["plans"][0]
    assert (one["lanes"], one["engines"], one["block_rams"], one["fits"]) == ([4], 3, 12, True)
    assert one["luts"]["value"] > 0
    assert one["latency_us_median"] <= one["latency_us_p99"]


def test_without_lanes_it_prints_what_is_worth_building(monkeypatch):
    monkeypatch.setattr(search, "LANES", (3, 4, 6, 8))
    result = run("--device", "ice40up5k", "--json")
    assert result.exit_code == 0, result.output
    plans = json.loads(result.stdout)["plans"]
    assert all(one["fits"] for one in plans)
    rates, sizes = ([one[key] for one in plans] for key in ("images_per_second", "luts"))
    assert rates == sorted(rates)
    assert [size["value"] for size in sizes] == sorted(size["value"] for size in sizes)


def test_what_does_not_fit_is_told_with_what_to_do():
    result = run("--device", "ice40up5k", "--lanes", "40")
    assert result.exit_code == 0, result.output
    assert "does not fit ice40up5k: take fewer lanes" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "spartan"], "unknown device 'spartan'"),
        (["--device", "ecp5-85k", "--lanes", "x"], "x"),
        (["--device", "ecp5-85k", "--lanes", "4", "--engines", "0"], "engines"),
        (["--device", "ecp5-85k", "--images", "1"], "images"),
    ],
)
def test_bad_input(arguments, message):
    result = run(*arguments)
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)
