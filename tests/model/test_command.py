"""The sub-command: what it writes and prints, and how it refuses."""

import io
import json
import re
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from firstspike_model import command
from firstspike_model.progress import EpochDisplay
from firstspike_model.training import Progress
from firstspike_spec import InputError, load_network

runner = CliRunner()


@pytest.fixture
def app(monkeypatch, tiny_recipe):
    """The sub-command with a recipe ``digits``, small enough for a test."""
    real = command.load_recipe
    monkeypatch.setattr(command, "load_recipe", lambda name: tiny_recipe if name == "digits" else real(name))
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
    assert lines[0].startswith("digits: epoch 1/2, rewire, validation accuracy ")
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
    ],
)
def test_refuses_before_training(app, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        runner.invoke(app, arguments, catch_exceptions=False)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_training_leaves_nothing(app, digits_folder, tmp_path, monkeypatch):
    def interrupt(display, progress):
        raise KeyboardInterrupt

    monkeypatch.setattr(command.EpochDisplay, "epoch", interrupt)
    out = tmp_path / "net.safetensors"
    result = runner.invoke(app, ["digits", "--data", str(digits_folder), "--out", str(out)])
    assert result.exit_code != 0
    assert list(tmp_path.iterdir()) == []


def test_without_pytorch_it_says_what_to_install():
    """In a process of its own, where PyTorch cannot be imported; the command itself can."""
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from firstspike_model.command import train\n"
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
        display.epoch(Progress("refine", 3, 40, 0.9, 0.1, 1.5, 60.0))
    shown = re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())
    for part in ("downloading", "mnist-mlp refine", " 3/40 90.00% right, 10.00% connected ", " left"):
        assert part in shown
