"""The self-test passes on every device that is right, and on no other."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firstspike import Accelerator
from firstspike.devices.golden import GoldenDevice
from firstspike.devices.linked import LinkedDevice
from firstspike.selftest import selftest
from firstspike_spec import infer_spikes, load_network
from firstspike_spec.protocol.messages import HEAD_BYTES, Kind, message

from ..levels import thorough
from ..spec.naive_link import framed, split
from ..spec.random_networks import random_network
from .link.timed_board import HOLDING, NETWORK, TimedBoard, late

NETWORKS = sorted((Path(__file__).parents[2] / "networks").glob("*.safetensors"))

#: Outputs spike and gain potential after the decision, and it fits into the engine of the tests' network.
LATER = replace(random_network(108, (16, 5, 4), bits=3, connectivity=0.8, threshold=2, spread=0), input_shape=(4, 4))


def check(device: str, network, **options) -> None:
    with Accelerator.open(device, network=network, **options) as accelerator:
        failed = [check for check in accelerator.selftest() if not check.passed]
    assert failed == []


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_every_network_that_ships_passes_on_the_golden_model(path):
    check("golden", load_network(path))


@thorough
@pytest.mark.parametrize("device", ["engine", "sim"])
@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_every_network_that_ships_passes_on_the_gateware(path, device):
    check(device, load_network(path))


@pytest.mark.parametrize("device", ["golden", "engine", "sim"])
def test_what_happens_after_the_decision_is_compared_in_its_mode_only(network, device):
    """Early exit changes the results of this network, so a device that mixes the modes up cannot pass."""
    images = np.random.default_rng(0).integers(0, 256, (10, 16)).astype(np.uint8)
    early, full = (infer_spikes(LATER, LATER.spike_times(images), early_exit=mode) for mode in (True, False))
    assert (early.latencies != full.latencies).any()
    with Accelerator.open(device, network=network, lanes=3) as accelerator:
        accelerator.load(LATER)
        *_, last = accelerator.selftest()
    assert last.passed
    assert last.told.startswith("10 images, with early exit and to the last step: ")


@pytest.mark.parametrize("mode", [True, False])
def test_a_device_that_knows_one_mode_only_fails(mode, monkeypatch):
    run = GoldenDevice.run

    def always(self, spike_times, *, early_exit):
        return run(self, spike_times, early_exit=mode)

    assert selftest(GoldenDevice(LATER), LATER)[0].passed
    monkeypatch.setattr(GoldenDevice, "run", always)
    (found,) = selftest(GoldenDevice(LATER), LATER)
    assert not found.passed
    assert "differ; " in found.told


def opened(board: TimedBoard) -> LinkedDevice:
    link = board.link()
    link.connect()
    return LinkedDevice(link, NETWORK)


def test_what_was_lost_before_does_not_count():
    """A healthy board passes, whatever happened while it was opened."""
    board = TimedBoard(replace(HOLDING, digest=""), lambda request, answer: [(0.0, framed(answer))] * 2)
    device = opened(board)
    assert device.link.strays > 3
    board.read(100)
    board.change = late(0.0)
    assert [check for check in selftest(device, NETWORK) if not check.passed] == []


def test_an_identity_that_cannot_be_read_is_a_check_that_failed():
    board = TimedBoard()
    device = opened(board)
    board.change = lambda request, answer: [(0.0, framed(answer[: HEAD_BYTES + 50]))]
    (found,) = selftest(device, NETWORK)
    assert (found.name, found.passed) == ("identity", False)
    assert "the board's identity cannot be read" in found.told


def test_a_board_that_says_that_everything_is_wrong_is_not_asked_for_ever(monkeypatch):
    monkeypatch.setattr("firstspike.selftest._MOST_WRONG", 10)
    board = TimedBoard()
    device = opened(board)
    board.change = lambda request, answer: [
        (0.0, framed(message(answer[0], split(answer)[1], b"\1\2\3\4") if request[0] == Kind.CHECK else answer))
    ]
    *_, found = selftest(device, NETWORK)[:3]
    assert (found.name, found.passed) == ("memories", False)
    assert found.told.startswith("10 or more words are wrong: layer 0, ")
    assert board.requests < 300
