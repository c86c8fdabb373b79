"""Which images of a training split are held back from training, for validation and calibration."""

from typing import Any, TypeGuard

import numpy as np
import torch

from firstspike_spec import Dataset, InputError, Network


def hold_back(images: int, validation_images: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the indices of the images to train on, and of those held back: the generator's first draw."""
    order = torch.randperm(images, generator=generator)
    return order[:-validation_images], order[-validation_images:]


def held_back_images(network: Network, training: Dataset, count: int = 5000) -> Dataset:
    """Return images of the training split on which a network may be calibrated.

    These are the images that the network's own training held back, if its provenance says which
    (`firstspike_model.workflow.training`). Otherwise they are the last ``count`` images, but at most a sixth of all.

    Raises
    ------
    InputError
        If there are fewer than 6 images.
    """
    held = _seed_and_size(network.provenance, training)
    if held is not None:
        seed, size = held
        chosen = hold_back(len(training.images), size, torch.Generator().manual_seed(seed))[1].numpy()
    else:
        size = min(count, len(training.images) // 6)
        if size == 0:
            raise InputError(f"{training.name} has {len(training.images)} training images; calibration needs 6 or more")
        chosen = np.arange(len(training.images) - size, len(training.images))
    return training.at(chosen)


def _seed_and_size(facts: dict[str, Any], training: Dataset) -> tuple[int, int] | None:
    """Return the seed and the number of images held back, or ``None`` if the provenance holds none that fit this split."""
    settings = facts.get("settings")
    seed, size = facts.get("seed"), settings.get("validation_images") if isinstance(settings, dict) else None
    if facts.get("dataset") != training.name or not (_is_whole(seed) and _is_whole(size)):
        return None
    return (seed, size) if 0 <= seed < 1 << 63 and 0 < size < len(training.images) else None


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
