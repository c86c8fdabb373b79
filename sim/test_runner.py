"""The runner and the benches themselves: what is wrong must be found, and be named."""

import re

import numpy as np
import pytest

from firstspike_hw.chain.engine import Engine
from firstspike_hw.flow.convert import to_verilog
from firstspike_hw.lane.parameters import LayerParameters
from firstspike_hw.layer.lane_group import LaneGroup
from firstspike_hw.layer.output_layer import OutputLayer
from firstspike_hw.layer.parameters import OutputParameters
from firstspike_sim import runner
from firstspike_sim.runner import build, simulate
from firstspike_sim.stimulus.handover import Vectors
from firstspike_sim.stimulus.networks import as_hidden, random_network, random_spike_times, roomy_shape
from firstspike_sim.stimulus.vectors import engine_vectors, layer_vectors, output_vectors
from firstspike_spec.compiler.compile import compile_network

SHAPE = roomy_shape(9, [4, 1], [2])
BENCH = "firstspike_sim.benches.layer_bench"
MATCH = "outputs_match/stall_in=0.0/stall_out=0.0"


def make_group(network=None):
    contents = compile_network(as_hidden(network), SHAPE).banks[0] if network else None
    parameters = LayerParameters(SHAPE.layers[0], spikes_per_token=1, time_steps=16, queue_depth=8)
    return LaneGroup(parameters, first_bank=0, banks=2, contents=contents)


@pytest.fixture(scope="module")
def group():
    return build(make_group(), "lane_group")


@pytest.fixture
def vectors():
    rng = np.random.default_rng(70)
    network = random_network(rng, 9, [4], time_steps=4)
    return layer_vectors(rng, network, SHAPE, random_spike_times(rng, 8, network), load=True, lanes=True)


def save(vectors, tmp_path):
    return Vectors.join([vectors]).save(tmp_path / "vectors.npz")


def bench_of(tmp_path, monkeypatch, text):
    """Write a bench of the given tests, and return its name."""
    (tmp_path / "some_bench.py").write_text(f"import cocotb\n{text}")
    monkeypatch.syspath_prepend(tmp_path)
    return "some_bench"


def test_right_vectors_pass(request, tmp_path, group, vectors):
    path = save(vectors, tmp_path)
    run = simulate(group, BENCH, path, run=f"runner {request.node.name}", seed=1, test_filter=MATCH)
    assert run.tests == 1
    assert run.compared_values > 400


def test_one_wrong_spike_is_named(request, tmp_path, group, vectors):
    image, neuron = 5, 2
    vectors["times"][image, neuron] = vectors["times"][image, neuron] == 0
    message = r"spikes: network 0, image 5, layer 0, lane \d, neuron 2, step \d, cycle \d+: expected [01], got [01]"
    with pytest.raises(AssertionError, match=message):
        simulate(group, BENCH, save(vectors, tmp_path), run=f"runner {request.node.name}", seed=1, test_filter=MATCH)


def test_one_wrong_potential_is_named(request, tmp_path):
    rng = np.random.default_rng(73)
    network = random_network(rng, 9, [4], time_steps=4)
    shape = roomy_shape(9, [4])
    vectors = output_vectors(rng, network, shape, random_spike_times(rng, 8, network), load=True)
    vectors["potentials"][5, 2] ^= 1
    simulator = build(OutputLayer(OutputParameters.of(shape)), "output_layer")
    message = (
        r"potential minus threshold: network 0, image 5, layer 0, neuron 2, step \d, cycle \d+: expected -?\d+, got -?\d+"
    )
    with pytest.raises(AssertionError, match=message):
        simulate(simulator, BENCH, save(vectors, tmp_path), run=f"runner {request.node.name}", seed=1, test_filter=MATCH)


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("full_times_1", "spikes: network 0, image 3, layer 0, neuron 1, step"),
        ("full_times_2", "first-spike latency: network 0, image 3, layer 1, neuron 1, step"),
        ("full_potentials", "potential minus threshold: network 0, image 3, layer 1, neuron 1, step"),
        ("full_classes", "address of the class: network 0, image 3, layer 1, step"),
        ("full_decision_steps", "decision step: network 0, image 3, layer 1, step"),
        ("full_spikes", "spikes: network 0: expected"),
    ],
)
def test_one_wrong_value_of_an_engine_is_named(tmp_path, what, named):
    rng = np.random.default_rng(71)
    network = random_network(rng, 9, [6, 4], time_steps=4)
    shape = roomy_shape(9, [6, 4], [1])  # as in test_engine.py
    vectors = engine_vectors(compile_network(network, shape), random_spike_times(rng, 6, network), load=True)
    place = (3, 1) if vectors[what].ndim == 2 else 3
    vectors[what][place] += -1 if vectors[what][place] else 1
    path = save(vectors, tmp_path)
    simulator = build(Engine(shape), "engine")
    test = "batches_match/stall_in=0.0/stall_out=0.0/early_exit=0"
    with pytest.raises(AssertionError, match=re.escape(named)):
        simulate(simulator, "firstspike_sim.benches.engine_bench", path, run=f"runner wrong {what}", seed=1, test_filter=test)


