"""Grids of trainings: what is run, what is written, and how a stopped one goes on."""

import csv
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
from firstspike_model.training import sweep as sweeping
from firstspike_model.recipes.recipe import settings_of
from firstspike_model.training.sweep import FIGURES, grid, run_grid
from firstspike_model.training.workflow import train_recipe
from firstspike_spec import InputError, load_network

from ...levels import thorough

runner = CliRunner()


@pytest.fixture
def quick(tiny_recipe):
    return replace(tiny_recipe, prune_epochs=1, refine_epochs=1)


def test_a_grid_has_every_combination(quick):
    runs = grid(quick, {"alpha": [0.1, 0.2], "hidden": [[5], [6, 7]], "budget": [0.5]}, [3, 4])
    assert len(runs) == len({run.name for run in runs}) == 8
    assert runs[2].name == "digits_alpha=0.1_hidden=6-7_budget=0.5_seed=3"
    assert runs[2].changes == {"alpha": 0.1, "hidden": [6, 7], "budget": 0.5, "seed": 3}
    assert (runs[2].recipe.hidden, runs[2].recipe.alpha, runs[2].recipe.batch) == ((6, 7), 0.1, quick.batch)
    with pytest.raises(InputError, match="given twice"):
        grid(quick, {"alpha": [0.1, 0.1]}, [0])


def table(folder):
    rows = json.loads((folder / "results.json").read_text())
    with (folder / "results.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [list(row) for row in read] == [list(row) for row in rows]
    assert [row["test_accuracy"] for row in read] == [str(row["test_accuracy"]) for row in rows]
    return rows


@pytest.mark.parametrize("jobs", [1, 2])
def test_rows_are_those_of_single_trainings(quick, digits_folder, tmp_path, jobs):
    runs = grid(quick, {"weight_bits": [2, 32]}, [0, 1])
    rows = run_grid(runs, tmp_path, data=digits_folder, jobs=jobs)
    assert rows == table(tmp_path)
    assert [(row["weight_bits"], row["seed"]) for row in rows] == [(2, 0), (2, 1), (32, 0), (32, 1)]
    alone = train_recipe(runs[1].recipe, data=digits_folder, seed=1)
    assert rows[1] == {"weight_bits": 2, "seed": 1} | {figure: alone.facts[figure] for figure in FIGURES}
    assert load_network(tmp_path / f"{runs[1].name}.safetensors").digest == alone.network.digest
    assert rows[3]["connectivity"] is None  # float weights: nothing is exported
    assert sorted({path.suffixes[-1] for path in tmp_path.iterdir()}) == [".csv", ".json", ".safetensors"]


def test_a_stopped_sweep_goes_on(quick, digits_folder, tmp_path, monkeypatch):
    runs = grid(quick, {}, [0, 1, 2])
    whole = run_grid(runs, tmp_path / "whole", data=digits_folder)
    folder = tmp_path / "stopped"

    def stop(run, row, done):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_grid(runs, folder, data=digits_folder, note=stop)
    assert [row["seed"] for row in table(folder)] == [0, 1]
    trained = []
    real = sweeping._train
    monkeypatch.setattr(sweeping, "_train", lambda run, *rest: trained.append(run.seed) or real(run, *rest))
    seen = []
    rows = run_grid(runs, folder, data=digits_folder, note=lambda run, row, done: seen.append((run.seed, done)))
    assert trained == [2]
    assert seen == [(0, 1), (1, 2), (2, 3)]
    assert rows == whole == table(folder)


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
        assert told.startswith("firstspike: a training's process was ended, perhaps because there is not enough memory; take")
    assert not any(Path(f"/proc/{number}").exists() for number in training)
    assert not list(out.glob(".*")) or to != "the command"
    assert len(list(out.glob("*.checkpoint"))) == 2


def test_a_folder_of_another_sweep_is_refused(quick, digits_folder, tmp_path):
    run_grid(grid(quick, {}, [0]), tmp_path, data=digits_folder)
    with pytest.raises(InputError, match=r"seed=0\.log\.json is of a training with other settings"):
        run_grid(grid(replace(quick, batch=8), {}, [0]), tmp_path, data=digits_folder)
    (tmp_path / "digits_seed=0.log.json").write_text("[]")
    with pytest.raises(InputError, match=r"seed=0\.log\.json is no training's log"):
        run_grid(grid(quick, {}, [0]), tmp_path, data=digits_folder)


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
