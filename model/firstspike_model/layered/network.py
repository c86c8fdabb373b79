"""From a recipe to a layered network in PyTorch."""

import numpy as np
import torch
from torch import nn as torch_nn

from firstspike_spec import InputError, InputTypeError, base_two_kernel, linear_kernel
from firstspike_spec.network.base import image_maps

from .. import nn
from ..nn.modules import Synapses
from ..recipes.layered_recipe import LayeredRecipe
from .whitening import WHITENED_SIDE, whitening_kernels

#: Momentum of batch normalisation's running statistics: short enough for short trainings.
STATISTICS_MOMENTUM = 0.4


def build_network(recipe: LayeredRecipe, images: torch.Tensor, classes: int) -> nn.Sequential:
    """Return the network that a recipe trains, with new weights.

    Convolutions begin with kernels that pass their first channels on unchanged, beside PyTorch's own noise.

    Parameters
    ----------
    recipe : LayeredRecipe
    images : Tensor of uint8, shape (count, height, width) or (count, channels, height, width)
        Of the training; they give the mean and the deviation of each channel.
    classes : int

    Raises
    ------
    InputError
        If the maps become too small, or a layer too large; the message names it.
    """
    shape = tuple(images.shape[1:])
    channels, height, width = image_maps(shape)
    pixels = images.reshape(len(images), channels, -1).movedim(1, 0).reshape(channels, -1)
    means = [float(values.numpy().mean()) / 255 for values in pixels]
    deviations = [max(1e-3, float(values.numpy().std()) / 255) for values in pixels]
    encoder = nn.LatencyEncoder(shape, recipe.input_steps, mean=means, std=deviations)
    modules: list[torch_nn.Module] = [encoder]
    if recipe.whitened_channels:
        kernels = whitening_kernels(encoder(images[:5000]), recipe.whitened_channels)
        first = nn.Conv2d(channels, recipe.whitened_channels, WHITENED_SIDE)
        with torch.no_grad():
            first.weight.copy_(kernels)
            if first.bias is not None:
                first.bias.zero_()
        first.weight.requires_grad_(False)
        modules += [first, _spikes(recipe)]
        channels, height, width = recipe.whitened_channels, height - WHITENED_SIDE + 1, width - WHITENED_SIDE + 1
    count = len(recipe.convolution_channels)
    strides, poolings = recipe.strides or (1,) * count, recipe.max_poolings or (1,) * count
    for number, (targets, kernel, stride, pooling) in enumerate(
        zip(recipe.convolution_channels, recipe.kernel_sizes, strides, poolings, strict=True)
    ):
        if min(height, width) + 2 * (kernel // 2) < kernel:
            raise InputError(f"convolution {number} has a kernel of {kernel}, and maps of {height} x {width}; make it smaller")
        convolution = nn.Conv2d(channels, targets, kernel, stride, padding=kernel // 2, bias=False)
        if kernel % 2:
            torch_nn.init.dirac_(convolution.weight.data[:channels])
        height, width = ((side + 2 * (kernel // 2) - kernel) // stride + 1 for side in (height, width))
        if pooling > min(height, width):
            raise InputError(f"convolution {number} pools {pooling} x {pooling} of maps of {height} x {width}; pool less")
        modules += [
            convolution,
            *([nn.MaxPool2d(pooling)] if pooling > 1 else []),
            _norm(targets, flat=False),
            _spikes(recipe),
        ]
        channels, height, width = targets, height // pooling, width // pooling
    modules.append(nn.Flatten())
    neurons = channels * height * width
    for targets in recipe.hidden:
        modules += [nn.Linear(neurons, targets, bias=False), _norm(targets, flat=True), _spikes(recipe)]
        neurons = targets
    modules.append(nn.Linear(neurons, classes, bias=False))
    try:
        network = nn.Sequential(*modules)
    except (InputError, InputTypeError) as error:
        raise type(error)(f"recipe {recipe.name}: {error}") from error
    return network


def trained_synapses(network: nn.Sequential) -> list[Synapses]:
    """Return the modules whose weights are trained, one for each layer."""
    return [layer.anchor for layer in network.layers if layer.anchor.weight.requires_grad]


def connection_budgets(recipe: LayeredRecipe, network: nn.Sequential) -> list[float]:
    """Return the share of its connections that each trained layer keeps.

    Raises
    ------
    InputError
        If the recipe keeps fewer connections than the layers that are not pruned have, or none of a layer.
    """
    synapses = trained_synapses(network)
    if not recipe.connections:
        return [1.0] * len(synapses)
    counts = [module.weight.numel() for module in synapses]
    if isinstance(recipe.connections, tuple):
        return [min(1.0, wanted / count) if wanted else 1.0 for wanted, count in zip(recipe.connections, counts, strict=True)]
    fixed = sum(layer.anchor.weight.numel() for layer in network.layers if not layer.anchor.weight.requires_grad)
    keep = recipe.connections - fixed
    if keep < len(counts):
        raise InputError(f"connections = {recipe.connections:,} leaves none for some layers ({fixed:,} are fixed); keep more")
    if keep >= sum(counts):
        return [1.0] * len(synapses)
    positions = [layer.branches[0].maps.positions for layer in network.layers if layer.anchor.weight.requires_grad]
    scores = [sum(module.weight.shape) / place**recipe.spread for module, place in zip(synapses, positions, strict=True)]
    low, high = 0.0, 1e12
    for _ in range(100):
        middle = (low + high) / 2
        kept = sum(min(count, middle * score) for count, score in zip(counts, scores, strict=True))
        low, high = (middle, high) if kept <= keep else (low, middle)
    whole = [max(1, min(count, int(low * score))) for count, score in zip(counts, scores, strict=True)]
    while (left := keep - sum(whole)) != 0:  # rounding: the layers with most room take or give one each
        room = np.argsort([number - count if left > 0 else -number for number, count in zip(whole, counts, strict=True)])
        for number in room[: abs(left)]:
            whole[int(number)] += 1 if left > 0 else -1
    return [number / count for number, count in zip(whole, counts, strict=True)]


def _spikes(recipe: LayeredRecipe) -> nn.Spikes:
    kernel = linear_kernel(recipe.time_steps) if recipe.kernel == "linear" else base_two_kernel(recipe.time_steps)
    step = recipe.highest_level / int(kernel[0])
    below = 0.4 / step if recipe.smooth else 0.25
    return nn.Spikes(kernel, step=step, learn_step=False, below=below, smooth=recipe.smooth)


def _norm(channels: int, flat: bool) -> torch_nn.Module:
    made = nn.BatchNorm1d if flat else nn.BatchNorm2d
    return made(channels, momentum=STATISTICS_MOMENTUM, learn_gain=False)
