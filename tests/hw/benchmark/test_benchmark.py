"""The benchmark: what it measures, that it continues where it stopped, and what it stores."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from firstspike_hw.benchmark.counting import counted_figures
from firstspike_hw.benchmark.implementation import Implementation
from firstspike_hw.benchmark.measure import combine, measure
from firstspike_hw.benchmark.points import POINTS, Point
from firstspike_hw.benchmark.table import cells
from firstspike_hw.boards.fpga import FPGAS
from firstspike_hw.chain.engine import Engine
from firstspike_hw.cycles import replayed_figures
from firstspike_hw.flow.bare import Bare
from firstspike_hw.flow.command_lines import NETLIST
from firstspike_hw.flow.convert import to_verilog
from firstspike_spec import Dataset, load_network
from firstspike_spec.common.errors import InputError
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.terminal.console import SafeConsole
from firstspike_spec.terminal.records import print_records

from ...spec.random_networks import random_times
from ..flow.fakes import ROUTED

ROOT = Path(__file__).parents[3]
DIGITS = Dataset("digits", np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.uint8))
POINT = Point("tiny", "tiny", "ecp5-25k", lanes=2, engines=2, goal_mhz=100)


@pytest.fixture(scope="module")
def image(network):
    return compile_network(network, FPGAS["ecp5-25k"].family.plan(network, 2))


def route(clocks):
    """Return a script that gives the clock of the seed that it is called with."""
    reports = {
        seed: json.dumps({**ROUTED, "fmax": {"clk": {"achieved": clock, "constraint": 100}}}) for seed, clock in clocks.items()
    }
    cases = "".join(f"*'--seed {seed} '*) echo '{report}' > routed.json;; " for seed, report in reports.items())
    return f'case "$* " in {cases} *) exit 3;; esac'


def implement(image, folder, notes, goal_mhz=100):
    return Implementation(image, 2, FPGAS["ecp5-25k"], goal_mhz=goal_mhz, folder=folder, toolchain="native", note=notes.append)


def test_each_seed_is_routed_once_and_the_median_one_counts(image, toolchain, tmp_path):
    toolchain.write("nextpnr-ecp5", route({1: 120.0, 2: 90.5, 3: 100.25}))
    notes = []
    figures = implement(image, tmp_path / "work", notes).run(2)
    assert figures["fmax_mhz"] == {"min": 90.5, "median": 105.25, "max": 120.0, "seeds": {"1": 120.0, "2": 90.5}}
    assert (figures["logic"], figures["flip_flops"], figures["block_rams"]) == (1200, 800, 7)
    assert len(notes) == 3
    notes.clear()
    figures = implement(image, tmp_path / "work", notes).run(3)
    assert figures["fmax_mhz"]["median"] == 100.25
    assert notes == ["place-and-route, seed 3 of 3 ..."]


def test_what_has_changed_is_done_anew(image, network, toolchain, tmp_path):
    """With another goal or router, only what depends on it: the netlist stays."""
    other = compile_network(network, FPGAS["ecp5-25k"].family.plan(network, 4))
    routing = "place-and-route, seed 1 of 1 ..."

    def steps(image, **changed):
        notes = []
        implement(image, tmp_path, notes, **changed).run(1)
        return notes

    toolchain.write("nextpnr-ecp5", route({1: 120.0}))
    assert steps(image) == ["synthesis ...", routing]
    assert steps(image) == []
    assert steps(image, goal_mhz=110) == [routing]
    assert steps(other, goal_mhz=110) == ["synthesis ...", routing]
    toolchain.write("nextpnr-ecp5", route({1: 120.0}), version="2.0")
    assert steps(other, goal_mhz=110) == [routing]
    (tmp_path / NETLIST).unlink()
    assert steps(other, goal_mhz=110) == ["synthesis ...", routing]


def test_a_seed_that_failed_is_tried_again(image, toolchain, tmp_path):
    toolchain.write("nextpnr-ecp5", route({1: 120.0}))
    notes = []
    with pytest.raises(InputError, match="exit code 3"):
        implement(image, tmp_path, notes).run(2)
    toolchain.write("nextpnr-ecp5", route({1: 120.0, 2: 130.0}))
    notes.clear()
    assert implement(image, tmp_path, notes).run(2)["fmax_mhz"]["max"] == 130.0
    assert notes == ["place-and-route, seed 2 of 2 ..."]


def test_no_room_is_told_and_what_was_done_is_kept(image, toolchain, tmp_path, monkeypatch):
    toolchain.write("nextpnr-ecp5", route({1: 120.0}))
    design, notes = implement(image, tmp_path, []), []
    design.run(1)

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("firstspike_hw.benchmark.implementation.run_tool", full)
        with pytest.raises(InputError, match=f"cannot write into {tmp_path}: No space left on device; make room"):
            design.run(2)
    implement(image, tmp_path, notes).run(1)
    assert notes == []


def test_a_memory_without_its_output_register_is_refused(image, toolchain, tmp_path):
    toolchain.synthesize({"engine_0.block_0_0": {"type": "DP16KD", "parameters": {"REGMODE_A": "NOREG"}}})
    with pytest.raises(InputError, match="output registers"):
        implement(image, tmp_path, []).run(1)


def test_a_point_is_measured_as_a_whole(network, toolchain, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (60, network.inputs)).astype(np.uint8)
    toolchain.write("nextpnr-ecp5", route({1: 120.0, 2: 90.0, 3: 100.0}))
    result = measure(POINT, network, pixels, seeds=3, folder=tmp_path, toolchain="native", note=lambda text: None)
    assert result["images_per_second"] == pytest.approx(2 * 100e6 / result["cycles_mean"])
    assert result["latency_us_median"] == pytest.approx(result["latency_cycles_median"] / 100)
    assert result["latency_us_p99"] >= result["latency_us_median"] > 0
    assert 0 < result["lane_utilisation"] <= 1
    assert (result["luts"], result["block_rams"], result["images"]) == (1200, 7, 60)
    assert json.loads(json.dumps(result)) == result
    assert cells(result, verbose=False)["point"] == "tiny"


def test_engines_share_nothing_and_nothing_of_them_is_optimised_away(image):
    verilog = to_verilog(Bare({f"engine_{number}": Engine(image.shape, image) for number in range(3)}), "bare")
    assert [f"engine_{number} (" in verilog for number in range(4)] == [True, True, True, False]


def test_the_points_have_networks_and_devices():
    assert all(point.fpga in FPGAS and name == point.name for name, point in POINTS.items())


def test_an_unknown_point_is_refused_before_anything_is_done(firstspike, tmp_path):
    shown = firstspike("benchmark", "quick", "--out", tmp_path / "out")
    assert shown.code == 2
    assert "unknown point 'quick'" in shown.err
    assert not (tmp_path / "out").exists()


def test_what_is_missing_or_cannot_be_written_is_told_before_the_work(firstspike, tmp_path, monkeypatch):
    """Not after hours of it, when the result is there."""
    monkeypatch.setattr("firstspike_hw.benchmark.measure.measure", None)
    monkeypatch.setattr("firstspike_hw.commands.benchmark.load_dataset", None)
    (tmp_path / "file").touch()
    fine = {"--out": tmp_path / "out", "--work": tmp_path / "work"}
    for option, told in (("--networks", "cannot read"), ("--out", "cannot write into"), ("--work", "cannot write into")):
        options = {**fine, option: tmp_path / "file" / "folder"}
        shown = firstspike("benchmark", "two", *(word for pair in options.items() for word in pair))
        assert (shown.code, shown.err.count("\n")) == (2, 1), shown.err
        assert f"{told} {tmp_path / 'file' / 'folder'}" in shown.err


def test_the_points_networks_are_found_from_any_folder(firstspike, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("firstspike_hw.commands.benchmark.load_dataset", lambda *arguments: DIGITS)
    monkeypatch.setattr("firstspike_hw.benchmark.measure.measure", lambda point, network, pictures, **options: network.digest)
    monkeypatch.setattr("firstspike_hw.commands.benchmark.cells", lambda result, verbose: {"digest": result})
    names = ("two", "icebreaker-88")
    wanted = [load_network(ROOT / "networks" / f"{POINTS[name].network}.safetensors").digest for name in names]
    shown = firstspike("benchmark", *names).out
    assert all(digest in shown for digest in wanted)


@pytest.mark.parametrize("verbose", [False, True])
def test_the_stored_results_on_80_columns(verbose):
    results = [json.loads(path.read_text()) for path in sorted((ROOT / "docs" / "results" / "benchmark").glob("*.json"))]
    console = SafeConsole(width=80, file=io.StringIO())
    records = [cells(result, verbose=verbose) for result in results]
    print_records(console, records)
    shown = console.file.getvalue()
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert all(cell in shown for record in records for cell in record.values())


def test_the_figures_are_those_of_images_alone_and_back_to_back(image, network):
    figures = replayed_figures(image, random_times(3, network, 50))
    assert figures["latency_cycles_p99"] >= figures["latency_cycles_median"] > 0
    assert figures["cycles_p99"] >= figures["cycles_mean"] > 0
    clock = {"fmax_mhz": {"median": 50.0}, "logic": 1, "flip_flops": 1, "block_rams": 0, "versions": {}}
    result = combine(POINT, figures, clock)
    assert result["latency_us_median"] == figures["latency_cycles_median"] / 50


def test_the_rtl_gives_the_figures_of_the_replay(image, network):
    times = random_times(3, network, 20)
    replayed = replayed_figures(image, times)
    counted = counted_figures(image, times, note=lambda text: None)
    assert counted == {name: replayed[name] for name in counted}
    assert replayed.keys() - counted.keys() == {"lane_utilisation"}
