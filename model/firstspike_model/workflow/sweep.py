"""Sweeps: a training for every combination of some settings and seeds, several at a time, resumable after a stop."""

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

from ..recipes.layered_recipe import LayeredRecipe
from ..recipes.recipe import Recipe
from ..recipes.settings import recipe_of, settings_of

#: The facts of a run that are columns of the table, after its settings.
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
        Unique in its grid; its files have this name.
    changes : dict
        The swept settings, and ``seed``.
    recipe : Recipe or LayeredRecipe
    seed : int
    """

    name: str
    changes: dict[str, Any]
    recipe: Recipe | LayeredRecipe
    seed: int


def grid(recipe: Recipe | LayeredRecipe, values: Mapping[str, Sequence[Any]], seeds: Sequence[int]) -> list[Run]:
    """Return a run for every combination of values and seeds. The seeds change fastest.

    Parameters
    ----------
    recipe : Recipe or LayeredRecipe
        All other settings.
    values : mapping of str to sequence
        The values of each swept setting, as TOML gives them.
    seeds : sequence of int

    Raises
    ------
    InputError, InputTypeError
        If a setting is unknown or a value is wrong (`firstspike_model.recipes.settings.recipe_of`), or two runs are equal.
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
    data: str | os.PathLike[str] | None = None,
    named: bool = False,
    device: str = "auto",
    jobs: int = 1,
    note: Callable[[Run, dict[str, Any], int], None] = lambda run, row, done: None,
) -> list[dict[str, Any]]:
    """Train what has not been trained yet, and return the table: one row per run, in the order of the grid.

    Each run writes its network and its log to ``folder``, and a checkpoint while it trains. A run whose log has an outcome is
    not trained again: so a stopped sweep continues. ``results.csv`` and ``results.json`` in the folder hold the rows so far.

    Parameters
    ----------
    runs : sequence of Run
    folder : path
        Must exist.
    data, named, device
        As for `firstspike_model.workflow.training.train_recipe`.
    jobs : int
        Number of trainings at a time, each in a process of its own with one thread.
    note : callable
        Called after each run, with its row and the number of finished runs.

    Raises
    ------
    InputError, InputTypeError
        If the data set cannot be trained on, or a log or checkpoint in ``folder`` belongs to other settings.
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
        # New processes, not forks: PyTorch's threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(jobs, mp_context=context, initializer=_end_on_signals) as pool:
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
                        "the process of a training was ended, perhaps because there is not enough memory; take fewer --jobs; "
                        "the same command continues"
                    ) from error
                raise
    return [rows[run.name] for run in runs]


def _end_on_signals() -> None:
    """Make signals end this process, one of several that train, cleanly and without a message."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))


def _train(run: Run, folder: Path, data: str | os.PathLike[str] | None, named: bool, device: str) -> dict[str, Any]:
    """Train one run and return its facts. With several jobs, this runs in a process of its own."""
    from .training import train_to_file  # here, so that the command line starts without PyTorch

    out = folder / f"{run.name}.safetensors"
    return train_to_file(run.recipe, out, data=data, named=named, seed=run.seed, device=device).facts


def _outcome(run: Run, folder: Path) -> dict[str, Any] | None:
    """Return the facts of a finished run, else ``None``."""
    log = folder / f"{run.name}.log.json"
    if not log.exists() or (folder / f"{run.name}.checkpoint").exists():
        return None
    try:
        facts = json.loads(log.read_text("utf-8"))["outcome"]
        same = facts is None or (facts["settings"], facts["seed"]) == (settings_of(run.recipe), run.seed)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{log} is not the log of a training ({error}); remove it or name another folder") from error
    if not same:
        raise InputError(f"{log} belongs to a training with other settings; remove it or name another folder")
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
    """Return a value as part of a file name."""
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)
