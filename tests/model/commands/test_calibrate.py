"""``firstspike calibrate`` writes the network that it measured, and refuses impossible targets."""

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import firstspike_spec
from firstspike_model.calibration.held_back import held_back_images
from firstspike_model.commands.calibrate import calibrate as command
from firstspike_spec import InputError, load_dataset, load_network, profile, save_network

runner = CliRunner()


def figures(network, images, labels) -> tuple[float, float]:
    inference = firstspike_spec.infer(network, images)
    return float(np.mean(inference.classes == labels)), float(inference.decision_steps.mean())


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
