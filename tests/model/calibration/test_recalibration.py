"""Calibration of finished networks: what it measures is what the golden model gives, and targets are met."""

import json
from dataclasses import replace

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import firstspike_spec
from firstspike_model.calibration.output_threshold import Target
from firstspike_model.calibration.recalibration import held_back_images, output_margins, recalibrate, with_lower_outputs
from firstspike_model.commands.calibrate import calibrate as command
from firstspike_model.training.loop import Training
from firstspike_model.training.workflow import train_recipe
from firstspike_spec import InputError, load_dataset, load_network, profile, save_network

runner = CliRunner()


@pytest.fixture(scope="module")
def network(tiny_recipe, digits_folder):
    return train_recipe(tiny_recipe, data=digits_folder, seed=4).network


@pytest.fixture(scope="module")
def held_back(network, digits_folder):
    return held_back_images(network, load_dataset("digits", "train", digits_folder))


def figures(network, images, labels) -> tuple[float, float]:
    inference = firstspike_spec.infer(network, images)
    return float(np.mean(inference.classes == labels)), float(inference.decision_steps.mean())


def test_images_held_back_are_those_of_the_training(network, held_back, tiny_recipe, digits_folder):
    training = Training(tiny_recipe, load_dataset("digits", "train", digits_folder), 4)
    assert np.array_equal(held_back.images, training.validation.images)
    assert np.array_equal(held_back.labels, training.validation.labels)


def test_without_provenance_the_last_sixth_is_held_back(network, digits_folder):
    train = load_dataset("digits", "train", digits_folder)
    unknown = with_lower_outputs(network, 0)
    object.__setattr__(unknown, "provenance", {})
    assert np.array_equal(held_back_images(unknown, train).images, train.images[-166:])
    assert np.array_equal(held_back_images(unknown, train, 20).labels, train.labels[-20:])
    with pytest.raises(InputError, match="5 training images; calibration needs 6"):
        held_back_images(unknown, train.first(5))


@pytest.mark.parametrize(
    "facts",
    [
        {"seed": "1"},
        {"seed": -1},
        {"seed": 1 << 70},
        {"seed": None},
        {"seed": True},
        {"settings": 5},
        {"settings": ["validation_images"]},
        {"settings": {"validation_images": "5"}},
        {"settings": {"validation_images": 0}},
        {"settings": {"validation_images": 10**9}},
    ],
)
def test_provenance_that_cannot_be_right_is_no_provenance(facts, network, digits_folder):
    train = load_dataset("digits", "train", digits_folder)
    unknown = replace(network, provenance=network.provenance | facts)
    assert np.array_equal(held_back_images(unknown, train).images, train.images[-166:])


def test_margins_are_the_golden_models_potentials(network, held_back):
    inference = firstspike_spec.infer(network, held_back.images, early_exit=False)
    margins = output_margins(network, held_back.images).numpy()
    times = inference.spike_times[-1]
    at = np.minimum(times, network.time_steps - 1)
    got = np.take_along_axis(margins, at[None].astype(int), axis=0)[0] + network.layers[-1].threshold
    assert np.array_equal(got, inference.potentials[-1])
    assert got.size == 1000


@pytest.mark.parametrize("encoder", [False, True])
@pytest.mark.parametrize("latest", [0.0, 0.5, 1.5])
def test_the_step_asked_for_is_kept_and_the_figures_are_real(network, held_back, latest, encoder):
    improvements = []
    changed, calibration = recalibrate(
        network,
        held_back.images,
        held_back.labels,
        Target(latest_step=latest),
        encoder=encoder,
        note=lambda _, calibration: improvements.append(calibration.accuracy),
    )
    assert figures(changed, held_back.images, held_back.labels) == (calibration.accuracy, calibration.mean_decision_step)
    assert calibration.mean_decision_step <= latest
    assert improvements == sorted(improvements)
    assert encoder or np.array_equal(changed.encoder.thresholds, network.encoder.thresholds)


def test_the_encoder_may_buy_accuracy_or_time(network, held_back):
    for target in (Target(latest_step=0.5), Target(accuracy=0.6)):
        kept, moved = (
            recalibrate(network, held_back.images, held_back.labels, target, encoder=encoder)[1] for encoder in (False, True)
        )
        assert target.best([kept, moved]) == moved
        assert moved != kept


def test_the_command_writes_the_network_it_measured(network, digits_folder, tmp_path):
    save_network(network, tmp_path / "net.safetensors")
    app = typer.Typer()
    app.command()(command)
    out = tmp_path / "fast.safetensors"
    arguments = [str(tmp_path / "net.safetensors"), "--out", str(out), "--data", str(digits_folder), "--decision-step", "0.5"]
    result = runner.invoke(app, [*arguments, "--json"], catch_exceptions=False)
    report = json.loads(result.stdout)
    changed = load_network(out)
    test = load_dataset("digits", "test", digits_folder)
    assert (report["test_accuracy"], report["mean_decision_step"]) == figures(changed, test.images, test.labels)
    before = (report["test_accuracy_before"], report["mean_decision_step_before"])
    assert before == figures(network, test.images, test.labels)
    assert changed.provenance["calibrated_from"] == network.digest
    assert changed.provenance["seed"] == 4
    measured = profile(changed, held_back_images(network, load_dataset("digits", "train", digits_folder)).images)
    for layer, other in zip(changed.layers, measured.layers, strict=True):
        np.testing.assert_array_equal(layer.activity, other.activity)
    assert f"wrote {out}: encoder " in runner.invoke(app, [*arguments, "--keep-encoder"], catch_exceptions=False).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --accuracy 0.98, say, or --decision-step 0.5"),
        (["--accuracy", "98"], r"accuracy must be in 0 \.\. 1, not 98"),
        (["--decision-step", "nan"], r"decision-step must be in 0 \.\. 255, not nan"),
        (["--accuracy", "0.9", "--data", "/nowhere"], "the data folder /nowhere does not exist"),
    ],
)
def test_the_command_refuses(network, tmp_path, arguments, message):
    save_network(network, tmp_path / "net.safetensors")
    app = typer.Typer()
    app.command()(command)
    with pytest.raises(InputError, match=message):
        runner.invoke(
            app,
            [str(tmp_path / "net.safetensors"), "--out", str(tmp_path / "out.safetensors"), *arguments],
            catch_exceptions=False,
        )
    assert [file.name for file in tmp_path.iterdir()] == ["net.safetensors"]
