"""The sub-command ``firstspike train``.

PyTorch is imported only when the command runs, so that the command line starts quickly.
"""

import json as json_format
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, overload

import typer

from firstspike_spec import InputError
from firstspike_spec.common.checks import whole_number
from firstspike_spec.common.files import check_writable
from firstspike_spec.terminal.options import DataOption, DatasetOption, JsonOption

from ..recipes.files import load_recipe, parse_change
from ..recipes.layered_recipe import LayeredRecipe
from ..recipes.recipe import Recipe
from ..training.progress import EpochDisplay
from .parts import EpochsScaleOption, RecipeArgument, TorchDeviceOption, check_network_name, importing_torch, network_report

if TYPE_CHECKING:
    from types import ModuleType

    from ..workflow.training import Outcome

#: Largest seed that JSON readers keep exactly.
MAX_SEED = (1 << 53) - 1

#: Where a training may run.
DEVICES = ("auto", "cpu", "cuda")


def train(
    recipe: RecipeArgument,
    data: DataOption = None,
    dataset: DatasetOption = None,
    out: Annotated[Path | None, typer.Option(help="The network's file; by default RECIPE.safetensors in this folder.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same network on the same machine.")] = 0,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of the recipe; may be repeated."),
    ] = None,
    epochs_scale: EpochsScaleOption = 1.0,
    dense: Annotated[
        Path | None,
        typer.Option(
            help="The state after a layered recipe's dense phase: continued from if there is such a file, otherwise written. "
            "Recipes and budgets that differ only later share it."
        ),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start again, even if a stopped training could continue.")] = False,
    device: TorchDeviceOption = "auto",
    json: JsonOption = False,
) -> None:
    """Train a network by a recipe, prune and quantise it, and write it to a file.

    Beside the file, the training writes a log, NAME.log.json, and while it
    runs a checkpoint, NAME.checkpoint. After a stop, by Ctrl-C or otherwise,
    the same command continues from it and produces the same network.
    """
    settings = dict(map(parse_change, changes or [])) | ({} if dataset is None else {"dataset": dataset})
    chosen = scaled(load_recipe(recipe, settings), epochs_scale)
    seed = whole_number(seed, "seed", 0, MAX_SEED)
    if device not in DEVICES:
        raise InputError(f"device must be one of {', '.join(DEVICES)}, not {device!r}")
    out = Path(f"{chosen.name}.safetensors") if out is None else out
    check_network_name(out)
    check_writable(out)
    if dense is not None:
        check_writable(dense)
    workflow = _workflow()
    checkpoint = workflow.Files.beside(out).checkpoint
    if fresh:
        checkpoint.unlink(missing_ok=True)
    stream = sys.stderr if json else sys.stdout
    with EpochDisplay(chosen.name, stream) as display:
        try:
            outcome = workflow.train_to_file(
                chosen,
                out,
                data=data,
                named="dataset" in settings,
                seed=seed,
                device=device,
                dense=dense,
                note=display.epoch,
                note_line=display.line,
            )
        except KeyboardInterrupt:
            if checkpoint.exists():
                display.line(f"stopped; the same command continues from {checkpoint}")
            raise
    facts = report(outcome, out)
    print(json_format.dumps(facts) if json else summary(facts))


@overload
def scaled(recipe: Recipe, epochs_scale: float) -> Recipe: ...


@overload
def scaled(recipe: LayeredRecipe, epochs_scale: float) -> LayeredRecipe: ...


def scaled(recipe: Recipe | LayeredRecipe, epochs_scale: float) -> Recipe | LayeredRecipe:
    """Return the recipe with all epochs multiplied, at least one in each phase that has any.

    Raises
    ------
    InputError
        If the scale is not above 0 and at most 100.
    """
    if not 0 < epochs_scale <= 100:
        raise InputError(f"epochs-scale must be above 0 and at most 100, not {epochs_scale}")

    def times(epochs: int) -> int:
        return max(1, round(epochs * epochs_scale)) if epochs else 0

    if isinstance(recipe, LayeredRecipe):
        return replace(recipe, dense_epochs=times(recipe.dense_epochs), sparse_epochs=times(recipe.sparse_epochs))
    return replace(recipe, prune_epochs=times(recipe.prune_epochs), refine_epochs=times(recipe.refine_epochs))


def report(outcome: "Outcome", out: Path) -> dict[str, Any]:
    """Return what ``--json`` prints: the facts, and the file and sizes of the network, if there is one."""
    network = outcome.network
    return {"file": None, **outcome.facts} if network is None else network_report(network, out)


def summary(facts: dict[str, Any]) -> str:
    """Return the facts from `report` in words."""
    last_step = facts["settings"]["time_steps"] - 1
    accuracy = f"{facts['test_accuracy']:.2%} of {facts['test_images']:,} test images right by first spike"
    validation = f"validation {facts['validation_accuracy']:.2%}"
    decision = f"mean decision step {facts['mean_decision_step']:.2f} of 0 .. {last_step}"
    if facts["file"] is None:
        return f"float weights, so nothing is written: {accuracy} (in PyTorch), {validation}; {decision}"
    return (
        f"wrote {facts['file']}: {accuracy} (simulated, golden model), {validation}; "
        f"{facts['synapses']:,} synapses, connectivity {facts['connectivity']:.2%} "
        f"({facts['connectivity_as_trained']:.2%} as trained), {facts['weight_bits'][-1]}-bit weights; "
        f"{decision}, {facts['mean_synaptic_operations']:,.0f} synaptic operations an image"
    )


def _workflow() -> "ModuleType":
    """Import what needs PyTorch; if it is missing, the error says how to install it."""
    with importing_torch("training"):
        from ..workflow import training as workflow
    return workflow
