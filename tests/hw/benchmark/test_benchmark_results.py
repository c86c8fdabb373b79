"""The stored results of the benchmark: the engine has not become slower or larger since, and plans agree with them."""

import json
from pathlib import Path

import numpy as np
import pytest

from firstspike_hw.benchmark.implementation import Implementation
from firstspike_hw.benchmark.measure import SHORT_IMAGES, short_figures
from firstspike_hw.benchmark.points import POINTS
from firstspike_hw.boards.fpga import find_fpga
from firstspike_hw.cycles.estimate import ERROR, estimated_figures
from firstspike_hw.flow.tools import YOWASP
from firstspike_hw.planning.blocks import block_rams
from firstspike_hw.planning.estimates import clock_mhz, luts
from firstspike_spec import infer_spikes, load_dataset, load_network
from firstspike_spec.common.errors import InputError
from firstspike_spec.compiler.compile import compile_network

from ...levels import thorough

ROOT = Path(__file__).resolve().parents[3]
RESULTS = {
    path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "docs" / "results" / "benchmark").glob("*.json"))
}

#: What is placed and routed in a test.
SMALL = "icebreaker"


def network_of(result):
    return load_network(ROOT / "networks" / f"{result['network']}.safetensors")


def shape_of(result):
    return find_fpga(result["fpga"]).family.plan(network_of(result), result["lanes"])


def test_each_result_is_of_its_point():
    assert RESULTS
    for name, result in RESULTS.items():
        point = POINTS[name]
        kept = {key: result[key] for key in ("network", "fpga", "lanes", "engines", "goal_mhz")}
        assert kept == {key: getattr(point, key) for key in kept} | {"lanes": json.loads(json.dumps(point.lanes))}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[thorough] * (name == "fashion")) for name in RESULTS])
def test_cycles_have_not_become_more(name):
    """On the first images, in pairs, 2 % are allowed."""
    stored, network = RESULTS[name]["short"], network_of(RESULTS[name])
    try:
        images = load_dataset(network.dataset, "test").first(SHORT_IMAGES).images
    except InputError as error:
        pytest.skip(str(error))
    now = short_figures(compile_network(network, shape_of(RESULTS[name])), network.spike_times(images))
    assert now["images"] == stored["images"] == SHORT_IMAGES
    for figure in ("cycles_mean", "latency_cycles_median", "latency_cycles_p99"):
        assert now[figure] <= 1.02 * stored[figure], figure


def test_plans_agree_with_the_reports():
    """Block RAMs exactly; logic and clock within 15 %, and within the error that the plan itself tells."""
    by_fpga = {}
    for name, result in RESULTS.items():
        by_fpga.setdefault(result["fpga"], []).append(name)
    for fpga, names in by_fpga.items():
        shapes = [shape_of(RESULTS[name]) for name in names]
        planned = block_rams(shapes, find_fpga(fpga), YOWASP)
        for name, shape, blocks in zip(names, shapes, planned, strict=True):
            result = RESULTS[name]
            assert result["engines"] * blocks == result["block_rams"], name
            logic = luts(shape, find_fpga(fpga), result["engines"])
            clock = clock_mhz(shape, logic.value, find_fpga(fpga))
            for estimate, reported in ((logic, result["luts"]), (clock, result["fmax_mhz"]["median"])):
                assert abs(estimate.value / reported - 1) <= min(0.15, estimate.error + 1e-9), name


@pytest.mark.parametrize("name", RESULTS)
def test_estimated_cycles_agree_with_the_stored_ones(name):
    """Within the error that a search prints. The images are drawn: the first ones are easier."""
    result, network = RESULTS[name], network_of(RESULTS[name])
    try:
        images = load_dataset(network.dataset, "test").images
    except InputError as error:
        pytest.skip(str(error))
    drawn = np.random.default_rng(0).permutation(len(images))[:500]
    spike_times = network.spike_times(images[drawn])
    inference = infer_spikes(network, spike_times, early_exit=False)
    estimated = estimated_figures(compile_network(network, shape_of(result)), spike_times, inference)
    assert estimated["cycles_mean"] == pytest.approx(result["cycles_mean"], rel=ERROR)
    for figure, error in (("cycles_p99", 0.15), ("latency_cycles_median", 0.08), ("latency_cycles_p99", 0.08)):
        assert estimated[figure] == pytest.approx(result[figure], rel=error), figure


@thorough
def test_a_small_fpga_placed_and_routed(tmp_path):
    """What is stored can be had again, and the logic has not grown by more than 2 %."""
    result = RESULTS[SMALL]
    image = compile_network(network_of(result), shape_of(result))
    implementation = Implementation(
        image,
        result["engines"],
        find_fpga(result["fpga"]),
        goal_mhz=result["goal_mhz"],
        folder=tmp_path,
        toolchain=YOWASP,
        note=lambda text: None,
    )
    figures = implementation.run(1)
    assert figures["block_rams"] <= result["block_rams"]
    assert figures["logic"] <= 1.02 * result["luts"]
    assert figures["fmax_mhz"]["median"] >= 0.9 * result["fmax_mhz"]["min"]
