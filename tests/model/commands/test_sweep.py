"""``firstspike sweep`` prints its table, refuses wrong values before training, and leaves no process behind."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from firstspike_model.commands import sweep as sweep_command
from firstspike_model.commands.sweep import parse_seeds, parse_values
from firstspike_model.recipes.settings import settings_of
from firstspike_spec import InputError, load_network

from ...levels import thorough
from ..sweep_tables import table

runner = CliRunner()


@pytest.fixture
def quick(tiny_recipe):
    return replace(tiny_recipe, prune_epochs=1, refine_epochs=1)


@pytest.fixture
def app(monkeypatch, quick):
    monkeypatch.setattr(sweep_command, "load_recipe", lambda name, changes: quick)
    app = typer.Typer()
    app.command()(sweep_command.sweep)
    return app


def test_the_command_prints_the_table(app, quick, digits_folder, tmp_path):
    out = tmp_path / "deep" / "sweep"
    arguments = ["digits", "--data", str(digits_folder), "--out", str(out), "--set", "alpha=0.1,0.5", "--seeds", "3"]
    result = runner.invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert json.loads(result.stdout) == table(out)
    assert result.stderr.startswith("1 of 2: digits_alpha=0.1_seed=3: validation ")
    again = runner.invoke(app, arguments, catch_exceptions=False)
    assert f"wrote {out / 'results.csv'}" in again.stdout
    assert (
        settings_of(quick) | {"alpha": 0.5} == load_network(out / "digits_alpha=0.5_seed=3.safetensors").provenance["settings"]
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "alpha"], "wanted key=value"),
        (["--set", "alpha=1,"], "wanted key=value"),
        (["--set", "alhpa=1,2"], "unknown setting 'alhpa'"),
        (["--set", "alpha=1,-2"], r"alpha must be in 0 \.\. 1000, not -2"),
        (["--seeds", "a"], "seeds must be whole numbers such as 0,1,2 or 0-4, not 'a'"),
        (["--seeds", "3-1"], "seeds must run upwards"),
        (["--seeds", "1,1"], "given twice"),
        (["--jobs", "0"], r"jobs must be in 1 \.\. 256"),
        (["--device", "tpu"], "device must be one of"),
    ],
)
def test_the_command_refuses_before_training(app, tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        runner.invoke(app, ["digits", "--out", str(tmp_path / "sweep"), *arguments], catch_exceptions=False)
    assert list(tmp_path.iterdir()) == []


def test_values_and_seeds_are_read():
    assert parse_values("hidden=[1,2],[3]") == ("hidden", [[1, 2], [3]])
    assert parse_values("pruning=gradr,stds") == ("pruning", ["gradr", "stds"])
    assert parse_values("alpha=0.5") == ("alpha", [0.5])
    assert parse_seeds("0-2, 7") == [0, 1, 2, 7]


@pytest.fixture
def endless(digits_folder, tmp_path):
    """A sweep of two trainings at a time that take hours, in a process of its own; and the processes that train."""
    recipe = tmp_path / "endless.toml"
    recipe.write_text(
        'dataset = "digits"\nvalidation_images = 100\nhidden = [30]\ntime_steps = 4\nbudget = 0.3\nbatch = 16\n'
        "prune_epochs = 10_000\nrefine_epochs = 1\n"
    )
    out = tmp_path / "sweep"
    words = ["sweep", recipe, "--data", digits_folder, "--jobs", "2", "--seeds", "0,1", "--out", out]
    command = [sys.executable, "-c", "from firstspike.command_line import main; main()", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 120
        while len(list(out.glob("*.checkpoint"))) < 2:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.1)
        children = map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
        training = [child for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]
        assert len(training) == 2
        yield process, training, out
        process.kill()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes as Linux shows them")
@pytest.mark.parametrize("to", ["the command", pytest.param("one of its processes", marks=thorough)])
def test_a_terminated_sweep_leaves_no_training_behind(endless, to):
    process, training, out = endless
    os.kill(process.pid if to == "the command" else training[0], signal.SIGTERM if to == "the command" else signal.SIGKILL)
    _, told = process.communicate(timeout=60)
    if to == "the command":
        assert (process.returncode, told) == (128 + signal.SIGTERM, "firstspike: ended by SIGTERM\n")
    else:
        assert process.returncode == 2
        assert told.startswith(
            "firstspike: the process of a training was ended, perhaps because there is not enough memory; take"
        )
    assert not any(Path(f"/proc/{number}").exists() for number in training)
    assert not list(out.glob(".*")) or to != "the command"
    assert len(list(out.glob("*.checkpoint"))) == 2
