"""A small training from end to end: better than chance, repeatable, and what it exports is what it measured."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import firstspike_spec
from firstspike_model.calibration.held_back import held_back_images
from firstspike_model.calibration.output_threshold import Calibration
from firstspike_model.training.loop import Training
from firstspike_model.workflow.training import Files, train_recipe
from firstspike_spec import InputError, load_dataset, load_network, profile, save_network


def test_improves_over_chance_within_the_budget(tiny_recipe, digits_folder):
    epochs = []
    outcome = train_recipe(tiny_recipe, data=digits_folder, seed=0, note=epochs.append)
    network, facts = outcome.network, outcome.facts
    assert network.provenance == facts
    test = load_dataset("digits", "test", digits_folder)
    classes = firstspike_spec.infer(network, test.images).classes
    assert facts["test_accuracy"] == np.mean(classes == test.labels) > 0.5
    assert abs(facts["test_accuracy_after_all_steps"] - facts["test_accuracy"]) < 0.1
    assert facts["connectivity_as_trained"] <= tiny_recipe.budget
    assert facts["connectivity"] == network.connectivity
    assert network.layers[0].weight_bits == tiny_recipe.weight_bits
    assert [(epoch.phase, epoch.epoch, epoch.epochs) for epoch in epochs] == [
        ("prune", 1, 4),
        ("prune", 2, 4),
        ("refine", 3, 4),
        ("refine", 4, 4),
    ]
    assert epochs[-1].seconds_left == 0
    assert epochs[-1].loss < epochs[0].loss
    # The figure by which the best epoch was chosen is that of the exported integers.
    assert facts["validation_accuracy"] == pytest.approx(max(epoch.accuracy for epoch in epochs[2:]))


@pytest.mark.parametrize(
    "changes",
    [
        {"pruning": "stds", "threshold": 0.3},
        {"pruning": "magnitude", "dropout": 0.3, "brightness": 0.2},
        {"pruning": "stds", "budget_by": 0.5, "budget": (0.2, 0.8)},
        {"normalised": True, "alpha": 0.1, "alpha_schedule": "linear", "operations_share": 1.0},
        {"initialisation": "kaiming", "decoding": "count", "potential_weight": 0.0, "spike_weight": 1.0},
        {"budget": 0.1, "output_part": 0.5, "rescaled": True},
        {"forced_last_spike": True, "surrogate": "arctan", "dimmest": 100},
        {"weight_bits": 2, "budget": (0.2, 1.0), "keep_connected": False},
        {"weight_bits": 2, "encoder_thresholds": (100, 50, 20, 5)},
        {"weight_bits": 8, "budget": 1.0, "prune_epochs": 0},
        {"refine_epochs": 0},
        {"convolution_channels": (6,), "kernel_sizes": (3,), "poolings": (1, 2), "hidden": ()},
        {"convolution_channels": (4, 6), "kernel_sizes": (3, 3), "strides": (2, 1), "hidden": (12,), "normalised": True},
        {
            "convolution_channels": (6,),
            "kernel_sizes": (5,),
            "operations_share": 0.5,
            "dropout": 0.2,
            "largest_rotation": 10.0,
        },
    ],
)
def test_every_option_trains_and_exports_what_it_measured(tiny_recipe, digits_folder, changes):
    recipe = replace(tiny_recipe, **changes)
    epochs = []
    outcome = train_recipe(recipe, data=digits_folder, note=epochs.append)
    assert outcome.facts["test_accuracy"] > 0.2
    weights = [int(np.abs(layer.row_weights).max()) for layer in outcome.network.layers]
    assert max(weights) <= (1 << (recipe.weight_bits - 1)) - 1
    measured = [epoch.accuracy for epoch in epochs if epoch.phase == "refine"]
    assert not measured or outcome.facts["validation_accuracy"] == pytest.approx(max(measured))


def test_a_budget_is_exact_where_kept_connections_stay_connected(tiny_recipe, digits_folder):
    for budget in (0.3, (0.1, 0.7)):
        recipe = replace(tiny_recipe, budget=budget, keep_connected=True, pruning="magnitude")
        network = train_recipe(recipe, data=digits_folder).network
        budgets = [0.3 * (64 * 30 + 30 * 10)] if budget == 0.3 else [0.1 * 64 * 30, 0.7 * 30 * 10]
        kept = network.provenance["connectivity_as_trained"] * (64 * 30 + 30 * 10)
        assert round(kept) == sum(math.floor(budget) for budget in budgets)
        assert network.synapses <= round(kept)


def test_rescaling_restores_the_initial_variance_over_the_remaining_connections(tiny_recipe, digits_folder):
    recipe = replace(tiny_recipe, budget=0.1, rescaled=True, prune_epochs=1, refine_epochs=1)
    training = Training(recipe, load_dataset("digits", "train", digits_folder), 0)
    training.run_epoch()
    norms = torch.cat([layer.weights.detach().norm(dim=1) for layer in training.classifier.layers])
    assert (norms > 0).sum() > 10
    assert torch.allclose(norms[norms > 0], torch.tensor(2.0))  # sqrt(T): n weights of variance T / n


@pytest.mark.parametrize("pruning", ["gradr", "stds"])
def test_steering_meets_the_budget_before_the_cut(tiny_recipe, digits_folder, pruning):
    epochs = []
    recipe = replace(tiny_recipe, pruning=pruning, budget=0.1, budget_by=0.5, prune_epochs=4, refine_epochs=0, weight_bits=32)
    train_recipe(recipe, data=digits_folder, note=epochs.append)
    shares = [epoch.connectivity for epoch in epochs]
    assert shares[0] > 0.12 > shares[1]
    assert shares[3] < 0.12  # what came back since the last steering


def test_float_weights_are_measured_and_not_exported(tiny_recipe, digits_folder):
    outcome = train_recipe(replace(tiny_recipe, weight_bits=32), data=digits_folder)
    assert outcome.network is None
    assert outcome.facts["test_accuracy"] > 0.5


@pytest.mark.parametrize("by", [0.0, 0.7])
def test_weighing_by_operations_saves_operations(tiny_recipe, digits_folder, by):
    """With the same number of connections, fewer come from sources that spike often, and the network still learns."""
    recipe = replace(tiny_recipe, prune_epochs=6, refine_epochs=1, alpha=0.3, budget=0.1, budget_by=by, hidden=(60,))
    even, weighed = (
        train_recipe(replace(recipe, operations_share=share), data=digits_folder, seed=1).facts for share in (0.0, 1.0)
    )
    assert weighed["mean_synaptic_operations"] < 0.9 * even["mean_synaptic_operations"]
    assert weighed["test_accuracy"] > even["test_accuracy"] - 0.15


@pytest.mark.parametrize(
    ("changes", "layer"), [({"budget": 0.0001}, 0), ({"budget": (1.0, 0.0001)}, 1), ({"budget": 0.01, "output_part": 1.0}, 0)]
)
def test_a_budget_that_leaves_a_layer_nothing_is_refused(tiny_recipe, digits_folder, changes, layer):
    with pytest.raises(InputError, match=f"none of the .* connections of layer {layer}"):
        train_recipe(replace(tiny_recipe, **changes), data=digits_folder)


def test_the_best_epoch_is_kept_not_the_last(tiny_recipe, digits_folder):
    """With figures made up for three epochs, the weights are those of the second."""
    figures = iter([0.5, 0.9, 0.6])
    seen = []

    class Scripted(Training):
        def _measure(self):
            seen.append(self.classifier.layers[0].weights.detach().clone())
            return Calibration(0, next(figures), 0.0)

    recipe = replace(tiny_recipe, prune_epochs=0, refine_epochs=3)
    trained = Scripted(recipe, load_dataset("digits", "train", digits_folder), 0).run()
    assert trained.calibration.accuracy == 0.9
    assert torch.equal(trained.classifier.layers[0].weights, seen[1])
    assert not torch.equal(seen[1], seen[2])


def test_same_seed_same_network(tiny_recipe, digits_folder, tmp_path):
    first, again, other = (train_recipe(tiny_recipe, data=digits_folder, seed=seed).network for seed in (5, 5, 6))
    assert first.digest == again.digest  # of everything: weights, potentials, thresholds and provenance
    assert not np.array_equal(first.layers[0].row_weights, other.layers[0].row_weights)
    save_network(first, tmp_path / "net.safetensors")
    loaded = load_network(tmp_path / "net.safetensors")
    assert (loaded.digest, loaded.provenance) == (first.digest, first.provenance)


def test_the_network_knows_the_activity_of_the_validation_images(tiny_recipe, digits_folder):
    training = load_dataset("digits", "train", digits_folder)
    network = train_recipe(tiny_recipe, data=digits_folder, seed=5).network
    expected = profile(network, held_back_images(network, training).images)
    for layer, other in zip(network.layers, expected.layers, strict=True):
        np.testing.assert_array_equal(layer.activity, other.activity)


def test_a_late_decision_uses_all_the_time(tiny_recipe, digits_folder):
    early, late = (
        train_recipe(
            replace(tiny_recipe, latest_step=1.5, decision_tolerance=0.2, decision=decision), data=digits_folder
        ).network
        for decision in ("early", "late")
    )
    lowered = early.layers[-1].initial_potentials.astype(int) - late.layers[-1].initial_potentials
    assert len(set(lowered.tolist())) == 1  # the same network, but for the time it takes
    assert lowered[0] > 0
    assert early.provenance["mean_decision_step"] < late.provenance["mean_decision_step"] < 1.7


class Stop(Exception):
    pass


@pytest.mark.parametrize("pruning", ["gradr", "stds", "magnitude"])
@pytest.mark.parametrize("stops", [(1,), (2,), (3,), (4,), (1, 3), (1, 2, 3, 4)])
def test_a_stopped_training_continues_bit_for_bit(tiny_recipe, digits_folder, tmp_path, stops, pruning):
    """Stopped in either phase, between them, at the end, and several times."""
    by, share = (0.0 if pruning == "magnitude" else 0.8), (0.5 if pruning == "gradr" else 0.0)
    options = {"normalised": True, "operations_share": share, "budget_by": by, "dropout": 0.1}
    recipe = replace(tiny_recipe, pruning=pruning, **options)
    whole = train_recipe(recipe, data=digits_folder, seed=3)
    files = Files(tmp_path / "net.checkpoint", tmp_path / "net.log.json")

    def stop_at(wanted):
        def note(progress):
            if progress.epoch == wanted:
                raise Stop

        return note

    for stop in stops:
        with pytest.raises(Stop):
            train_recipe(recipe, data=digits_folder, seed=3, files=files, note=stop_at(stop))
        log = json.loads(files.log.read_text())
        assert [epoch["epoch"] for epoch in log["epochs"]] == list(range(1, stop + 1))
        assert log["outcome"] is None
    lines = []
    resumed = train_recipe(recipe, data=digits_folder, seed=3, files=files, note_line=lines.append)
    assert resumed.network.digest == whole.network.digest
    assert lines == [f"continuing after epoch {stops[-1]} of 4, from {files.checkpoint}"]
    log = json.loads(files.log.read_text())
    assert [epoch["epoch"] for epoch in log["epochs"]] == [1, 2, 3, 4]
    assert log["outcome"] == whole.facts
    assert log["training"]["seed"] == 3


def test_a_checkpoint_of_another_training_is_refused(tiny_recipe, digits_folder, tmp_path):
    files = Files(tmp_path / "net.checkpoint", tmp_path / "net.log.json")
    train_recipe(tiny_recipe, data=digits_folder, files=files)
    content = files.checkpoint.read_bytes()
    with pytest.raises(
        InputError, match=r"belongs to another training \(batch was 16, is 8 now; seed was 0, is 1 now\); start again"
    ):
        train_recipe(replace(tiny_recipe, batch=8), data=digits_folder, seed=1, files=files)
    assert files.checkpoint.read_bytes() == content
    for damaged in (content[:-100], content[: len(content) // 2], b"", b"hello"):
        files.checkpoint.write_bytes(damaged)
        with pytest.raises(InputError, match=r"net\.checkpoint is not a checkpoint, or is damaged .* --fresh"):
            train_recipe(tiny_recipe, data=digits_folder, files=files)


def test_convolutions(tiny_recipe, digits_folder):
    """The layers have the number and sizes that the recipe gives."""
    recipe = replace(
        tiny_recipe,
        convolution_channels=(5, 7),
        kernel_sizes=(5, 3),
        strides=(2, 1),
        poolings=(1, 2, 2),
        budget=(0.5, 0.5, 0.4, 1.0),
        keep_connected=True,
    )
    outcome = train_recipe(recipe, data=digits_folder)
    layers = outcome.network.layers
    assert [layer.maps.kernel_height for layer in layers[:2]] == [5, 3]
    assert [layer.maps.pooling for layer in layers] == [1, 2, 2, 1]
    assert [layer.target_shape[1:] for layer in layers] == [(4, 4), (2, 2), (1, 1), (1, 1)]
    assert layers[0].synapses <= 5 * 25 * 0.5
    assert outcome.facts["test_accuracy"] > 0.3


def test_several_hidden_layers(tiny_recipe, digits_folder):
    recipe = replace(tiny_recipe, hidden=(20, 15), refine_epochs=1, prune_epochs=0, time_steps=8)
    network = train_recipe(recipe, data=digits_folder).network
    assert len(network.layers) == 3
    assert network.time_steps == 8
