"""The whole workflow, from a recipe to a network with its provenance."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from firstspike_spec import Dataset, InputError, LayeredNetwork, Network, profile, remove_dead_neurons, save_network
from firstspike_spec.common.files import write_file
from firstspike_spec.datasets import load_splits
from firstspike_spec.inference import golden

from ..calibration.output_threshold import decide
from ..inference.golden import infer
from ..inference.provenance import test_facts, versions
from ..inference.torch_setup import choose_device, prepare_torch
from ..layered.training import LayeredTraining
from ..layers.export import to_network
from ..recipes.layered_recipe import LayeredRecipe
from ..recipes.recipe import Recipe
from ..recipes.settings import settings_of
from ..training.checks import check_test_split
from ..training.evaluation import FLOAT_GRID
from ..training.loop import Trained, Training
from ..training.progress import Progress
from .checkpoint import dense_identity_of, identity_of, load_checkpoint, save_checkpoint


@dataclass(frozen=True)
class Outcome:
    """The result of a training.

    Attributes
    ----------
    network : Network, LayeredNetwork or None
        Without dead neurons, with the activity that the validation images cause, and with ``facts`` as its provenance.
        ``None`` if the recipe asks for float weights.
    facts : dict
        ``recipe``, ``settings``, ``seed``, ``dataset``, ``validation_accuracy`` and ``test_accuracy`` (shares of the
        images, by first spike with early exit), ``test_accuracy_after_all_steps`` (by the largest potential after the
        last step), ``test_images``, ``mean_decision_step`` (on the test images), ``connectivity_as_trained`` and
        ``versions``; with a network also ``connectivity``, ``synapses`` and ``mean_synaptic_operations``.
    """

    network: Network | LayeredNetwork | None
    facts: dict[str, Any]


@dataclass(frozen=True)
class Files:
    """The files that a training writes while it runs.

    Attributes
    ----------
    checkpoint : Path
        The state from which the training continues after a stop; removed at the end.
    log : Path
        One JSON object: the settings, the figures of each epoch, and at the end the facts of the outcome.
    """

    checkpoint: Path
    log: Path

    @classmethod
    def beside(cls, out: Path) -> Self:
        """Return the files of a training whose network will be ``out``."""
        return cls(out.with_suffix(".checkpoint"), out.with_suffix(".log.json"))


def train_recipe(
    recipe: Recipe | LayeredRecipe,
    *,
    data: str | os.PathLike[str] | None = None,
    named: bool = False,
    seed: int = 0,
    device: str = "auto",
    files: Files | None = None,
    dense: Path | None = None,
    note: Callable[[Progress], None] = lambda progress: None,
    note_line: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Train, export and measure one network.

    Parameters
    ----------
    recipe : Recipe or LayeredRecipe
    data : path, optional
        Folder of the data set, as for `firstspike_spec.load_dataset`.
    named : bool
        Whether the user named the data set: then the files in ``data`` must be those of the recipe's data set.
    seed : int
        The same seed gives the same network on the same machine and versions.
    device : str
        As for `firstspike_model.inference.torch_setup.choose_device`.
    files : Files, optional
        Where to save the state after each epoch. If there is a checkpoint, the training continues from it.
    dense : path, optional
        The state after the dense phase of a layered training, which other recipes and budgets share: if the file exists, the
        training continues from it; otherwise it is written when that phase ends.
    note : callable
        Called after each epoch.
    note_line : callable
        Called with a line of text for anything else that takes time, and for warnings.

    Raises
    ------
    InputError, InputTypeError
        If the data set is not found or cannot be trained on, a checkpoint belongs to another training, or ``dense`` is given
        for a recipe without a dense phase.
    """
    if dense is not None and not (isinstance(recipe, LayeredRecipe) and recipe.dense_epochs):
        raise InputError(f"recipe {recipe.name} has no dense phase that --dense could keep or continue; leave --dense out")
    prepare_torch()
    device = choose_device(device)
    train, test = load_splits(recipe.dataset if named else None, data, usual=recipe.dataset, note=note_line)
    training = (
        LayeredTraining(recipe, train, seed, device)
        if isinstance(recipe, LayeredRecipe)
        else Training(recipe, train, seed, device)
    )
    check_test_split(test, train, training.classes)
    identity = identity_of(recipe, train, seed, device)
    checkpoints = [(files.checkpoint, identity)] if files else []
    if dense is not None and isinstance(recipe, LayeredRecipe):
        checkpoints.append((dense, dense_identity_of(recipe, train, seed, device)))
    epochs: list[dict[str, Any]] = []
    for path, expected in checkpoints:
        state = load_checkpoint(path, expected)
        if state is not None:
            epochs = state.pop("epochs")
            training.load_state_dict(state)
            note_line(f"continuing after epoch {training.epoch} of {recipe.epochs}, from {path}")
            break

    def keep(progress: Progress) -> None:
        epochs.append(vars(progress))
        if files:
            save_checkpoint(files.checkpoint, training.state_dict() | {"epochs": epochs}, identity)
            _write_log(files.log, identity, epochs, None)
        if dense is not None and isinstance(recipe, LayeredRecipe) and progress.epoch == recipe.dense_epochs:
            save_checkpoint(dense, training.state_dict() | {"epochs": epochs}, checkpoints[-1][1])
        note(progress)

    if isinstance(training, LayeredTraining):
        outcome = measure_layered(training, training.run(keep), test, seed)
    else:
        outcome = measure(training, training.run(keep), test, seed)
    for doubt in doubts(outcome.facts["validation_accuracy"], training.validation.labels):
        note_line(f"warning: {doubt}")
    if files:
        _write_log(files.log, identity, epochs, outcome.facts)
    return outcome


