"""Sweeps: what is trained, what is written, and how a stopped sweep continues."""

from dataclasses import replace

import pytest

from firstspike_model.workflow import sweep as sweeping
from firstspike_model.workflow.sweep import FIGURES, grid, run_grid
from firstspike_model.workflow.training import train_recipe
from firstspike_spec import InputError, load_network

from ..sweep_tables import table


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


def test_a_stopped_sweep_continues(quick, digits_folder, tmp_path, monkeypatch):
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


def test_a_folder_of_another_sweep_is_refused(quick, digits_folder, tmp_path):
    run_grid(grid(quick, {}, [0]), tmp_path, data=digits_folder)
    with pytest.raises(InputError, match=r"seed=0\.log\.json belongs to a training with other settings"):
        run_grid(grid(replace(quick, batch=8), {}, [0]), tmp_path, data=digits_folder)
    (tmp_path / "digits_seed=0.log.json").write_text("[]")
    with pytest.raises(InputError, match=r"seed=0\.log\.json is not the log of a training"):
        run_grid(grid(quick, {}, [0]), tmp_path, data=digits_folder)
