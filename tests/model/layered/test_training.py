"""A layered training from end to end: within the budget, exported as it was measured, and resumable bit for bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from firstspike.nn import IntegerNetwork
from firstspike_model.layered.training import LayeredTraining
from firstspike_model.workflow.training import Files, train_recipe
from firstspike_spec import InputError, LayeredNetwork, compare_inferences, infer, load_dataset, load_network, save_network


def test_a_network_within_its_budget_is_exported_as_it_was_measured(tiny_layered, digits_folder, tmp_path):
    epochs = []
    outcome = train_recipe(tiny_layered, data=digits_folder, note=epochs.append)
    network, facts = outcome.network, outcome.facts
    assert isinstance(network, LayeredNetwork)
    assert facts["test_accuracy"] > 0.8
    assert 1400 < network.synapses == facts["synapses"] <= 1500
    assert [epoch.phase for epoch in epochs[:6]] == ["dense"] * 3 + ["prune, float"] * 3
    assert [epoch.phase for epoch in epochs[6:]] == ["prune, quantise", "cut, quantise"]
    # What the last epoch measured in PyTorch is what the exported integers do.
    assert facts["validation_accuracy"] == pytest.approx(epochs[-1].accuracy)
    test = load_dataset("digits", "test", digits_folder)
    inference = infer(network, test.images)
    assert facts["test_accuracy"] == np.mean(inference.classes == test.labels)
    comparison = compare_inferences(inference, IntegerNetwork(network).infer(test.images))
    comparison.check()
    assert comparison.compared_values > 100_000
    save_network(network, tmp_path / "network.safetensors")
    assert load_network(tmp_path / "network.safetensors").digest == network.digest
    largest = [max(abs(part.row_weights).max() for part in layer.projections) for layer in network.layers]
    assert largest[0] > 7 >= max(largest[1:])  # 8 bits, then 4


@pytest.mark.parametrize(
    "changes",
    [
        {"pruning": "stds"},
        {"pruning": "gradr", "spread": 0.5},
        {"kernel": "base-two", "dense_epochs": 0, "distillation": 0.0},
        {"whitened_channels": 8, "connections": (0, 400, 600, 200), "cutout": 2, "alternating": True, "reflected": True},
        {"connections": 0, "weight_bits": 3, "strides": (2, 1), "max_poolings": (), "smooth": False, "largest_shift": 1},
    ],
)
def test_every_option_trains(tiny_layered, digits_folder, changes):
    recipe = replace(tiny_layered, **changes)
    outcome = train_recipe(recipe, data=digits_folder)
    assert outcome.facts["test_accuracy"] > 0.5
    if isinstance(recipe.connections, tuple):
        kept = [layer.synapses for layer in outcome.network.layers[1:]]
        assert all(number <= wanted for number, wanted in zip(kept[1:], recipe.connections[1:], strict=True))


def test_a_stopped_training_continues_bit_for_bit(tiny_layered, digits_folder, tmp_path):
    whole = train_recipe(tiny_layered, data=digits_folder, seed=3).network
    for stop in (2, 3, 5, 7):  # in each stage, and where one ends
        files = Files(tmp_path / f"{stop}.checkpoint", tmp_path / f"{stop}.log.json")

        def stop_here(progress, stop=stop):
            if progress.epoch == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train_recipe(tiny_layered, data=digits_folder, seed=3, files=files, note=stop_here)
        assert train_recipe(tiny_layered, data=digits_folder, seed=3, files=files).network.digest == whole.digest


def test_the_teacher_is_the_dense_network(tiny_layered, digits_folder):
    train = load_dataset("digits", "train", digits_folder)
    training = LayeredTraining(tiny_layered, train, seed=0)
    for _ in range(tiny_layered.dense_epochs):
        training.run_epoch()
    dense = training.accuracy()
    training.run_epoch()
    with torch.no_grad():
        scores = training._teacher(torch.tensor(training.validation.images))
    assert float((scores.argmax(1).numpy() == training.validation.labels).mean()) == pytest.approx(dense)


def test_recipes_that_differ_after_the_dense_phase_share_it(tiny_layered, digits_folder, tmp_path):
    other = replace(tiny_layered, connections=900, distillation=0.0, name="other")
    alone = train_recipe(other, data=digits_folder, seed=1).network
    dense = tmp_path / "shared.dense"
    train_recipe(tiny_layered, data=digits_folder, seed=1, dense=dense)
    epochs = []
    shared = train_recipe(other, data=digits_folder, seed=1, dense=dense, note=epochs.append).network
    assert shared.digest == alone.digest
    assert [epoch.epoch for epoch in epochs] == list(range(other.dense_epochs + 1, other.epochs + 1))
    with pytest.raises(InputError, match=r"belongs to another training .*learning_rate was"):
        train_recipe(replace(other, learning_rate=0.25), data=digits_folder, seed=1, dense=dense)
    with pytest.raises(InputError, match="no dense phase"):
        train_recipe(replace(other, dense_epochs=0), data=digits_folder, dense=dense)
