"""The runner and the benches themselves: what is wrong must be found, and be named."""

import re

import numpy as np
import pytest

from firstspike_hw.convert import to_verilog
from firstspike_hw.engine import Engine
from firstspike_hw.lane import Lane
from firstspike_sim import runner
from firstspike_sim.handover import Vectors
from firstspike_sim.networks import dense_network, random_network, random_spike_times
from firstspike_sim.runner import build, simulate
from firstspike_sim.vectors import engine_vectors, layer_vectors
from firstspike_spec.compiler import compile_network, plan

SHAPE = plan(dense_network(9, [4]), 1)
MATCH = "spikes_and_potentials_match/stall_in=0.0/stall_out=0.0"


@pytest.fixture(scope="module")
def lane():
    return build(Lane(SHAPE.layers[0], reports=True), "lane")


@pytest.fixture
def vectors():
    rng = np.random.default_rng(70)
    network = random_network(rng, 9, [4], time_steps=4)
    return layer_vectors(rng, network, SHAPE, random_spike_times(rng, 8, network), reports=True, load=True)


def bench_of(tmp_path, monkeypatch, text):
    """Write a bench of the given tests, and return its name."""
    (tmp_path / "some_bench.py").write_text(f"import cocotb\n{text}")
    monkeypatch.syspath_prepend(tmp_path)
    return "some_bench"


def test_right_vectors_pass(request, tmp_path, lane, vectors):
    path = vectors.save(tmp_path / "vectors.npz")
    run = simulate(lane, "firstspike_sim.lane_bench", path, run=f"runner {request.node.name}", seed=1, test_filter=MATCH)
    assert run.tests == 1
    assert run.compared_values > 500


@pytest.mark.parametrize("what", ["times", "potentials"])
def test_one_wrong_value_is_named(request, tmp_path, lane, vectors, what):
    image, neuron = 5, 2
    vectors[what][image, neuron] ^= 1
    path = vectors.save(tmp_path / "vectors.npz")
    named = "potential minus threshold" if what == "potentials" else "(spikes|reports)"
    message = rf"{named}: image 5, layer 0, step \d, neuron 2, cycle \d+: expected -?\d+, got -?\d+"
    with pytest.raises(AssertionError, match=message):
        simulate(lane, "firstspike_sim.lane_bench", path, run=f"runner {request.node.name}", seed=1, test_filter=MATCH)


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("full_times_1", "spikes: image 3, layer 0, step"),
        ("full_times_2", "first-spike latency: image 3, layer 1, neuron 1, cycle"),
        ("full_potentials", "potential minus threshold: image 3, layer 1, neuron 1, cycle"),
        ("full_classes", "address of the class: image 3, layer 1, cycle"),
        ("full_decision_steps", "decision step: image 3, layer 1, cycle"),
        ("full_spikes", "spikes: whole run: expected"),
    ],
)
def test_one_wrong_value_of_an_engine_is_named(request, tmp_path, what, named):
    rng = np.random.default_rng(71)
    network = random_network(rng, 9, [6, 4], time_steps=4)
    shape = plan(dense_network(9, [6, 4]), 1, queue_depth=2)
    vectors = engine_vectors(compile_network(network, shape), random_spike_times(rng, 6, network), load=True)
    place = (3, 1) if vectors[what].ndim == 2 else 3
    vectors[what][place] += -1 if vectors[what][place] else 1
    path = Vectors.join([vectors]).save(tmp_path / "vectors.npz")
    simulator = build(Engine(shape), "engine")
    test = "batches_match/stall_in=0.0/stall_out=0.0/early_exit=0"
    with pytest.raises(AssertionError, match=re.escape(named)):
        simulate(simulator, "firstspike_sim.engine_bench", path, run=f"runner {request.node.name}", seed=1, test_filter=test)


