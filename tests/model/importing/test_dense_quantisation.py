"""From float weights to whole numbers: exact where they are multiples of one number, and nearest else."""

from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
import torch

from firstspike_model.importing.dense_quantisation import grid_scale, quantise_layer
from firstspike_model.importing.weight_files import DenseLayer
from firstspike_spec import InputError
from tests.spec.naive_model import infer_one


def dense(weights, biases=None, name="fc"):
    weights = np.asarray(weights, np.float64)
    return DenseLayer(name, weights, np.zeros(len(weights)) if biases is None else np.asarray(biases, np.float64))


def quantised(layers, thresholds, weight_bits=4):
    """Return the layers in whole numbers, and what that did to each."""
    last = len(layers) - 1
    parts = [
        quantise_layer(layer, threshold, weight_bits, outputs=number == last)
        for number, (layer, threshold) in enumerate(zip(layers, thresholds, strict=True))
    ]
    return [layer for layer, _ in parts], [changes for _, changes in parts]


def run_floats(layers, thresholds, times, steps, number=Fraction):
    weights = [[[number(weight) for weight in row] for row in layer.weights.tolist()] for layer in layers]
    starts = [
        (number(threshold), [number(bias) for bias in layer.biases.tolist()])
        for layer, threshold in zip(layers, thresholds, strict=True)
    ]
    return infer_one(weights, starts, times, steps, early_exit=False)


def run_integers(layers, times, steps):
    weights = [layer.dense().tolist() for layer in layers]
    starts = [(layer.threshold, layer.initial_potentials.tolist()) for layer in layers]
    return infer_one(weights, starts, times, steps, early_exit=False)


SIZES, STEPS = (3, 4, 4, 3), 3


def random_layers(generator, scale, biases):
    layers = []
    for sources, targets in pairwise(SIZES):
        weights = generator.integers(-4, 8, (targets, sources))
        weights[0, 0] = 7
        layers.append(dense(weights * scale, biases(targets)))
    return layers, (generator.uniform(0.2, 6, 3) * scale).tolist()


@pytest.mark.parametrize("scale", [1.0, 0.25, 3 / 1024, 7e5])
def test_with_weights_on_a_grid_every_spike_is_that_of_exact_fractions(scale):
    """Thresholds and biases are any numbers; all that the inputs can do is tried, in arithmetic that rounds nothing."""
    generator = np.random.default_rng(0)
    spiking = set()
    for _ in range(8):
        layers, thresholds = random_layers(generator, scale, lambda targets: generator.normal(0, 2, targets) * scale)
        whole, changes = quantised(layers, thresholds)
        assert [change["largest_weight_error"] for change in changes] == [0, 0, 0]
        assert [change["exact"] for change in changes[:-1]] == [True, True]
        for times in product(range(STEPS + 1), repeat=SIZES[0]):
            wanted = run_floats(layers, thresholds, times, STEPS)
            assert run_integers(whole, times, STEPS)["times"] == wanted["times"]
            spiking.add(str(wanted["times"][1:]))
    assert len(spiking) > 60


def test_fractions_that_outputs_lose_decide_only_between_equal_potentials():
    generator = np.random.default_rng(7)
    differing = 0
    for _ in range(20):
        layers, thresholds = random_layers(generator, 0.5, lambda targets: generator.integers(-30, 30, targets) / 32)
        whole, changes = quantised(layers, thresholds)
        assert not changes[-1]["exact"]
        assert 0 < changes[-1]["tie_error"] < changes[-1]["scale"]
        for times in product(range(STEPS + 1), repeat=SIZES[0]):
            wanted, result = run_floats(layers, thresholds, times, STEPS), run_integers(whole, times, STEPS)
            if wanted["class"] != result["class"]:
                differing += 1
                equal = result["potentials"][-1]
                assert equal[wanted["class"]] == equal[result["class"]]
                floats = wanted["potentials"][-1]
                assert 0 < floats[wanted["class"]] - floats[result["class"]] <= changes[-1]["tie_error"]
    assert differing > 5


