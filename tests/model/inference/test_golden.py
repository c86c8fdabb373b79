"""The golden model in PyTorch gives the numbers of the golden model in numpy."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import firstspike_spec
from firstspike_model.inference.golden import infer, infer_spikes
from firstspike_spec import InputError, InputTypeError, LatencyEncoder, Layer, Maps, Network, compare_inferences

from ...spec.random_networks import map_networks


@st.composite
def networks(draw) -> Network:
    """Networks that are silent, busy, tied or in between; sizes small and odd."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    time_steps = draw(st.integers(2, 16))
    sizes = draw(st.lists(st.integers(1, 40), min_size=2, max_size=5))
    layers = []
    for sources, targets in pairwise(sizes):
        bits = draw(st.integers(1, 8))
        half = 1 << (bits - 1)
        weights = generator.integers(-half, half, (targets, sources))
        weights[generator.random(weights.shape) >= draw(st.sampled_from([0.0, 0.05, 0.3, 1.0]))] = 0
        threshold = draw(st.integers(1, 3 * half))
        initial_potentials = generator.integers(-2 * threshold, 2 * threshold + 1, targets)
        initial_potentials *= draw(st.booleans())  # all 0: ties between neurons without inputs
        layers.append(Layer.from_dense(weights, initial_potentials, threshold, bits))
    return Network(LatencyEncoder.linear(time_steps, draw(st.integers(1, 100))), layers, (sizes[0],))


@pytest.mark.parametrize("library", [True, False], ids=["with oneDNN", "without oneDNN"])
def test_no_algorithm_for_convolutions_is_inexact(library):
    """What PyTorch takes for a convolution without oneDNN rounds, which would lose whole potentials."""
    generator = np.random.default_rng(0)
    layers, shape = [], (1, 28, 28)
    for channels in (16, 32):
        maps = Maps(*shape, 3, 3, padding=1)
        weights = generator.integers(-7, 8, (channels, maps.taps))
        layers.append(Layer.from_dense(weights, np.zeros(channels, int), 12, 4, maps=maps))
        shape = layers[-1].target_shape
    whole = Maps.whole(*shape, 2)
    layers.append(Layer.from_dense(generator.integers(-7, 8, (10, whole.taps)), np.zeros(10, int), 40, 4, maps=whole))
    network = Network(LatencyEncoder.linear(4), layers, (28, 28))
    images = generator.integers(0, 256, (4, 28, 28), dtype=np.uint8)
    expected = firstspike_spec.infer(network, images)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of settings of other processors, which come with this one
        with torch.backends.mkldnn.flags(enabled=library):
            comparison = compare_inferences(expected, infer(network, images))
    comparison.check()
    assert comparison.compared_values > 100_000


@given(
    networks() | map_networks(max_channels=6, max_side=12),
    st.integers(0, 30),
    st.booleans(),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 200, 1 << 23]),
)
@settings(max_examples=200, deadline=None)
def test_equals_the_numpy_form(network, batch, early_exit, seed, chunk):
    generator = np.random.default_rng(seed)
    times = generator.integers(0, network.time_steps + 1, (batch, network.inputs)).astype(np.int16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("firstspike_model.inference.golden.CHUNK_POTENTIALS", chunk)
        got = infer_spikes(network, times, early_exit=early_exit)
    expected = firstspike_spec.infer_spikes(network, times, early_exit=early_exit)
    comparison = compare_inferences(expected, got)
    values = batch * (network.inputs + 2 * sum(layer.targets for layer in network.layers) + 4)
    assert comparison.compared_values == values
    if batch:
        comparison.check()
    for name in ("classes", "decision_steps", "spikes", "synaptic_operations"):
        assert getattr(got, name).dtype == getattr(expected, name).dtype
    assert [a.dtype for a in got.spike_times + got.potentials] == [a.dtype for a in expected.spike_times + expected.potentials]


def test_equals_the_numpy_form_on_images_of_every_shape():
    generator = np.random.default_rng(1)
    layer = Layer.from_dense(generator.integers(-8, 8, (5, 12)), np.zeros(5, int), 6, 4)
    network = Network(LatencyEncoder.linear(4), (layer,), (3, 4))
    images = generator.integers(0, 256, (50, 3, 4)).astype(np.uint8)
    for shaped in (images, images.reshape(50, 12)):
        compare_inferences(firstspike_spec.infer(network, shaped), infer(network, shaped)).check()


@pytest.mark.parametrize("precision", ["highest", "medium"])
def test_is_exact_where_single_precision_is_not(precision):
    """2 ** 24 + 1 is not a float32; the sum must still be exact, whatever precision the process has chosen."""
    weights = np.full((2, 513), 32767)
    weights[1, 0] = 32766
    layer = Layer.from_dense(weights, [0, 0], 513 * 32767, 16)
    network = Network(LatencyEncoder.linear(2), (layer,), (513,))
    times = np.zeros((1, 513), np.int16)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        result = infer_spikes(network, times)
    finally:
        torch.set_float32_matmul_precision(before)
    assert result.spike_times[1].tolist() == [[0, 2]]
    assert result.potentials[0].tolist() == [[513 * 32767, 513 * 32767 - 1]]


def test_refuses_what_the_numpy_form_refuses():
    network = Network(LatencyEncoder.linear(2), (Layer.from_dense(np.ones((1, 3), int), [0], 1, 2),), (3,))
    with pytest.raises(InputTypeError, match="uint8"):
        infer(network, np.zeros((1, 3)))
    with pytest.raises(InputError, match=r"\(batch, 3\)"):
        infer_spikes(network, np.zeros((1, 4), np.int16))
    with pytest.raises(InputError, match=r"0 \.\. 2"):
        infer_spikes(network, np.full((1, 3), 3, np.int16))


def test_equals_the_numpy_form_on_the_shipped_network(shipped_network, mnist_test):
    for early_exit in (True, False):
        expected = firstspike_spec.infer(shipped_network, mnist_test.images[:1000], early_exit=early_exit)
        got = infer(shipped_network, mnist_test.images[:1000], early_exit=early_exit)
        comparison = compare_inferences(expected, got)
        comparison.check()
        assert comparison.compared_values > 1000 * 784
