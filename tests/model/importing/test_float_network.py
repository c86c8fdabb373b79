"""The float dynamics, against plain loops."""

from itertools import pairwise

import numpy as np

from firstspike_model.importing.float_network import infer_float
from firstspike_model.importing.weight_files import DenseLayer
from tests.spec.naive_model import infer_one


def dense(weights, biases=None):
    weights = np.asarray(weights, np.float64)
    return DenseLayer("fc", weights, np.zeros(len(weights)) if biases is None else np.asarray(biases, np.float64))


def test_the_float_dynamics_are_those_of_plain_loops():
    """With quarters as weights, so that sums are exact in any order and ties are frequent."""
    generator = np.random.default_rng(0)
    sizes, time_steps, thresholds = [5, 4, 3], 4, [0.5, 0.5]
    silent = ties = 0
    for _ in range(8):
        layers = [
            dense(generator.integers(-4, 5, (targets, sources)) / 4, generator.integers(-2, 3, targets) / 4)
            for sources, targets in pairwise(sizes)
        ]
        weights = [layer.weights.tolist() for layer in layers]
        starts = [(threshold, layer.biases.tolist()) for layer, threshold in zip(layers, thresholds, strict=True)]
        spike_times = generator.integers(0, time_steps + 1, (60, 5)).astype(np.int16)
        result = infer_float(layers, thresholds, spike_times, time_steps)
        for image, row in enumerate(spike_times):
            wanted = infer_one(weights, starts, row.tolist(), time_steps, early_exit=False)
            assert (result.classes[image], result.decision_steps[image]) == (wanted["class"], wanted["decision_step"])
            assert [times[image].tolist() for times in result.spike_times] == wanted["times"]
            first = min(wanted["times"][-1])
            silent += first == time_steps
            ties += first < time_steps and wanted["times"][-1].count(first) > 1
    assert silent > 50
    assert ties > 50


def test_takes_more_images_than_one_chunk_and_none():
    layers, times = [dense([[1.0], [2.0]])], np.zeros((2001, 1), np.int16)
    times[-1] = 2
    result = infer_float(layers, [1.0], times, 2)
    assert result.classes.tolist() == [1] * 2000 + [0]  # without any spike, potentials tie and the lower index wins
    assert result.decision_steps.tolist() == [0] * 2000 + [1]
    assert len(infer_float(layers, [1.0], times[:0], 2).classes) == 0


def test_wide_layers_run_fewer_images_at_once(monkeypatch):
    monkeypatch.setattr("firstspike_model.importing.float_network.CHUNK_POTENTIALS", 9)
    layers = [dense([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])]
    times = np.full((10, 3), 2, np.int16)
    times[np.arange(10), np.arange(10) % 3] = 0
    assert infer_float(layers, [1.0], times, 2).classes.tolist() == [0, 1, 2] * 3 + [0]
