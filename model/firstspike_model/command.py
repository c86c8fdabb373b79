"""The sub-command ``firstspike train``.

PyTorch is imported only when the command runs: the command line must start without it.
"""

import json as json_format
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firstspike_spec import InputError, Network, save_network
from firstspike_spec.checks import whole_number
from firstspike_spec.errors import needing
from firstspike_spec.files import check_writable

from .progress import EpochDisplay
from .recipe import Recipe, load_recipe

if TYPE_CHECKING:
    from types import ModuleType

#: Largest seed that is the same number everywhere it is written down.
MAX_SEED = (1 << 53) - 1


def train(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe, such as mnist-mlp.")],
    data: Annotated[Path | None, typer.Option(help="Folder of the data set; by default found or downloaded.")] = None,
    out: Annotated[Path | None, typer.Option(help="The network's file; by default RECIPE.safetensors here.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same network on the same machine.")] = 0,
    epochs_scale: Annotated[float, typer.Option(help="Multiplies all epochs: 0.1 for a quick try.")] = 1.0,
    json: Annotated[
        bool, typer.Option("--json", help="Print the result as one JSON object; progress goes to stderr.")
    ] = False,
) -> None:
    """Train a network by a recipe, prune and quantise it, and write it to a file."""
    chosen = scaled(load_recipe(recipe), epochs_scale)
    seed = whole_number(seed, "seed", 0, MAX_SEED)
    out = Path(f"{chosen.name}.safetensors") if out is None else out
    if out.suffix != ".safetensors":
        raise InputError(f"cannot write {out}: a network's file name ends with .safetensors; name it {out.stem}.safetensors")
    check_writable(out)
    workflow = _workflow()
    stream = sys.stderr if json else sys.stdout
    with EpochDisplay(chosen.name, stream) as display:
        network = workflow.train_recipe(chosen, data=data, seed=seed, note=display.epoch, note_download=display.line)
    save_network(network, out)
    if json:
        print(json_format.dumps(report(network, out)))
    else:
        print(summary(network, out))


def scaled(recipe: Recipe, epochs_scale: float) -> Recipe:
    """Return the recipe with all epochs multiplied, at least one in each phase that has any.

    Raises
    ------
    InputError
        If the scale is not above 0 and at most 100.
    """
    if not 0 < epochs_scale <= 100:
        raise InputError(f"epochs-scale must be above 0 and at most 100, not {epochs_scale}")
    epochs = {name: getattr(recipe, name) for name in ("rewire_epochs", "refine_epochs")}
    return replace(recipe, **{name: max(1, round(number * epochs_scale)) if number else 0 for name, number in epochs.items()})


def report(network: Network, out: Path) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    return {
        "file": str(out),
        "digest": network.digest,
        "time_steps": network.time_steps,
        "neurons": [layer.targets for layer in network.layers],
        "weight_bits": [layer.weight_bits for layer in network.layers],
        "synapses": network.synapses,
        **network.provenance,
    }


def summary(network: Network, out: Path) -> str:
    """Return the result in words."""
    facts = network.provenance
    return (
        f"wrote {out}: {facts['test_accuracy']:.2%} of {facts['test_images']:,} test images right by first spike "
        f"(simulated, golden model), validation {facts['validation_accuracy']:.2%}; "
        f"{network.synapses:,} synapses, connectivity {facts['connectivity']:.2%}, "
        f"{network.layers[0].weight_bits}-bit weights; mean decision step {facts['mean_decision_step']:.2f} "
        f"of 0 .. {network.time_steps - 1}, {facts['mean_synaptic_operations']:,.0f} synaptic operations an image"
    )


def _workflow() -> "ModuleType":
    """Import what needs PyTorch, or say how to get it."""
    # Idle threads of OpenMP would otherwise spin and slow down whatever else the machine does; read when it is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with needing("model", "PyTorch", "torch", what="training"):
        from . import workflow
    return workflow
