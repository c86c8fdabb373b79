"""A board with a processor, at its pins and behind its link: three networks take turns on one bitstream."""

from dataclasses import replace

import pytest

from firstspike import Accelerator
from firstspike_hw.boards import standard
from firstspike_hw.boards.registry import board_named
from firstspike_hw.simulation import NativeSerialPort
from firstspike_spec import InputError, LayeredNetwork, infer_spikes, plan_processor
from firstspike_spec.inference.results import Results, compare_results

from ..spec.random_layered_networks import random_chain, random_layered_map_network, random_layered_times
from ..spec.random_networks import random_network

BOARD = board_named("ulx3s-85f")

#: With maps, without, and with more inputs.
NETWORKS: list[LayeredNetwork] = [random_layered_map_network(3), random_chain(1, (12, 9, 5)), random_chain(2, (40, 6, 3))]


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory):
    """Compile into a folder of this module's own, and make the board's processor a small one, which all networks fit."""
    shapes = [plan_processor(network, 3) for network in NETWORKS]
    sizes = {name: max(getattr(shape, name) for shape in shapes) for name in shapes[0].as_dict()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setitem(standard.STANDARD_PROCESSORS, BOARD.name, replace(shapes[0], **sizes))
        yield


@pytest.fixture(scope="module")
def port():
    with NativeSerialPort(BOARD, standard.standard_processor(BOARD)) as opened:
        yield opened


def check(accelerator, network, seed):
    """Compare a run with the golden model."""
    times = random_layered_times(seed, network, 12)
    expected = Results.from_inference(infer_spikes(network, times), early_exit=False)
    got = accelerator.run_spikes(times)
    comparison = compare_results(expected, got)
    comparison.check()
    return comparison.compared_values


def test_networks_take_turns_and_the_last_one_stays(port):
    name, compared = f"serial:{port.path}@{BOARD.baud}", 0
    with Accelerator.open(name, network=NETWORKS[0]) as accelerator:
        for turn, network in enumerate((*NETWORKS, NETWORKS[0])):
            accelerator.load(network)
            compared += check(accelerator, network, turn)
        assert [(check.name, check.passed) for check in accelerator.selftest()] == [
            ("identity", True),
            ("link", True),
            ("memories", True),
            ("images", True),
        ]
        info = accelerator.info()
    assert compared > 300
    assert info["board"] == BOARD.name
    assert info["processor"] == standard.standard_processor(BOARD).as_dict()
    with Accelerator.open(name, network=NETWORKS[0]) as accelerator:
        assert accelerator.info()["load_seconds"] is None
        check(accelerator, NETWORKS[0], 9)
    assert port.framing_errors == 0


def test_what_it_cannot_run_leaves_the_old_network(port):
    step_by_step = random_network(7, (16, 9, 4), connectivity=0.6, threshold=6)
    large = random_chain(3, (12, 4000, 5))
    with Accelerator.open(f"serial:{port.path}@{BOARD.baud}", network=NETWORKS[1]) as accelerator:
        with pytest.raises(
            InputError, match=r"the network is step-by-step, and .* takes layered networks only; build an engine"
        ):
            accelerator.load(step_by_step)
        with pytest.raises(InputError, match=r"does not fit the processor: it needs .*, the processor has"):
            accelerator.load(large)
        check(accelerator, NETWORKS[1], 3)


def test_a_simulated_board_shows_all_spikes():
    with Accelerator.open("sim", network=NETWORKS[0], lanes=3) as accelerator:
        assert check(accelerator, NETWORKS[0], 5) > 100
        assert accelerator.run_spikes(random_layered_times(6, NETWORKS[0], 3)).spike_times is not None