@pytest.mark.parametrize("fraction", [0, 3 / 16])
def test_classes_are_exact_where_all_outputs_lose_the_same(fraction):
    generator = np.random.default_rng(8)
    ties = 0
    for _ in range(10):
        layers, thresholds = random_layers(generator, 0.5, lambda targets: generator.integers(-3, 3, targets) / 2 + fraction)
        whole, changes = quantised(layers, thresholds)
        assert changes[-1]["exact"]
        assert changes[-1]["tie_error"] == 0
        for times in product(range(STEPS + 1), repeat=SIZES[0]):
            wanted, result = run_floats(layers, thresholds, times, STEPS), run_integers(whole, times, STEPS)
            assert wanted["class"] == result["class"]
            ties += len(set(wanted["potentials"][-1])) < 3
    assert ties > 50


@pytest.mark.parametrize(("threshold", "whole"), [(2.0, 2), (2.5, 3), (2.000001, 3), (0.1, 1), (1e-9, 1), (1.9999999999, 2)])
def test_a_threshold_between_whole_numbers_becomes_the_next(threshold, whole):
    """Potentials are whole numbers, so they reach 2.5 when they reach 3."""
    layer, changes = quantise_layer(dense([[1.0, -7.0]]), threshold, 4)
    assert (layer.threshold, changes["integer_threshold"], changes["exact"]) == (whole, whole, True)


@pytest.mark.parametrize(("bias", "start"), [(0.0, 0), (0.5, 0), (0.75, 1), (-0.25, 0), (-0.5, -1), (3.0, 3), (-4.1, -4)])
def test_a_bias_between_whole_numbers_becomes_the_start_that_fires_with_the_same_spikes(bias, start):
    """With a threshold of 2.75: from 0.5, 2.25 are missing, which are 3 spikes of 1; so they are from 0 to 3."""
    layer, _ = quantise_layer(dense([[1.0, -7.0]], [bias]), 2.75, 4)
    assert (layer.threshold, layer.initial_potentials.tolist()) == (3, [start])


def test_decimals_are_compared_as_float64_does():
    """0.1 + 2 >= 2.1 is true of floats, though not of the exact values of these."""
    assert Fraction(0.1) + 2 < Fraction(2.1)
    layer, changes = quantise_layer(dense([[1.0, -7.0]], [0.1]), 2.1, 4)
    assert layer.threshold - layer.initial_potentials[0] == 2
    assert changes["exact"]


def test_of_decimals_the_least_number_of_spikes_is_the_one_that_float64_says():
    """Quotients of these are rounded both ways: as floats, 0.1 + 9.9 is 10, but -9.9 + 10 is less than 0.1."""
    biases = np.arange(-99, 100) / 10
    for threshold in (np.arange(1, 60) / 10).tolist():
        layer, changes = quantise_layer(dense(np.tile([1.0, -7.0], (len(biases), 1)), biases), threshold, 4)
        assert (changes["scale"], changes["exact"]) == (1.0, True)
        missing = layer.threshold - layer.initial_potentials
        assert (biases + missing >= threshold).all()
        assert (biases + (missing - 1) < threshold).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_multiples_that_rounding_of_floats_moved_are_still_multiples(dtype):
    """3 * 0.1 is not 0.3, and in float32 7 * 0.1 is less than 0.7."""
    weights = (np.arange(-7, 8)[None] * dtype(0.1)).astype(dtype)
    for whole in range(1, 30):
        for bias in (-3, 0, 2):
            for near in (whole * 0.1, whole / 10, float(dtype(whole) * dtype(0.1))):
                layer, changes = quantise_layer(dense(weights, [bias * dtype(0.1)]), near, 4)
                assert layer.dense().tolist() == [list(range(-7, 8))]
                assert (layer.threshold, layer.initial_potentials.tolist()) == (whole, [bias])
                assert not changes["exact"]  # to the last bit
                assert changes["largest_weight_error"] < 1e-7
    layer, _ = quantise_layer(dense(weights), 0.301, 4)  # that is no rounding
    assert layer.threshold == 4


