"""From a recipe to a network whose provenance says what it is and how good."""

import ctypes
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from firstspike_spec import Dataset, Network, profile, remove_dead_neurons, save_network
from firstspike_spec.common.files import write_file
from firstspike_spec.datasets import load_splits

from ..inference.golden import infer
from ..calibration.output_threshold import decide
from ..recipes.recipe import Recipe, settings_of
from .checkpoint import identity_of, load_checkpoint, save_checkpoint
from .checks import check_test_split
from .export import to_network
from .loop import FLOAT_GRID, Progress, Trained, Training, connectivity
from ..inference.provenance import test_facts, versions

#: Of glibc's ``mallopt`` (its malloc.h).
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3


@dataclass(frozen=True)
class Outcome:
    """What a training gives.

    Attributes
    ----------
    network : Network or None
        Without dead neurons, with the activity that the validation images cause, and with ``facts`` as its provenance;
        none where the recipe asks for float weights.
    facts : dict
        ``recipe``, ``settings``, ``seed``, ``dataset``, ``validation_accuracy`` and ``test_accuracy`` (shares of the
        images, by first spike with early exit), ``test_accuracy_after_all_steps`` (by the largest potential after the
        last step, in place of the first spike), ``test_images``, ``mean_decision_step`` (on the test images),
        ``connectivity_as_trained`` and ``versions``; with a network also ``connectivity``,
        ``synapses`` and ``mean_synaptic_operations``.
    """

    network: Network | None
    facts: dict[str, Any]


@dataclass(frozen=True)
class Files:
    """What a training leaves on disk while it runs.

    Attributes
    ----------
    checkpoint : Path
        From which it goes on after a stop; removed at the end.
    log : Path
        One JSON object: the settings, each epoch's figures, and at the end the outcome's facts.
    """

    checkpoint: Path
    log: Path

    @classmethod
    def beside(cls, out: Path) -> "Files":
        """Return the files of a training whose network will be ``out``."""
        return cls(out.with_suffix(".checkpoint"), out.with_suffix(".log.json"))


def prepare_torch() -> None:
    """Set PyTorch up so that a training is fast and repeatable."""
    torch.set_num_threads(1)  # two threads on two busy cores are many times slower than one; and one is reproducible
    torch.set_flush_denormal(True)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Let glibc keep what is freed for what is asked for next, where there is a glibc.

    By itself it gives large blocks back to the system at once, and each tensor's pages must be made anew: that is a third of
    the time of what a training does with the spikes of maps.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for parameter, size in ((M_MMAP_THRESHOLD, 1 << 30), (M_TRIM_THRESHOLD, (1 << 31) - 1), (M_TOP_PAD, 1 << 26)):
        mallopt(parameter, size)


def choose_device(name: str = "auto") -> str:
    """Return ``"cuda"`` if there is a GPU, else ``"cpu"``, for ``"auto"``; any other name as it is."""
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def train_recipe(
    recipe: Recipe,
    *,
    data: str | os.PathLike | None = None,
    named: bool = False,
    seed: int = 0,
    device: str = "auto",
    files: Files | None = None,
    note: Callable[[Progress], None] = lambda progress: None,
    note_line: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Train, export and measure one network.

    Parameters
    ----------
    recipe : Recipe
    data : path, optional
        Folder of the data set, as for `firstspike_spec.load_dataset`.
    named : bool
        Whether the recipe's data set is asked for, not only meant: then the files in ``data`` must be those.
    seed : int
        The same seed gives the same network, on the same machine and with the same versions.
    device : str
        As for `choose_device`.
    files : Files, optional
        Where to keep the state after each epoch. If there is a checkpoint, the training goes on from it.
    note : callable
        Told of each epoch.
    note_line : callable
        Told of anything else that takes a while or that one should know.

    Raises
    ------
    InputError, InputTypeError
        If the data set is not found or cannot be trained on, or the checkpoint is of another training.
    """
    prepare_torch()
    device = choose_device(device)
    train, test = load_splits(recipe.dataset if named else None, data, usual=recipe.dataset, note=note_line)
    training = Training(recipe, train, seed, device)
    check_test_split(test, train, training.classes)
    identity = identity_of(recipe, train, seed, device)
    state = load_checkpoint(files.checkpoint, identity) if files else None
    epochs: list[dict[str, Any]] = []
    if state is not None:
        epochs = state.pop("epochs")
        training.load_state_dict(state)
        note_line(f"going on after epoch {training.epoch} of {recipe.epochs}, from {files.checkpoint}")

    def keep(progress: Progress) -> None:
        epochs.append(vars(progress))
        if files:
            save_checkpoint(files.checkpoint, training.state_dict() | {"epochs": epochs}, identity)
            _write_log(files.log, identity, epochs, None)
        note(progress)

    outcome = measure(training, training.run(keep), test, seed)
    for doubt in doubts(outcome.facts["validation_accuracy"], training.validation.labels):
        note_line(f"warning: {doubt}")
    if files:
        _write_log(files.log, identity, epochs, outcome.facts)
    return outcome


def train_to_file(recipe: Recipe, out: Path, **options: Any) -> Outcome:
    """Train one network and write it, with its log beside it, going on from the checkpoint there if there is one.

    Parameters
    ----------
    recipe : Recipe
    out : path
        The network's file, which ends with .safetensors; not written where the recipe asks for float weights.
    **options
        Of `train_recipe`, but ``files``.
    """
    files = Files.beside(out)
    outcome = train_recipe(recipe, files=files, **options)
    if outcome.network is not None:
        save_network(outcome.network, out)
    files.checkpoint.unlink(missing_ok=True)  # last: until then the training is not over
    return outcome


def measure(training: Training, trained: Trained, test: Dataset, seed: int) -> Outcome:
    """Export what was trained and measure it on the test split."""
    recipe, classifier = training.recipe, trained.classifier
    settings = settings_of(recipe)
    margins = training.margins(test.images)
    facts = {
        "recipe": recipe.name,
        "settings": settings,
        "seed": seed,
        "dataset": test.name,
        "validation_accuracy": trained.calibration.accuracy,
        "test_accuracy_after_all_steps": _share(margins[-1].argmax(dim=1).numpy() == test.labels),
        "test_images": len(test.images),
        "connectivity_as_trained": connectivity(classifier),
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


def _write_log(path: Path, identity: dict[str, Any], epochs: list[dict[str, Any]], facts: dict[str, Any] | None) -> None:
    text = json.dumps({"training": identity, "epochs": epochs, "outcome": facts}, indent=1)
    write_file(path, text.encode())


def _share(right: np.ndarray) -> float:
    return float(np.mean(right))


def doubts(accuracy: float, labels: np.ndarray) -> list[str]:
    """Return warnings of a training that learned nothing, mostly none.

    A network has learned something if it is right more often than one that always gives the commonest class, by more than
    chance explains (three standard deviations).

    Parameters
    ----------
    accuracy : float
        On the validation images.
    labels : ndarray of int
        Of these.
    """
    commonest = float(np.bincount(labels).max() / len(labels))
    if accuracy > commonest + 3 * (commonest * (1 - commonest) / len(labels)) ** 0.5:
        return []
    return [
        f"{accuracy:.2%} of the validation images are right, and always giving one class is right for {commonest:.2%}: "
        "the network learned nothing; with few images, take smaller batches (--set batch=16), keep more connections "
        "(--set budget=0.3), and do not shorten the training"
    ]
