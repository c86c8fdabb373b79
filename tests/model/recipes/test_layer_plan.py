"""The layers of a recipe's network."""

import pytest

from firstspike_model.recipes.files import load_recipe
from firstspike_model.recipes.layer_plan import plan_layers
from firstspike_spec import InputError, Maps


def test_layers_of_a_recipe():
    """Convolutions first, padded with half of their kernels; a fully connected layer sees all of the remaining maps."""
    recipe = load_recipe(
        "mnist-mlp",
        {"convolution_channels": [16, 32], "kernel_sizes": [5, 3], "strides": [2, 1], "poolings": [1, 1, 2], "hidden": [50]},
    )
    assert plan_layers(recipe, (28, 28), 10) == [
        (Maps(1, 28, 28, 5, 5, stride=2, padding=2), 16),
        (Maps(16, 14, 14, 3, 3, padding=1), 32),
        (Maps.whole(32, 14, 14, 2), 50),
        (Maps.flat(50), 10),
    ]
    assert plan_layers(load_recipe("mnist-mlp"), (28, 28), 10) == [(Maps.flat(784), 800), (Maps.flat(800), 10)]


def test_layers_of_colour_images():
    recipe = load_recipe("mnist-mlp", {"convolution_channels": [6], "kernel_sizes": [3], "hidden": [5]})
    assert [maps.source_shape for maps, _ in plan_layers(recipe, (3, 9, 7), 4)] == [(3, 9, 7), (6, 9, 7), (5, 1, 1)]
    assert plan_layers(load_recipe("mnist-mlp"), (3, 9, 7), 300)[0][0].sources == 189


def test_images_that_are_too_large_are_refused():
    with pytest.raises(
        InputError, match="images of 3 x 224 x 224 have more values than the 65,536 inputs of a network: scale"
    ):
        plan_layers(load_recipe("mnist-mlp"), (3, 224, 224), 10)