@pytest.mark.parametrize(
    ("register", "stuck", "test"),
    [
        ("after_first_5", 0, MATCH),  # two hits on one neuron in a row: the first one is lost
        ("now", 0, MATCH),  # a potential of an earlier inference counts
        ("flags_found", 0, MATCH),  # a neuron spikes again in each later step
        ("room", 1, "nothing_is_lost"),  # a token comes into a full queue
        ("more", 1, MATCH),  # a spike is given before its step has ended
    ],
    ids=["forwarded sum", "inference", "flags", "room for rows", "ends"],
)
def test_a_wrong_design_is_found(request, tmp_path, vectors, monkeypatch, register, stuck, test):
    """A register that is stuck."""

    def wrong(component, name):
        verilog, count = re.subn(rf"\b{register} <= .*;", f"{register} <= {stuck};", to_verilog(component, name))
        assert count, f"no register is called {register}"
        return verilog

    monkeypatch.setattr(runner, "to_verilog", wrong)
    simulator = build(make_group(), "lane_group")
    path = save(vectors, tmp_path)
    with pytest.raises(AssertionError, match=r"image \d+, layer 0, lane \d, neuron \d, step \d|nothing has moved"):
        simulate(simulator, BENCH, path, run=f"runner {request.node.name}", seed=1, test_filter=test)


def test_no_test_is_a_failure(request, tmp_path, group, vectors, monkeypatch):
    bench, path = bench_of(tmp_path, monkeypatch, ""), save(vectors, tmp_path)
    with pytest.raises(AssertionError, match=r"no test ran|ended without results"):
        simulate(group, bench, path, run=f"runner {request.node.name}", seed=1)


def test_a_test_without_comparison_is_a_failure(request, tmp_path, group, vectors, monkeypatch):
    bench = bench_of(tmp_path, monkeypatch, "@cocotb.test()\nasync def idle(dut):\n    pass\n")
    with pytest.raises(AssertionError, match="1 tests ran, but these are the numbers of values"):
        simulate(group, bench, save(vectors, tmp_path), run=f"runner {request.node.name}", seed=1)


def test_an_empty_scoreboard_is_a_failure(request, tmp_path, group, vectors, monkeypatch):
    text = (
        "from firstspike_sim.scoreboard import Scoreboard\n@cocotb.test()\nasync def idle(dut):\n    Scoreboard().finish()\n"
    )
    bench = bench_of(tmp_path, monkeypatch, text)
    with pytest.raises(AssertionError, match="nothing was compared"):
        simulate(group, bench, save(vectors, tmp_path), run=f"runner {request.node.name}", seed=1)


def test_a_crash_is_a_failure(request, tmp_path, group, vectors, monkeypatch):
    text = "import os\n@cocotb.test()\nasync def crash(dut):\n    os._exit(0)\n"
    bench = bench_of(tmp_path, monkeypatch, text)
    with pytest.raises(AssertionError, match=r"ended without results|no test ran"):
        simulate(group, bench, save(vectors, tmp_path), run=f"runner {request.node.name}", seed=1)


def test_a_stuck_design_is_a_failure(request, tmp_path, group, vectors):
    """Without the last token an inference never ends; the watchdog says so."""
    fewer = Vectors(vectors.settings, {**vectors.arrays, "tokens": vectors["tokens"][:-1]})
    path = save(fewer, tmp_path)
    with pytest.raises(AssertionError, match=r"nothing has moved since cycle \d+"):
        simulate(group, BENCH, path, run=f"runner {request.node.name}", seed=1, test_filter=MATCH)


def test_torch_stays_outside(request, tmp_path, group, vectors, monkeypatch):
    text = """
import sys
from firstspike_sim.benches import engine_bench, lane_group_bench, layer_bench, output_layer_bench, readout_bench
from firstspike_sim.scoreboard import Scoreboard
@cocotb.test()
async def modules(dut):
    scoreboard = Scoreboard()
    scoreboard.compare("torch", False, "torch" in sys.modules)
    scoreboard.finish()
"""
    bench = bench_of(tmp_path, monkeypatch, text)
    path = save(vectors, tmp_path)
    simulate(group, bench, path, run=f"runner {request.node.name}", seed=1, test_filter="some_bench.modules")


def test_a_simulator_is_built_once(group, monkeypatch):
    monkeypatch.setattr(runner, "_compile", None)
    assert build(make_group(), "lane_group") == group


def test_simulators_are_kept_apart_by_content(group):
    network = random_network(np.random.default_rng(72), 9, [4])
    assert build(make_group(network), "lane_group").folder != group.folder
