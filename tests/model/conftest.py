"""What the tests of the model share."""

from pathlib import Path

import numpy as np
import pytest
import torch

from firstspike_model.recipes.recipe import Recipe
from firstspike_model.workflow.training import train_recipe
from firstspike_spec import Network, load_network

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shipped_network() -> Network:
    return load_network(ROOT / "networks" / "mnist-mlp.safetensors")


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory) -> Path:
    """A data set in the IDX format: ten blurred patterns of 8 by 8 pixels under noise, 1,000 and 300 images."""
    folder = tmp_path_factory.mktemp("digits")
    generator = np.random.default_rng(0)
    patterns = generator.integers(0, 256, (10, 8, 8)) * (generator.random((10, 8, 8)) < 0.4)
    for prefix, count in (("train", 1000), ("t10k", 300)):
        labels = generator.integers(0, 10, count)
        images = np.clip(patterns[labels] + generator.normal(0, 40, (count, 8, 8)), 0, 255)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
            (folder / f"{prefix}-{kind}-ubyte").write_bytes(header + array.astype(np.uint8).tobytes())
    return folder


@pytest.fixture(scope="session")
def tiny_recipe() -> Recipe:
    """A recipe that trains on `digits_folder` in a second."""
    return Recipe(
        name="digits",
        dataset="digits",
        validation_images=100,
        largest_shift=0,
        hidden=(30,),
        time_steps=4,
        budget=0.3,
        batch=16,
        prune_epochs=2,
        refine_epochs=2,
        alpha=0.04,
    )


@pytest.fixture(scope="session")
def network(tiny_recipe, digits_folder) -> Network:
    """What `tiny_recipe` trains, with seed 4."""
    return train_recipe(tiny_recipe, data=digits_folder, seed=4).network
