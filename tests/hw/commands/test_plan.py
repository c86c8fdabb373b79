"""``firstspike plan`` as a user calls it."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from firstspike_hw.boards.fpga import FPGAS
from firstspike_hw.boards.standard import STANDARD_PROCESSORS
from firstspike_hw.commands.plan import _cells, plan
from firstspike_hw.cycles.processor import replay
from firstspike_hw.planning import search
from firstspike_hw.planning.estimates import Estimate
from firstspike_hw.planning.search import Outlook
from firstspike_hw.planning.spikes import drawn_spikes
from firstspike_spec import compile_layered, infer_spikes, load_network, profile, save_network
from firstspike_spec.common.errors import InputError
from firstspike_spec.datasets import published
from firstspike_spec.terminal.console import SafeConsole
from firstspike_spec.terminal.records import print_records

from ...spec.random_layered_networks import random_chain
from ...spec.random_networks import random_network

NETWORK = Path(__file__).resolve().parents[3] / "networks" / "mnist-mlp-88.safetensors"


@pytest.fixture(autouse=True)
def block_rams_by_lanes(monkeypatch):
    """Nothing is synthesised; `test_benchmark_results` does that."""
    monkeypatch.setattr(search, "block_rams", lambda shapes, fpga, toolchain: [shape.layers[0].lanes for shape in shapes])


@pytest.fixture
def own(tmp_path):
    """A network of 6 by 5 pixels and three classes that says nothing of a data set, as a file."""

    def save(**changes):
        network = replace(random_network(1, (30, 9, 3)), input_shape=(6, 5))
        save_network(replace(network, **changes), tmp_path / "own.safetensors")
        return tmp_path / "own.safetensors"

    return save


def run(*arguments, network=NETWORK, columns=200):
    app = typer.Typer()
    app.command()(plan)
    limit = () if "--limit" in arguments else ("--limit", "20")
    return CliRunner().invoke(app, [str(network), *limit, *map(str, arguments)], env={"COLUMNS": str(columns)})


def spikes_of(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["spikes"]


ONE = ("--fpga", "ice40up5k", "--lanes", "2", "--json")


@pytest.mark.usefixtures("mnist_test")
def test_test_images_of_the_data_set_that_the_network_was_trained_on():
    assert spikes_of(run(*ONE)) == "20 test images of mnist"


def test_without_any_data_set_spikes_are_drawn(own):
    """As often as the activity says, where the network has been profiled; and the plan says so."""
    file = own()
    assert spikes_of(run(*ONE, network=file)) == "20 images, half of the inputs spike, each at any step"
    images = np.zeros((50, 6, 5), np.uint8)
    images[:, 0] = 200
    network = profile(load_network(file), images)
    save_network(network, file)
    assert spikes_of(run(*ONE, network=file)) == "20 images, spikes drawn from the network's activity, each at any step"
    assert "20 images, spikes drawn from the network's activity" in run(*ONE[:-1], network=file).stdout
    times = drawn_spikes(network, 5000).times
    np.testing.assert_array_equal((times < network.time_steps).mean(axis=0), [1] * 5 + [0] * 25)
    assert set(times[:, 0]) == set(range(network.time_steps))
    assert (drawn_spikes(load_network(own()), 5000).times < network.time_steps).mean() == pytest.approx(0.5, abs=0.02)


def test_a_data_set_that_is_not_at_hand_is_not_needed(own, monkeypatch, tmp_path):
    monkeypatch.delenv("FIRSTSPIKE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def offline(*arguments):
        raise InputError("there is no network")

    monkeypatch.setattr(published, "download", offline)
    for name, reason in (("mnist", "there is no network"), ("mine", "unknown data set 'mine'")):
        result = run(*ONE, network=own(provenance={"dataset": name}))
        assert "half of the inputs spike" in spikes_of(result)
        assert f"note: no images of {name}: {reason}" in result.stderr


def test_images_of_ones_own(own, tmp_path):
    images, labels = np.full((7, 6, 5), 200, np.uint8), np.zeros(7, int)
    np.savez(tmp_path / "mine.npz", x_test=images, y_test=labels)
    assert spikes_of(run(*ONE, "--data", tmp_path / "mine.npz", network=own())) == "7 test images of mine"
    assert spikes_of(run(*ONE, "--data", tmp_path, "--dataset", "mine", network=own())) == "7 test images of mine"


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((7, 5, 6), "data set mine: images must have the shape (batch, 6, 5) or (batch, 30), not (7, 5, 6)"),
        ((1, 6, 5), "data set mine has one test image; a plan needs 2 or more"),
    ],
)
def test_a_data_set_that_is_asked_for_must_do(own, tmp_path, shape, message):
    np.savez(tmp_path / "mine.npz", x_test=np.zeros(shape, np.uint8), y_test=np.zeros(shape[0], int))
    result = run(*ONE, "--data", tmp_path / "mine.npz", network=own())
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)


def test_a_data_set_that_is_named_must_be_there(own):
    result = run(*ONE, "--dataset", "mine", network=own())
    assert "unknown data set 'mine'" in str(result.exception)


def test_json_of_one_plan():
    result = run("--fpga", "ecp5-85k", "--lanes", "4", "--engines", "3", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["fpga"], told["images"], len(told["plans"])) == ("ecp5-85k", 20, 1)
    one = told["plans"][0]
    assert (one["lanes"], one["engines"], one["block_rams"], one["fits"]) == ([4], 3, 12, True)
    assert one["luts"]["value"] > 0
    assert one["latency_us_median"] <= one["latency_us_p99"]


def test_without_lanes_it_prints_what_is_worth_building(monkeypatch):
    monkeypatch.setattr(search, "LANES", (3, 4, 6, 8))
    result = run("--fpga", "ice40up5k", "--json")
    assert result.exit_code == 0, result.output
    plans = json.loads(result.stdout)["plans"]
    assert all(one["fits"] for one in plans)
    rates, sizes = ([one[key] for one in plans] for key in ("images_per_second", "luts"))
    assert rates == sorted(rates)
    assert [size["value"] for size in sizes] == sorted(size["value"] for size in sizes)


def test_what_does_not_fit_is_told_with_what_to_do():
    result = run("--fpga", "ice40up5k", "--lanes", "40")
    assert result.exit_code == 0, result.output
    assert "does not fit ice40up5k: take fewer lanes" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fpga", "spartan"], "unknown FPGA 'spartan'"),
        (["--fpga", "ecp5-85k", "--lanes", "x"], "x"),
        (["--fpga", "ecp5-85k", "--lanes", "4", "--engines", "0"], "engines"),
        (["--fpga", "ecp5-85k", "--limit", "1"], "limit"),
    ],
)
def test_bad_input(arguments, message):
    result = run(*arguments)
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)


def test_what_is_compiled_first_is_told_on_standard_error(own, tmp_path, monkeypatch):
    monkeypatch.setenv("YOWASP_CACHE_DIR", str(tmp_path / "cache"))
    result = run(*ONE, network=own())
    assert result.exit_code == 0, result.output
    assert "note: yosys is compiled for this machine when it first runs" in result.stderr
    json.loads(result.stdout)


@pytest.mark.parametrize("verbose", [False, True])
def test_the_table_is_whole_on_80_columns(verbose, own):
    """No heading and no figure is cut, even for engines as large as any."""
    options = ["--verbose"] if verbose else []
    shown = run("--fpga", "ice40up5k", "--lanes", "2", *options, network=own(), columns=80).stdout
    assert all(heading in shown for heading in ("lanes", "engines", "logic", "RAMs", "MHz", "cycles", "images/s", "latency"))
    assert ("latency, 99 %" in shown) == verbose
    luts, clock = Estimate(83_640, 0.12), Estimate(156, 0.06)
    large = Outlook((16, 28, 28), 4, True, 177, luts, clock, 12_263.5, 20_000, 0.05, 1_457_568, 138.06, 165.35, 0.9)
    console = SafeConsole(width=80, file=io.StringIO())
    cells = _cells(large, verbose=verbose)
    print_records(console, [cells], "ecp5-85k")
    wide = console.file.getvalue()
    assert all(cell in wide for pair in cells.items() for cell in pair)
    assert "…" not in shown + wide
    assert max(map(len, wide.splitlines())) <= 80


def test_a_search_says_that_its_cycles_are_estimates(monkeypatch):
    monkeypatch.setattr(search, "LANES", (3, 4))
    shown = run("--fpga", "ice40up5k", columns=80).stdout
    assert "cycles: estimated" in shown
    assert "cycles: exact" in run("--fpga", "ice40up5k", "--lanes", "4", columns=80).stdout


def test_the_help_names_all_fpgas():
    text = " ".join(run("--help", columns=120).stdout.replace("│", " ").split())
    assert f"{', '.join(list(FPGAS)[:-1])} or {list(FPGAS)[-1]}." in text


LAYERED = NETWORK.with_name("mnist-conv-layered.safetensors")


@pytest.fixture
def layered(tmp_path):
    """A small layered network of 6 by 5 pixels, as a file."""
    save_network(replace(random_chain(0, (30, 9, 3)), input_shape=(6, 5)), tmp_path / "layered.safetensors")
    return tmp_path / "layered.safetensors"


@pytest.mark.usefixtures("mnist_test")
def test_a_layered_network_on_standard_processors():
    """Those that run it, with their cycles, and what each of the others lacks."""
    result = run("--limit", "2", "--json", network=LAYERED)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["images"], told["spikes"]) == (2, "2 test images of mnist")
    plans = {plan["board"]: plan for plan in told["plans"]}
    assert set(plans) == set(STANDARD_PROCESSORS)
    large, medium = plans["ulx3s-85f"], plans["ulx3s-45f"]
    assert (large["lanes"], large["clock_mhz"], large["fits"]) == (48, 81.25, True)
    assert large["cycles_mean"] < medium["cycles_mean"] < 3 * large["cycles_mean"]
    assert 0.5 < large["lane_utilisation"] < medium["lane_utilisation"] < 1
    assert large["images_per_second"] == pytest.approx(81.25e6 / large["cycles_mean"])
    assert plans["tang-nano-9k"]["fits"] is False
    assert "it needs 15078 entries in a lane, the processor has" in plans["tang-nano-9k"]["problem"]

    shown = run("--limit", "2", network=LAYERED, columns=80).stdout
    assert "ulx3s-25f, ulx3s-12f, colorlight-i5: the network does not fit the processor" in shown
    assert max(map(len, shown[: shown.index("cycles: exact")].splitlines())) <= 80


def test_a_layered_network_on_one_board_with_drawn_spikes(layered):
    told = json.loads(run("--board", "ulx3s-25f", "--json", network=layered).stdout)
    assert told["spikes"] == "20 images, half of the inputs spike, each at any step"
    [one] = told["plans"]
    shape = STANDARD_PROCESSORS["ulx3s-25f"]
    network = load_network(layered)
    times = infer_spikes(network, drawn_spikes(network, 20).times).spike_times
    cycles = replay(compile_layered(network, shape), times, by_step=True).cycles
    assert one["latency_us_median"] == pytest.approx(np.median(cycles) / 81.25)
    assert "lanes busy" in run("--board", "ulx3s-25f", "--verbose", network=layered).stdout


@pytest.mark.parametrize(
    ("network", "arguments", "message"),
    [
        (LAYERED, ("--fpga", "ecp5-85k", "--lanes", "4"), "leave out --fpga, --lanes, or name a --board"),
        (LAYERED, ("--board", "ulx3s"), "unknown board 'ulx3s'"),
        (NETWORK, ("--board", "ulx3s-85f"), "name an --fpga, no --board"),
        (NETWORK, (), "name an --fpga"),
    ],
)
def test_options_of_the_other_kind_of_network(network, arguments, message):
    result = run(*arguments, network=network)
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)