def test_weights_that_are_no_multiples_are_rounded_to_the_best_scale():
    """No grid fits these weights; threshold and biases are compared with the sums that there are, as in exact networks."""
    generator = np.random.default_rng(1)
    layer = dense(generator.normal(size=(20, 30)) * 0.1, generator.normal(size=20))
    whole, changes = quantise_layer(layer, 0.7, 4)
    scale = changes["scale"]
    back = whole.dense() * scale
    assert whole.threshold == -(-0.7 // scale)
    missing = whole.threshold - whole.initial_potentials
    assert (layer.biases + missing * scale >= 0.7).all()
    assert (layer.biases + (missing - 1) * scale < 0.7).all()
    assert np.abs(whole.initial_potentials - layer.biases / scale).max() <= 1
    assert not changes["exact"]
    assert changes["largest_weight_error"] == pytest.approx(np.abs(back - layer.weights).max())
    assert changes["weights_to_zero"] == np.count_nonzero(np.abs(layer.weights) < scale / 2)
    assert changes["weights"] == 600
    errors = [
        np.square(np.clip(np.rint(layer.weights / s), -7, 7) * s - layer.weights).sum() for s in np.linspace(0.01, 0.06, 300)
    ]
    assert np.square(back - layer.weights).sum() <= min(errors) * 1.01


@pytest.mark.parametrize(
    ("weights", "others", "bits", "scale"),
    [
        ([2, 4, 6], [6.0], 4, 2.0),  # the largest step that suits the threshold too
        ([2, 4, 6], [5.0], 4, 1.0),
        ([2, 4, 6], [0.1], 4, 1.0),  # none suits: the smallest
        ([1, 2], [0.1], 4, 0.5),  # a third would be smaller, but no float is exactly that
        ([1, 2], [1 / 3], 4, 1 / 3),
        ([2, 4, 6], [5.0], 3, 2.0),
        ([4, 6], [2.0], 4, 2.0),  # the smallest weight is no divisor of the others
        ([1, 8], [1.0], 4, None),
        ([0, 0], [1.0], 4, None),
    ],
)
def test_the_grid_that_weights_lie_on(weights, others, bits, scale):
    assert grid_scale(np.array(weights, np.float64), np.array(others), bits) == scale


def test_a_layer_without_weights_fires_by_its_biases():
    layer, changes = quantise_layer(dense(np.zeros((3, 2)), [1.0, 0.9, 1.1]), 1.0, 4)
    assert (layer.initial_potentials >= layer.threshold).tolist() == [True, False, True]
    assert changes["exact"]


@pytest.mark.parametrize(
    ("weights", "bias", "threshold"),
    [([[1.0]], -5e12, 1.0), ([[1.0]], 0, 1e12), ([[1e-300]], 0, 1e30), ([[5e-324]], 1e30, 1.0)],
)
def test_refuses_weights_that_are_too_small(weights, bias, threshold):
    with pytest.raises(InputError, match=r"layer 'fc': its weights, of magnitude .* too small beside the threshold"):
        quantise_layer(dense(weights, [bias]), threshold, 4)


def test_refuses_potentials_that_are_too_large():
    with pytest.raises(InputError, match="layer 'fc': the lowest potential must be in"):
        quantise_layer(dense([[-7.0, 1.0]], [-2147483645.0]), 1.0, 4)


@pytest.mark.parametrize(
    ("weights", "biases", "threshold"),
    [
        ([[1e30, 0.0], [0.0, 1e-300]], [0.0, 0.0], 1e30),  # a weight
        ([[1.0, 1.0], [1.0, 2.0]], [0.0, 5e-324], 1.0),  # a bias
        ([[1e30, 0.0], [0.0, 1e30]], [0.0, 0.0], 1e-300),  # the threshold
    ],
)
@pytest.mark.parametrize("flushed", [False, True])
def test_what_becomes_0_beside_larger_numbers_is_not_exact(weights, biases, threshold, flushed):
    """Also where the processor takes the smallest numbers for 0, as PyTorch may have told it to."""
    torch.set_flush_denormal(flushed)
    try:
        layer, changes = quantise_layer(dense(weights, biases), threshold, 4, outputs=True)
    finally:
        torch.set_flush_denormal(False)
    assert changes["exact"] is False
    assert layer.threshold >= 1
    assert changes["weights_to_zero"] == np.count_nonzero(weights) - layer.synapses
