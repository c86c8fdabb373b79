"""From a recipe to a network whose provenance says what it is and how good."""

import os
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib.metadata import version

import numpy as np
import torch

from firstspike_spec import Network, load_dataset, remove_dead_neurons

from .export import to_network
from .golden import infer
from .recipe import Recipe
from .training import Progress, Training, connectivity


def train_recipe(
    recipe: Recipe,
    *,
    data: str | os.PathLike | None = None,
    seed: int = 0,
    note: Callable[[Progress], None] = lambda progress: None,
    note_download: Callable[[str], None] = lambda text: None,
) -> Network:
    """Train, export and measure one network.

    Parameters
    ----------
    recipe : Recipe
    data : path, optional
        Folder of the data set, as for `firstspike_spec.load_dataset`.
    seed : int
        The same seed gives the same network, on the same machine and with the same versions.
    note : callable
        Told of each epoch.
    note_download : callable
        Told of a download of the data set.

    Returns
    -------
    Network
        Without dead neurons. Its provenance holds ``recipe``, ``settings``, ``seed``, ``dataset``,
        ``validation_accuracy`` and ``test_accuracy`` (shares of the images, by first spike with early exit),
        ``test_images``, ``mean_decision_step`` and ``mean_synaptic_operations`` (on the test images),
        ``connectivity_as_trained``, ``connectivity`` and ``versions``.

    Raises
    ------
    InputError
        If the data set is not found or does not fit.
    """
    torch.set_num_threads(1)  # two threads on two busy cores are many times slower than one; and one is reproducible
    torch.set_flush_denormal(True)
    train, test = (load_dataset(recipe.dataset, split, data, note=note_download) for split in ("train", "test"))
    training = Training(recipe, train, seed, note)
    trained = training.run()
    network = to_network(trained.classifier, trained.encoder, train.images.shape[1:], trained.calibration.lowering)
    network = remove_dead_neurons(network)

    validation = infer(network, training.validation.images)
    inference = infer(network, test.images)
    settings = asdict(recipe) | {"hidden": list(recipe.hidden)}  # as JSON gives it back
    return replace(
        network,
        provenance={
            "recipe": settings.pop("name"),
            "settings": settings,
            "seed": seed,
            "dataset": train.name,
            "validation_accuracy": _share(validation.classes == training.validation.labels),
            "test_accuracy": _share(inference.classes == test.labels),
            "test_images": len(test.images),
            "mean_decision_step": float(inference.decision_steps.mean()),
            "mean_synaptic_operations": float(inference.synaptic_operations.mean()),
            "connectivity_as_trained": connectivity(trained.classifier),
            "connectivity": network.connectivity,
            "versions": {name: version(name) for name in ("firstspike", "torch", "numpy")},
        },
    )


def _share(right: np.ndarray) -> float:
    return float(np.mean(right))
