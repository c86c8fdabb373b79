"""``firstspike train``: what it writes, prints and refuses."""

import io
import json
import re
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from firstspike_model.commands import train as command
from firstspike_model.recipes.settings import recipe_of, settings_of
from firstspike_model.training.progress import EpochDisplay, Progress
from firstspike_spec import InputError, InputTypeError, load_network

runner = CliRunner()


@pytest.fixture
def app(monkeypatch, tiny_recipe):
    """The sub-command with a recipe ``digits``, small enough for a test."""
    real = command.load_recipe

    def load(name, changes):
        return recipe_of(name, settings_of(tiny_recipe) | changes) if name == "digits" else real(name, changes)

    monkeypatch.setattr(command, "load_recipe", load)
    app = typer.Typer()
    app.command()(command.train)
    return app


def test_writes_the_network_and_one_json_object(app, digits_folder, tmp_path):
    out = tmp_path / "deep" / "net.safetensors"
    arguments = ["digits", "--data", str(digits_folder), "--out", str(out), "--epochs-scale", "0.5", "--json"]
    result = runner.invoke(app, arguments, catch_exceptions=False)
    network = load_network(out)
    report = json.loads(result.stdout)
    assert report["digest"] == network.digest
    assert report["file"] == str(out)
    assert report["test_accuracy"] == network.provenance["test_accuracy"]
    lines = result.stderr.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("digits: epoch 1/2, prune, validation accuracy ")
    assert lines[1].endswith(" 0.0 min left")


def test_prints_the_result_in_words(app, digits_folder, tmp_path):
    out = tmp_path / "net.safetensors"
    result = runner.invoke(app, ["digits", "--data", str(digits_folder), "--out", str(out)], catch_exceptions=False)
    assert f"wrote {out}: " in result.stdout
    assert "of 300 test images right by first spike (simulated, golden model)" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mnist-cnn"], "unknown recipe 'mnist-cnn': name one of .*mnist-mlp"),
        (["digits", "--data", "/nowhere"], "the data folder /nowhere does not exist"),
        (["digits", "--out", "net.bin"], r"ends with \.safetensors; name it net\.safetensors"),
        (["digits", "--out", "/dev/null/net.safetensors"], "cannot write /dev/null/net.safetensors"),
        (["digits", "--seed", "-1"], r"seed must be in 0 \.\."),
        (["digits", "--epochs-scale", "0"], "epochs-scale must be above 0"),
        (["digits", "--epochs-scale", "nan"], "epochs-scale must be above 0"),
        (["digits", "--set", "alpha"], "wanted key=value, such as alpha=0.02, not 'alpha'"),
        (["digits", "--set", "alhpa=1"], "unknown setting 'alhpa': the settings are dataset, hidden, "),
        (["digits", "--set", "alpha=x"], "recipe digits: alpha must be a number, not 'x'"),
        (["digits", "--set", "alpha=-1"], r"recipe digits: alpha must be in 0 \.\. 1000, not -1"),
        (["digits", "--set", "hidden=[3,"], r"hidden: '\[3,' is not a TOML value"),
        (["digits", "--device", "tpu"], "device must be one of auto, cpu, cuda, not 'tpu'"),
        (["none.toml"], r"cannot read the recipe none\.toml: No such file"),
    ],
)
def test_refuses_before_training(app, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((InputError, InputTypeError), match=message):
        runner.invoke(app, arguments, catch_exceptions=False)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_training_continues_with_the_same_command(app, digits_folder, tmp_path, monkeypatch):
    def interrupt_at(wanted):
        def epoch(display, progress):
            if progress.epoch == wanted:
                raise KeyboardInterrupt

        return epoch

    out, checkpoint, log = (tmp_path / f"net.{kind}" for kind in ("safetensors", "checkpoint", "log.json"))
    arguments = ["digits", "--data", str(digits_folder), "--out", str(out)]
    whole = runner.invoke(app, [*arguments[:-1], str(tmp_path / "whole.safetensors"), "--json"], catch_exceptions=False)
    monkeypatch.setattr(command.EpochDisplay, "epoch", interrupt_at(2))
    result = runner.invoke(app, arguments)
    assert result.exit_code != 0
    assert f"stopped; the same command continues from {checkpoint}" in result.stdout
    assert checkpoint.exists()
    assert not out.exists()
    monkeypatch.setattr(command.EpochDisplay, "epoch", interrupt_at(None))
    result = runner.invoke(app, arguments, catch_exceptions=False)
    assert f"continuing after epoch 2 of 4, from {checkpoint}" in result.stdout
    assert load_network(out).digest == json.loads(whole.stdout)["digest"]
    assert not checkpoint.exists()
    assert json.loads(log.read_text())["outcome"]["test_accuracy"] == load_network(out).provenance["test_accuracy"]


def test_settings_can_be_changed_and_a_stopped_training_started_again(app, digits_folder, tmp_path):
    out, checkpoint = tmp_path / "net.safetensors", tmp_path / "net.checkpoint"
    checkpoint.write_bytes(b"of something else")
    changes = ["--set", "alpha=0.5", "--set", "hidden=[12]", "--set", "surrogate=arctan", "--set", "weight_bits=3"]
    arguments = ["digits", "--data", str(digits_folder), "--out", str(out), *changes]
    with pytest.raises(InputError, match="is not a checkpoint"):
        runner.invoke(app, arguments, catch_exceptions=False)
    runner.invoke(app, [*arguments, "--fresh"], catch_exceptions=False)
    settings = load_network(out).provenance["settings"]
    assert (settings["alpha"], settings["hidden"], settings["surrogate"]) == (0.5, [12], "arctan")
    assert load_network(out).layers[0].weight_bits == 3


def test_float_weights_are_reported_and_no_network_is_written(app, digits_folder, tmp_path):
    out = tmp_path / "net.safetensors"
    arguments = ["digits", "--data", str(digits_folder), "--out", str(out), "--set", "weight_bits=32"]
    result = runner.invoke(app, arguments, catch_exceptions=False)
    assert "float weights, so nothing is written: " in result.stdout
    assert [file.name for file in tmp_path.iterdir()] == ["net.log.json"]


def test_without_pytorch_it_says_what_to_install():
    """In a process of its own, where PyTorch cannot be imported; the command itself can."""
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from firstspike_model.commands.train import train\n"
        "try: train('mnist-mlp', out=None)\n"
        "except ValueError as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "InputError training needs PyTorch, which is not installed: run pip install 'firstspike[model]'\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_a_bar(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    with EpochDisplay("mnist-mlp", stream) as display:
        display.line("downloading")
        display.epoch(Progress("refine", 3, 40, 0.4, 0.9, 0.1, 1.5, 30.0, 60.0))
    shown = re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())
    for part in ("downloading", "mnist-mlp refine", " 3/40 90.00% right, 10.00% connected ", " left"):
        assert part in shown
