"""From a recipe to the layers of its network."""

import math

from firstspike_spec import InputError, Maps
from firstspike_spec.network.maps import MAX_NEURONS

from .recipe import Recipe


def plan_layers(recipe: Recipe, image_shape: tuple[int, ...], classes: int) -> list[tuple[Maps, int]]:
    """Return the layers of the network that a recipe trains.

    Parameters
    ----------
    recipe : Recipe
    image_shape : tuple of int
        (height, width) or (channels, height, width).
    classes : int

    Returns
    -------
    list of (Maps, int)
        For each layer: its maps (how sources and neurons lie) and its number of target channels.

    Raises
    ------
    InputError
        If the images have too many values, or a layer too many neurons; the message names it.
    """
    if math.prod(image_shape) > MAX_NEURONS:
        sides = " x ".join(map(str, image_shape))
        raise InputError(f"images of {sides} have more values than the {MAX_NEURONS:,} inputs of a network: scale them down")
    channels, height, width = (1,) * (3 - len(image_shape)) + image_shape
    layers: list[tuple[Maps, int]] = []
    count = len(recipe.convolution_channels)
    strides, poolings = recipe.strides or (1,) * count, recipe.poolings or (1,) * (count + 1)
    for targets, kernel, stride, pooling in zip(
        recipe.convolution_channels, recipe.kernel_sizes, strides, poolings[:-1], strict=True
    ):
        try:
            maps = Maps(channels, height, width, kernel, kernel, pooling, stride, padding=kernel // 2)
        except InputError as error:
            raise InputError(f"convolution {len(layers)}: {error}; use fewer channels, or pool more") from error
        layers.append((maps, targets))
        channels, height, width = targets, maps.target_height, maps.target_width
    maps = Maps.whole(channels, height, width, poolings[-1]) if count else Maps.flat(channels * height * width)
    for neurons in (*recipe.hidden, classes):
        layers.append((maps, neurons))
        maps = Maps.flat(neurons)
    return layers