def train_to_file(recipe: Recipe | LayeredRecipe, out: Path, **options: Any) -> Outcome:
    """Train one network and write it, with its log beside it. If there is a checkpoint, continue from it.

    Parameters
    ----------
    recipe : Recipe or LayeredRecipe
    out : path
        The network's file, whose name ends with .safetensors; not written if the recipe asks for float weights.
    **options
        Further arguments of `train_recipe`.
    """
    files = Files.beside(out)
    outcome = train_recipe(recipe, files=files, **options)
    if outcome.network is not None:
        save_network(outcome.network, out)
    files.checkpoint.unlink(missing_ok=True)  # last: as long as it exists, the training is not over
    return outcome


def measure(training: Training, trained: Trained, test: Dataset, seed: int) -> Outcome:
    """Export the trained network and measure it on the test split."""
    recipe, classifier = training.recipe, trained.classifier
    settings = settings_of(recipe)
    margins = training.evaluator.margins(test.images)
    facts = {
        "recipe": recipe.name,
        "settings": settings,
        "seed": seed,
        "dataset": test.name,
        "validation_accuracy": trained.calibration.accuracy,
        "test_accuracy_after_all_steps": _share(margins[-1].argmax(dim=1).numpy() == test.labels),
        "test_images": len(test.images),
        "connectivity_as_trained": classifier.connectivity(),
        "versions": versions(),
    }
    if classifier.layers[-1].scale is None:
        classes, steps = decide(margins - trained.calibration.lowering / FLOAT_GRID)
        facts["test_accuracy"] = _share(classes.numpy() == test.labels)
        facts["mean_decision_step"] = float(steps.float().mean())
        return Outcome(None, facts)
    network = to_network(classifier, trained.encoder, test.images.shape[1:], trained.calibration.lowering)
    network = replace(network, class_names=training.validation.class_names)
    network = profile(remove_dead_neurons(network), training.validation.images)
    validation, inference = infer(network, training.validation.images), infer(network, test.images)
    facts |= {
        "validation_accuracy": _share(validation.classes == training.validation.labels),
        **test_facts(inference, test),
        "connectivity": network.connectivity,
        "synapses": network.synapses,
    }
    return Outcome(replace(network, provenance=facts), facts)


def measure_layered(training: LayeredTraining, network: LayeredNetwork, test: Dataset, seed: int) -> Outcome:
    """Measure a layered network, as it was exported, on the test split."""
    facts = {
        "recipe": training.recipe.name,
        "settings": settings_of(training.recipe),
        "seed": seed,
        "dataset": test.name,
        "connectivity_as_trained": training.connectivity(),
        "versions": versions(),
    }
    network = profile(remove_dead_neurons(network), training.validation.images)
    validation = golden.infer(network, training.validation.images)
    facts |= {
        "validation_accuracy": _share(validation.classes == training.validation.labels),
        **test_facts(golden.infer(network, test.images), test),
        "connectivity": network.connectivity,
        "synapses": network.synapses,
    }
    return Outcome(replace(network, provenance=facts), facts)


def _write_log(path: Path, identity: dict[str, Any], epochs: list[dict[str, Any]], facts: dict[str, Any] | None) -> None:
    text = json.dumps({"training": identity, "epochs": epochs, "outcome": facts}, indent=1)
    write_file(path, text.encode())


def _share(right: np.ndarray) -> float:
    return float(np.mean(right))


def doubts(accuracy: float, labels: np.ndarray) -> list[str]:
    """Return a warning if a training learned nothing, else an empty list.

    A network has learned something if it is right more often than the most frequent class occurs, by more than chance
    explains (three standard deviations).

    Parameters
    ----------
    accuracy : float
        On the validation images.
    labels : ndarray of int
        Of these images.
    """
    commonest = float(np.bincount(labels).max() / len(labels))
    if accuracy > commonest + 3 * (commonest * (1 - commonest) / len(labels)) ** 0.5:
        return []
    return [
        f"{accuracy:.2%} of the validation images are right, and always giving one class is right for {commonest:.2%}: "
        "the network learned nothing; with few images, take smaller batches (--set batch=16), keep more connections "
        "(--set budget=0.3), and do not shorten the training"
    ]
