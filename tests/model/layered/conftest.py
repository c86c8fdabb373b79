"""A layered recipe that trains on small patterns in seconds."""

import pytest

from firstspike_model.recipes.layered_recipe import LayeredRecipe


@pytest.fixture(scope="session")
def tiny_layered() -> LayeredRecipe:
    return LayeredRecipe(
        name="digits",
        dataset="digits",
        convolution_channels=(6, 8),
        kernel_sizes=(3, 3),
        max_poolings=(2, 1),
        hidden=(20,),
        time_steps=4,
        input_steps=4,
        dense_epochs=3,
        sparse_epochs=5,
        connections=1500,
        distillation=0.5,
        batch=30,
        validation_images=100,
        largest_shift=0,
        learning_rate=0.1,
        sparse_learning_rate=0.05,
        label_smoothing=0.05,
    )