@pytest.mark.parametrize(
    "register",
    [
        "forward",  # two hits on one neuron in a row: the first one is lost
        "touched",  # the potential is never read back
        "spiked",  # a neuron spikes again in each later step
        "previous_total",
        "row_waits",
    ],
)
def test_a_wrong_design_is_found(request, tmp_path, vectors, monkeypatch, register):
    """A register that is stuck at its first value."""

    def stuck(component, name):
        verilog, count = re.subn(rf"\b{register} <= .*;", f"{register} <= 0;", to_verilog(component, name))
        assert count
        return verilog

    monkeypatch.setattr(runner, "to_verilog", stuck)
    simulator = build(Lane(SHAPE.layers[0], reports=True), "lane")
    path = vectors.save(tmp_path / "vectors.npz")
    with pytest.raises(AssertionError, match=r"image \d+, layer 0, step \d, neuron \d, cycle|nothing has moved"):
        simulate(simulator, "firstspike_sim.lane_bench", path, run=f"runner {request.node.name}", seed=1, test_filter=MATCH)


def test_no_test_is_a_failure(request, tmp_path, lane, vectors, monkeypatch):
    bench, path = bench_of(tmp_path, monkeypatch, ""), vectors.save(tmp_path / "vectors.npz")
    with pytest.raises(AssertionError, match=r"no test ran|ended without results"):
        simulate(lane, bench, path, run=f"runner {request.node.name}", seed=1)


def test_a_test_without_comparison_is_a_failure(request, tmp_path, lane, vectors, monkeypatch):
    bench = bench_of(tmp_path, monkeypatch, "@cocotb.test()\nasync def idle(dut):\n    pass\n")
    with pytest.raises(AssertionError, match="1 tests ran, but these are the numbers of values"):
        simulate(lane, bench, vectors.save(tmp_path / "vectors.npz"), run=f"runner {request.node.name}", seed=1)


def test_an_empty_scoreboard_is_a_failure(request, tmp_path, lane, vectors, monkeypatch):
    text = (
        "from firstspike_sim.scoreboard import Scoreboard\n@cocotb.test()\nasync def idle(dut):\n    Scoreboard().finish()\n"
    )
    bench = bench_of(tmp_path, monkeypatch, text)
    with pytest.raises(AssertionError, match="nothing was compared"):
        simulate(lane, bench, vectors.save(tmp_path / "vectors.npz"), run=f"runner {request.node.name}", seed=1)


def test_a_crash_is_a_failure(request, tmp_path, lane, vectors, monkeypatch):
    text = "import os\n@cocotb.test()\nasync def crash(dut):\n    os._exit(0)\n"
    bench = bench_of(tmp_path, monkeypatch, text)
    with pytest.raises(AssertionError, match=r"ended without results|no test ran"):
        simulate(lane, bench, vectors.save(tmp_path / "vectors.npz"), run=f"runner {request.node.name}", seed=1)


def test_a_stuck_design_is_a_failure(request, tmp_path, lane, vectors):
    """Without the last token an inference never ends; the watchdog says so."""
    fewer = Vectors(vectors.settings, {**vectors.arrays, "tokens": vectors["tokens"][:-1]})
    path = fewer.save(tmp_path / "vectors.npz")
    with pytest.raises(AssertionError, match=r"nothing has moved since cycle \d+"):
        simulate(lane, "firstspike_sim.lane_bench", path, run=f"runner {request.node.name}", seed=1, test_filter=MATCH)


def test_torch_stays_outside(request, tmp_path, lane, vectors, monkeypatch):
    text = """
import sys
from firstspike_sim import engine_bench, lane_bench, layer_bench, readout_bench
from firstspike_sim.scoreboard import Scoreboard
@cocotb.test()
async def modules(dut):
    scoreboard = Scoreboard()
    scoreboard.compare("torch", False, "torch" in sys.modules)
    scoreboard.finish()
"""
    bench = bench_of(tmp_path, monkeypatch, text)
    path = vectors.save(tmp_path / "vectors.npz")
    simulate(lane, bench, path, run=f"runner {request.node.name}", seed=1, test_filter="some_bench.modules")


def test_a_simulator_is_built_once(lane, monkeypatch):
    monkeypatch.setattr(runner, "_compile", None)
    assert build(Lane(SHAPE.layers[0], reports=True), "lane") == lane


def test_simulators_are_kept_apart_by_content(lane):
    network = random_network(np.random.default_rng(72), 9, [4])
    image = compile_network(network, SHAPE).lanes[0][0]
    assert build(Lane(SHAPE.layers[0], reports=True, image=image), "lane").folder != lane.folder
