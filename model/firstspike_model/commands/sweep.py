"""The sub-command ``firstspike sweep``."""

import json as json_format
from pathlib import Path
from typing import Annotated, Any

import typer

from firstspike_spec import InputError
from firstspike_spec.common.checks import whole_number
from firstspike_spec.common.files import check_writable_folder
from firstspike_spec.terminal.console import SafeConsole, say
from firstspike_spec.terminal.options import DataOption, DatasetOption
from firstspike_spec.terminal.records import print_records

from ..recipes.files import load_recipe, parse_change
from ..workflow.sweep import Run, grid, run_grid
from .parts import EpochsScaleOption, RecipeArgument, TorchDeviceOption, importing_torch
from .train import DEVICES, MAX_SEED, scaled


def sweep(
    recipe: RecipeArgument,
    out: Annotated[Path, typer.Option(help="Folder for the table, and for the networks and logs of all runs.")],
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=V1,V2,...", help="Values of a setting; repeat it to run all combinations."),
    ] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, such as 0,1,2 or 0-4.")] = "0",
    data: DataOption = None,
    dataset: DatasetOption = None,
    jobs: Annotated[int, typer.Option(help="Number of trainings at a time, with one thread each.")] = 1,
    epochs_scale: EpochsScaleOption = 1.0,
    device: TorchDeviceOption = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print the table as one JSON list; progress goes to stderr.")] = False,
) -> None:
    """Train every combination of some settings and seeds, and write a table.

    The table is results.csv and results.json; firstspike plot curve draws it.
    After a stop, the same command continues: finished runs are not trained
    again, and others continue from their checkpoints.
    """
    chosen = scaled(load_recipe(recipe, {} if dataset is None else {"dataset": dataset}), epochs_scale)
    swept = dict(map(parse_values, values or []))
    runs = grid(chosen, swept, parse_seeds(seeds))
    jobs = whole_number(jobs, "jobs", 1, 256)
    if device not in DEVICES:
        raise InputError(f"device must be one of {', '.join(DEVICES)}, not {device!r}")
    check_writable_folder(out)
    with importing_torch("training"):
        import torch  # noqa: F401

    def note(run: Run, row: dict[str, Any], done: int) -> None:
        say(
            f"{done} of {len(runs)}: {run.name}: validation {row['validation_accuracy']:.2%}, "
            f"test {row['test_accuracy']:.2%}, connectivity {row['connectivity_as_trained']:.2%} as trained",
            error=json,
        )

    rows = run_grid(runs, out, data=data, named=dataset is not None or "dataset" in swept, device=device, jobs=jobs, note=note)
    if json:
        print(json_format.dumps(rows))
    else:
        _show(rows)
        say(f"wrote {out / 'results.csv'} and {out / 'results.json'}")


def parse_values(text: str) -> tuple[str, list[Any]]:
    """Return the setting and its values in ``key=value,value``, each as in `firstspike_model.recipes.files.parse_change`.

    A comma within brackets is part of a value.
    """
    key, equals, rest = text.partition("=")
    parts, depth = [""], 0
    for letter in rest:
        depth += {"[": 1, "]": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parse_change(f"{key}{equals}{parts[0]}")[0], [parse_change(f"{key}{equals}{part}")[1] for part in parts]


def parse_seeds(text: str) -> list[int]:
    """Return the seeds in a list such as ``0,1,2``, ``0-4`` or ``0-2,7``.

    Raises
    ------
    InputError
        If the text is anything else.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not (first.strip().isdecimal() and (not dash or last.strip().isdecimal())):
            raise InputError(f"seeds must be whole numbers such as 0,1,2 or 0-4, not {text!r}")
        span = range(int(first), int(last if dash else first) + 1)
        if not span or span[-1] > MAX_SEED or len(span) > 10000:
            raise InputError(f"seeds must run upwards, 0 .. {MAX_SEED}, at most 10,000 of them, not {part!r}")
        seeds.extend(span)
    return seeds


def _show(rows: list[dict[str, Any]]) -> None:
    records = [
        {name: f"{value:.4f}" if isinstance(value, float) else str(value) for name, value in row.items()} for row in rows
    ]
    print_records(SafeConsole(), records)
