"""Checkpoints: the state of a training on disk, from which it continues without a difference."""

import hashlib
import io
import pickle
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from firstspike_spec import Dataset, InputError
from firstspike_spec.common.files import write_file

from ..recipes.layered_recipe import SPARSE_SETTINGS, LayeredRecipe
from ..recipes.recipe import Recipe
from ..recipes.settings import settings_of


def identity_of(recipe: Recipe | LayeredRecipe, dataset: Dataset, seed: int, device: str) -> dict[str, Any]:
    """Return what decides every bit of a training's result: to continue a training, all of it must be the same."""
    digest = hashlib.sha256(dataset.images.tobytes() + dataset.labels.tobytes())
    return {
        "recipe": recipe.name,
        **settings_of(recipe),
        "seed": seed,
        "device": device,
        "training data": digest.hexdigest()[:16],
        **{f"version of {name}": version(name) for name in ("firstspike", "torch")},
    }


def dense_identity_of(recipe: LayeredRecipe, dataset: Dataset, seed: int, device: str) -> dict[str, Any]:
    """Return what decides every bit of the dense phase of a layered training: recipes that differ only later share it."""
    identity = identity_of(recipe, dataset, seed, device)
    return {key: value for key, value in identity.items() if key not in SPARSE_SETTINGS and key != "recipe"}


def save_checkpoint(path: Path, state: dict[str, Any], identity: dict[str, Any]) -> None:
    """Write the state of a training (tensors, numbers and strings), completely or not at all."""
    content = io.BytesIO()
    torch.save({"state": state, "identity": identity}, content)
    write_file(path, content.getvalue())


def load_checkpoint(path: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    """Return the state of a stopped training, or ``None`` if there is no such file.

    Raises
    ------
    InputError
        If the file is damaged, or belongs to another training; the message says what differs.
    """
    if not path.exists():
        return None
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        state, theirs = saved["state"], saved["identity"]
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        raise InputError(f"{path} is not a checkpoint, or is damaged ({error}); start again with --fresh") from error
    different = [
        f"{key} was {theirs.get(key)!r}, is {identity.get(key)!r} now"
        for key in {**theirs, **identity}
        if theirs.get(key) != identity.get(key)
    ]
    if different:
        raise InputError(
            f"{path} belongs to another training ({'; '.join(different)}); start again with --fresh, or name another --out"
        )
    return state
