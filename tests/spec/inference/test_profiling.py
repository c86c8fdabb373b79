"""Profiling: the activity equals a count of the spikes, image by image; nothing else changes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import InputCode, InputError, InputTypeError, infer, infer_spikes, profile
from firstspike_spec.inference import profiling

from ..random_layered_networks import layered_networks, random_chain, random_layered_times
from ..random_networks import networks, random_network


def random_images(seed, network, count):
    """Return images with many dark pixels, so that sources differ."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (count, network.inputs))
    images[generator.random(images.shape) < generator.random(network.inputs)] = 0
    return images.astype(np.uint8)


@given(networks(), st.integers(0, 2**32 - 1), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_activity_counts_the_spikes_up_to_the_decision(network, seed, count):
    images = random_images(seed, network, count)
    measured = profile(network, images)
    full = infer(network, images, early_exit=False)
    for layer, before, times in zip(measured.layers, network.layers, full.spike_times[:-1], strict=True):
        for source in range(layer.sources):
            spikes = sum(
                int(times[image, source]) <= int(full.decision_steps[image]) and int(times[image, source]) < network.time_steps
                for image in range(count)
            )
            assert abs(int(layer.activity[source]) - spikes / count * 65535) <= 0.5
        assert layer.synapses == before.synapses
    assert measured.digest == network.digest
    assert profile(measured, images).layers[0].activity.tolist() == measured.layers[0].activity.tolist()


def test_expected_operations_are_those_of_the_images():
    network = random_network(5, (30, 20, 4), connectivity=0.6)
    images = random_images(1, network, 200)
    expected = sum(layer.expected_operations for layer in profile(network, images).layers)
    assert expected == pytest.approx(infer(network, images).synaptic_operations.mean(), rel=1e-4)


def test_many_images_are_measured_in_parts(monkeypatch):
    network = random_network(5, (30, 20, 4), connectivity=0.6)
    images = random_images(1, network, 50)
    whole = profile(network, images)
    monkeypatch.setattr(profiling, "CHUNK", 16)
    told = []
    parts = profile(network, images, progress=told.append)
    assert told == [16, 32, 48, 50]
    for one, other in zip(whole.layers, parts.layers, strict=True):
        np.testing.assert_array_equal(one.activity, other.activity)


def test_bad_images():
    network = random_network(5, (30, 20, 4))
    with pytest.raises(InputError, match="there are no images to measure the activity on; give at least one"):
        profile(network, np.zeros((0, 30), np.uint8))
    with pytest.raises(InputTypeError, match="uint8"):
        profile(network, np.zeros((2, 30)))
    with pytest.raises(InputError, match="images must have the shape"):
        profile(network, np.zeros((2, 31), np.uint8))


@given(layered_networks(), st.integers(0, 2**32 - 1), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_the_activity_of_a_layered_network_counts_all_spikes(network, seed, count):
    images = random_images(seed, network, count)
    if network.input_code.thresholds is None:
        images = random_layered_times(seed, network, count)
        full = infer_spikes(network, images)
    else:
        full = infer(network, images)
    measured = profile(network, images)
    for layer in measured.layers:
        for part in layer.projections:
            steps = network.input_time_steps if part.source == 0 else network.time_steps
            for source, activity in enumerate(part.activity.tolist()):
                spikes = sum(int(time) < steps for time in full.spike_times[part.source][:, source])
                assert abs(activity - spikes / count * 65535) <= 0.5
    assert measured.digest == network.digest
    expected = sum(part.expected_operations for layer in measured.layers for part in layer.projections)
    assert expected == pytest.approx(full.synaptic_operations.mean(), rel=1e-3, abs=0.1)


def test_bad_images_of_a_layered_network():
    network = random_chain(5, (30, 20, 4))
    with pytest.raises(InputError, match="there are no images to measure the activity on; give at least one"):
        profile(network, np.zeros((0, 30), np.uint8))
    with pytest.raises(InputTypeError, match="uint8"):
        profile(network, np.zeros((2, 30)))
    spikes_only = replace(network, input_code=InputCode(network.input_code.kernel))
    with pytest.raises(InputTypeError, match="spike times must be an array of int16, not of uint8"):
        profile(spikes_only, np.zeros((2, 30), np.uint8))
    with pytest.raises(InputTypeError, match="a Network is wanted, not None"):
        profile(None, np.zeros((2, 30), np.uint8))
