"""Networks from recipes: sizes, budgets, and a first layer that whitens."""

from dataclasses import replace

import pytest
import torch

from firstspike_model.layered.network import build_network, connection_budgets
from firstspike_model.layered.whitening import whitening_kernels
from firstspike_spec import InputError

IMAGES = torch.randint(0, 256, (50, 3, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_whitened_patches_have_no_correlation_and_equal_variance():
    generator = torch.Generator().manual_seed(1)
    smooth = torch.nn.functional.avg_pool2d(torch.randn(400, 3, 10, 10, generator=generator), 3, 1)
    kernels = whitening_kernels(smooth, 24)
    assert torch.equal(kernels[:12], -kernels[12:])
    sums = torch.nn.functional.conv2d(smooth, kernels[:12], stride=2).movedim(1, 0).flatten(1)
    covariance = sums @ sums.T / sums.shape[1]
    assert torch.allclose(covariance, torch.eye(12), atol=0.08)


def test_shapes(tiny_layered):
    recipe = replace(tiny_layered, whitened_channels=24, kernel_sizes=(3, 5), strides=(1, 2))
    layers = build_network(recipe, IMAGES, 7).layers
    assert [layer.spike_shape for layer in layers] == [(24, 11, 11), (6, 5, 5), (8, 3, 3), (20, 1, 1), (7, 1, 1)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_poolings": (8, 2)}, "convolution 1 pools 2 x 2 of maps of 1 x 1"),
        ({"connections": 3}, "connections = 3 leaves none for some layers"),
    ],
)
def test_recipes_that_do_not_fit_the_images(tiny_layered, changes, message):
    with pytest.raises(InputError, match=message):
        connection_budgets(replace(tiny_layered, **changes), build_network(replace(tiny_layered, **changes), IMAGES, 7))


@pytest.mark.parametrize("connections", [300, 1000, 2500, 10**6])
@pytest.mark.parametrize("spread", [0.0, 0.7])
def test_budgets_add_up_to_the_connections(tiny_layered, connections, spread):
    recipe = replace(tiny_layered, connections=connections, spread=spread)
    network = build_network(recipe, IMAGES, 7)
    counts = [layer.anchor.weight.numel() for layer in network.layers]
    kept = [round(share * count) for share, count in zip(connection_budgets(recipe, network), counts, strict=True)]
    assert min(connections, sum(counts)) - len(counts) <= sum(kept) <= connections
    assert all(0 < number <= count for number, count in zip(kept, counts, strict=True))


def test_a_larger_spread_takes_from_large_maps(tiny_layered):
    shares = []
    for spread in (0.0, 0.7):
        recipe = replace(tiny_layered, spread=spread)
        shares.append(connection_budgets(recipe, build_network(recipe, IMAGES, 7)))
    assert shares[1][1] < shares[0][1]
    assert shares[1][3] >= shares[0][3]
