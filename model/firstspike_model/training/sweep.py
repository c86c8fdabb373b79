"""Grids of trainings: every combination of some settings and seeds, several at a time, going on after a stop."""

import csv
import io
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from firstspike_spec import InputError
from firstspike_spec.common.files import write_file

from ..recipes.recipe import Recipe, recipe_of, settings_of

#: What a run gives, beside its settings; a column each in the table.
FIGURES = (
    "validation_accuracy",
    "test_accuracy",
    "test_accuracy_after_all_steps",
    "mean_decision_step",
    "connectivity_as_trained",
    "connectivity",
    "mean_synaptic_operations",
    "synapses",
)


@dataclass(frozen=True)
class Run:
    """One training of a grid.

    Attributes
    ----------
    name : str
        Unique in its grid; that of its files.
    changes : dict
        The swept settings, and ``seed``.
    recipe : Recipe
    seed : int
    """

    name: str
    changes: dict[str, Any]
    recipe: Recipe
    seed: int


def grid(recipe: Recipe, values: Mapping[str, Sequence[Any]], seeds: Sequence[int]) -> list[Run]:
    """Return every combination, the seeds running fastest.

    Parameters
    ----------
    recipe : Recipe
        Gives what is not swept.
    values : mapping of str to sequence
        The values of each swept setting, as TOML would give them.
    seeds : sequence of int

    Raises
    ------
    InputError, InputTypeError
        If a setting is unknown or a value wrong (`firstspike_model.recipes.recipe.recipe_of`), or a run is there twice.
    """
    runs = []
    for combination in product(*values.values()):
        changes = dict(zip(values, combination, strict=True))
        changed = recipe_of(recipe.name, settings_of(recipe) | changes)
        for seed in seeds:
            words = [recipe.name, *(f"{key}={_word(value)}" for key, value in changes.items()), f"seed={seed}"]
            runs.append(Run("_".join(words), changes | {"seed": seed}, changed, seed))
    if len({run.name for run in runs}) != len(runs):
        raise InputError("a value or a seed is given twice; leave one of them")
    return runs


def run_grid(
    runs: Sequence[Run],
    folder: Path,
    *,
    data: str | os.PathLike | None = None,
    named: bool = False,
    device: str = "auto",
    jobs: int = 1,
    note: Callable[[Run, dict[str, Any], int], None] = lambda run, row, done: None,
) -> list[dict[str, Any]]:
    """Train what has not been trained yet, and return the table: one row a run, in the order of the grid.

    Each run leaves its network and its log in ``folder``, and while it trains a checkpoint. A run whose log has an outcome
    is not trained again, so that a stopped sweep goes on. ``results.csv`` and ``results.json`` there hold the rows so far.

    Parameters
    ----------
    runs : sequence of Run
    folder : path
        Must exist.
    data, named, device
        As for `firstspike_model.training.workflow.train_recipe`.
    jobs : int
        Trainings at a time, each in a process of its own with one thread.
    note : callable
        Told of each run that has ended, with its row, and of how many have.

    Raises
    ------
    InputError, InputTypeError
        If the data set cannot be trained on, or a log or checkpoint in ``folder`` is of other settings.
    """
    rows: dict[str, dict[str, Any]] = {}

    def end(run: Run, facts: dict[str, Any]) -> None:
        rows[run.name] = run.changes | {figure: facts.get(figure) for figure in FIGURES}
        _write_table(folder, [rows[run.name] for run in runs if run.name in rows])
        note(run, rows[run.name], len(rows))

    waiting = []
    for run in runs:
        facts = _outcome(run, folder)
        if facts is None:
            waiting.append(run)
        else:
            end(run, facts)
    if jobs == 1:
        for run in waiting:
            end(run, _train(run, folder, data, named, device))
    elif waiting:
        others = set(multiprocessing.active_children())
        # Processes of their own, started afresh: PyTorch's threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(jobs, mp_context=context, initializer=_end_when_told) as pool:
            running = {pool.submit(_train, run, folder, data, named, device): run for run in waiting}
            try:
                for future in as_completed(running):
                    end(running[future], future.result())
            except BaseException as error:
                pool.shutdown(wait=False, cancel_futures=True)
                for process in set(multiprocessing.active_children()) - others:
                    process.terminate()
                if isinstance(error, BrokenProcessPool):
                    raise InputError(
                        "a training's process was ended, perhaps because there is not enough memory; take fewer --jobs: "
                        "the same command goes on"
                    ) from error
                raise
    return [rows[run.name] for run in runs]


def _end_when_told() -> None:
    """Let signals end this process, one of several that train, in order and without a word."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))


def _train(run: Run, folder: Path, data: str | os.PathLike | None, named: bool, device: str) -> dict[str, Any]:
    """Train one run and return its facts; in a process of its own if there are several jobs."""
    from .workflow import train_to_file  # here, so that the command line starts without PyTorch

    out = folder / f"{run.name}.safetensors"
    return train_to_file(run.recipe, out, data=data, named=named, seed=run.seed, device=device).facts


def _outcome(run: Run, folder: Path) -> dict[str, Any] | None:
    """Return the facts of a run that has ended, else ``None``."""
    log = folder / f"{run.name}.log.json"
    if not log.exists() or (folder / f"{run.name}.checkpoint").exists():
        return None
    try:
        facts = json.loads(log.read_text("utf-8"))["outcome"]
        same = facts is None or (facts["settings"], facts["seed"]) == (settings_of(run.recipe), run.seed)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{log} is no training's log ({error}); remove it or name another folder") from error
    if not same:
        raise InputError(f"{log} is of a training with other settings; remove it or name another folder")
    return facts


def _write_table(folder: Path, rows: list[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    for row in rows:
        writer.writerow({key: json.dumps(value) if isinstance(value, list) else value for key, value in row.items()})
    write_file(folder / "results.csv", text.getvalue())
    write_file(folder / "results.json", json.dumps(rows, indent=1))


def _word(value: Any) -> str:
    """Return a value as part of a file's name."""
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)
