"""The accelerator: one behaviour on every device."""

import sys

import numpy as np
import pytest

import firstspike_hw  # noqa: F401 - so that a test can take a part of it away
from firstspike import Accelerator
from firstspike_spec import InputError, InputTypeError, infer

from ..spec.random_networks import random_network

DEVICES = {"golden": "golden", "sim": "the simulated board", "engine": "engine"}


@pytest.fixture(scope="module", params=DEVICES)
def device(request):
    return request.param


@pytest.fixture(scope="module")
def accelerator(device, network):
    with Accelerator.open(device, network=network, lanes=3) as opened:
        yield opened


@pytest.mark.parametrize("early_exit", [True, False])
def test_runs_as_the_golden_model_does(accelerator, network, images, early_exit):
    expected = infer(network, images, early_exit=early_exit)
    results = accelerator.run(images, early_exit=early_exit)
    np.testing.assert_array_equal(results.latencies, expected.latencies)
    np.testing.assert_array_equal(results.classes, expected.classes)
    np.testing.assert_array_equal(results.decision_steps, expected.decision_steps)
    np.testing.assert_array_equal(results.potentials[results.reported], expected.potentials[-1][results.reported])
    for got, wanted in zip(results.spike_times, expected.spike_times, strict=True):
        np.testing.assert_array_equal(got, wanted)
    assert results.reported.all() == (not early_exit)


def test_predict_and_first_spike_times(accelerator, network, images):
    expected = infer(network, images, early_exit=False)
    np.testing.assert_array_equal(accelerator.predict(images), expected.classes)
    np.testing.assert_array_equal(accelerator.first_spike_times(images), expected.latencies)


def test_no_images_give_no_results(accelerator, network):
    assert accelerator.predict(np.zeros((0, 16), np.uint8)).shape == (0,)
    assert accelerator.first_spike_times(np.zeros((0, 16), np.uint8)).shape == (0, network.outputs)


def test_a_large_batch_is_the_same_in_parts(accelerator, network, images):
    many, told = np.tile(images, (13, 1)), []
    results = accelerator.run(many, early_exit=False, progress=told.append)
    assert told == [250, 500, 520]
    expected = infer(network, many, early_exit=False)
    np.testing.assert_array_equal(results.latencies, expected.latencies)
    for got, wanted in zip(results.spike_times, expected.spike_times, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_counters_go_on(accelerator, device, network, images):
    before = accelerator.counters()
    accelerator.run(images, early_exit=False)
    gained = {name: value - before[name] for name, value in accelerator.counters().items()}
    if device == "golden":
        assert gained == {}
    else:
        inference = infer(network, images, early_exit=False)
        assert gained["spikes"] == inference.spikes.sum()
        assert gained["synaptic_operations"] == inference.synaptic_operations.sum()


def test_info_names_the_device_and_the_network(accelerator, device, network):
    info = accelerator.info()
    assert info["device"] == DEVICES[device]
    assert info["network"]["digest"] == network.digest


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (np.zeros((2, 15), np.uint8), InputError, "images must have the shape"),
        (np.zeros((2, 16)), InputTypeError, "uint8"),
        (np.full((2, 16), np.nan), InputTypeError, "uint8"),
        (np.full((2, 16), None), InputTypeError, "uint8"),
        ([[0] * 16], InputTypeError, "uint8"),
    ],
)
def test_images_of_another_kind_are_refused(accelerator, bad, error, message):
    with pytest.raises(error, match=message):
        accelerator.run(bad)


@pytest.mark.parametrize("device", ["sim", "engine"])
def test_a_network_that_fits_can_be_loaded_and_one_that_does_not_leaves_the_old(device, network, images):
    smaller = random_network(8, (16, 5, 3), bits=3, connectivity=0.4, threshold=3)
    larger = random_network(9, (16, 90, 4), threshold=6)
    with Accelerator.open(device, network=network, lanes=3) as accelerator:
        accelerator.load(smaller)
        np.testing.assert_array_equal(accelerator.predict(images), infer(smaller, images).classes)
        with pytest.raises(InputError, match="layer 0 needs 30 neurons per lane, the engine has 3"):
            accelerator.load(larger)
        np.testing.assert_array_equal(accelerator.predict(images), infer(smaller, images).classes)


def test_a_closed_accelerator_says_so(network, images):
    accelerator = Accelerator.open("golden", network=network)
    accelerator.close()
    accelerator.close()
    with pytest.raises(InputError, match="closed"):
        accelerator.run(images)


def test_an_unknown_device_is_named(network):
    with pytest.raises(InputError, match="unknown device 'fpga': name one of golden, sim, engine, sim:BOARD, serial:PORT"):
        Accelerator.open("fpga", network=network)
    with pytest.raises(InputTypeError, match="name of a device must be a string"):
        Accelerator.open(3, network=network)


@pytest.mark.parametrize("lanes", [0, 257, -1])
def test_lanes_out_of_range_are_refused(network, lanes):
    with pytest.raises(InputError, match="lanes must be in 1"):
        Accelerator.open("sim", network=network, lanes=lanes)


@pytest.mark.parametrize("device", ["sim", "engine"])
def test_without_amaranth_the_error_says_what_to_install(device, network, monkeypatch):
    monkeypatch.setitem(sys.modules, "firstspike_hw.simulation", None)
    monkeypatch.delattr(sys.modules["firstspike_hw"], "simulation", raising=False)
    with pytest.raises(InputError, match=r"pip install 'firstspike\[hw\]'"):
        Accelerator.open(device, network=network)
