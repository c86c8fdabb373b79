"""A small training from end to end: better than chance, repeatable, and what it exports is what it measured."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import firstspike_spec
from firstspike_model.calibration import Calibration
from firstspike_model.recipe import Recipe
from firstspike_model.training import Training
from firstspike_model.workflow import train_recipe
from firstspike_spec import Dataset, InputError, load_dataset, load_network, save_network


def test_improves_over_chance_within_the_budget(tiny_recipe, digits_folder):
    epochs = []
    network = train_recipe(tiny_recipe, data=digits_folder, seed=0, note=epochs.append)
    facts = network.provenance
    test = load_dataset("digits", "test", digits_folder)
    classes = firstspike_spec.infer(network, test.images).classes
    assert facts["test_accuracy"] == np.mean(classes == test.labels) > 0.5
    assert facts["connectivity_as_trained"] <= tiny_recipe.connectivity
    assert facts["connectivity"] == network.connectivity
    assert network.layers[0].weight_bits == tiny_recipe.weight_bits
    assert [(epoch.phase, epoch.epoch, epoch.epochs) for epoch in epochs] == [
        ("rewire", 1, 4),
        ("rewire", 2, 4),
        ("refine", 3, 4),
        ("refine", 4, 4),
    ]
    assert epochs[-1].seconds_left == 0
    # The figure by which the best epoch was chosen is that of the exported integers.
    assert facts["validation_accuracy"] == pytest.approx(max(epoch.accuracy for epoch in epochs[2:]))


def test_the_best_epoch_is_kept_not_the_last(tiny_recipe, digits_folder):
    """With figures made up for three epochs, the weights are those of the second."""
    figures = iter([0.5, 0.9, 0.6])
    seen = []

    class Scripted(Training):
        def _report(self, phase):
            seen.append(self.classifier.layers[0].weights.detach().clone())
            return Calibration(0, next(figures), 0.0)

    recipe = replace(tiny_recipe, rewire_epochs=0, refine_epochs=3)
    trained = Scripted(recipe, load_dataset("digits", "train", digits_folder), 0).run()
    assert trained.calibration.accuracy == 0.9
    assert torch.equal(trained.classifier.layers[0].weights, seen[1])
    assert not torch.equal(seen[1], seen[2])


def test_same_seed_same_network(tiny_recipe, digits_folder, tmp_path):
    first, again, other = (train_recipe(tiny_recipe, data=digits_folder, seed=seed) for seed in (5, 5, 6))
    assert first.digest == again.digest  # of everything: weights, potentials, thresholds and provenance
    assert not np.array_equal(first.layers[0].row_weights, other.layers[0].row_weights)
    save_network(first, tmp_path / "net.safetensors")
    loaded = load_network(tmp_path / "net.safetensors")
    assert (loaded.digest, loaded.provenance) == (first.digest, first.provenance)


def test_several_hidden_layers(tiny_recipe, digits_folder):
    recipe = replace(tiny_recipe, hidden=(20, 15), refine_epochs=1, rewire_epochs=0, time_steps=8)
    network = train_recipe(recipe, data=digits_folder)
    assert len(network.layers) == 3
    assert network.time_steps == 8


def test_labels_that_are_no_class_are_refused(tiny_recipe: Recipe):
    images = np.zeros((300, 8, 8), np.uint8)
    labels = np.zeros(300, np.uint8)
    labels[7] = 10
    with pytest.raises(InputError, match=r"label 10 of image 7 is no class: wanted 0 \.\. 9"):
        Training(tiny_recipe, Dataset("digits", images, labels), 0)


def test_too_few_images_are_refused(tiny_recipe: Recipe):
    images, labels = np.zeros((100, 8, 8), np.uint8), np.zeros(100, np.uint8)
    with pytest.raises(InputError, match="100 images, 100 of them for validation"):
        Training(tiny_recipe, Dataset("digits", images, labels), 0)
