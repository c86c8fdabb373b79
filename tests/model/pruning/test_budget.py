"""The cut keeps exactly the budget, and the output layer gets its part of it."""

import math

import pytest
import torch

from firstspike_model.pruning import cut_to_budget, layer_budgets
from firstspike_spec import InputError

from .masks import check_strongest


def random_layers() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(shape, generator=generator) for shape in ((30, 17), (7, 30), (3, 7))]


@pytest.mark.parametrize("connectivity", [0.0, 0.013, 0.1, 0.37, 1.0])
def test_cut_is_exact(connectivity):
    weights = random_layers()
    masks = cut_to_budget(weights, connectivity)
    assert sum(int(mask.sum()) for mask in masks) == math.floor(connectivity * sum(weight.numel() for weight in weights))
    for weight, mask in zip(weights, masks, strict=True):
        check_strongest(weight, mask)


def test_cut_is_exact_for_each_layer():
    weights, budgets = random_layers(), (0.05, 0.5, 1.0)
    masks = cut_to_budget(weights, budgets)
    for weight, mask, budget in zip(weights, masks, budgets, strict=True):
        assert int(mask.sum()) == math.floor(budget * weight.numel())
        check_strongest(weight, mask)


def test_cut_keeps_what_is_connected_where_the_budget_is_larger():
    weights = [torch.tensor([[0.0, 1.0], [2.0, 0.0]]), torch.zeros(2, 2)]
    masks = cut_to_budget(weights, 0.9)
    assert masks[0].tolist() == [[0, 1], [1, 0]]
    assert not masks[1].any()


@pytest.mark.parametrize(
    ("budget", "message"), [((0.1, 0.1), "one for each of 3 layers, not 2"), (1.5, r"in 0 \.\. 1, not 1.5")]
)
def test_wrong_budgets_are_refused(budget, message):
    with pytest.raises(InputError, match=message):
        cut_to_budget(random_layers(), budget)


@pytest.mark.parametrize(
    ("budget", "part", "kept"),
    [
        (0.05, 0.22, (31760 - 6987, 6987)),
        (0.02, 0.5, (6352, 6352)),
        (0.05, 0.5, (31760 - 8000, 8000)),  # no room for half in the output layer
        (0.01, 0.0, (6351, 1)),  # never nothing
        (1.0, 0.01, (627200, 8000)),  # no room for the rest in the other
    ],
)
def test_the_output_layer_gets_its_part(budget, part, kept):
    counts = [627200, 8000]
    shares = layer_budgets(budget, part, counts)
    generator = torch.Generator().manual_seed(0)
    masks = cut_to_budget([torch.rand(count, generator=generator) + 0.1 for count in counts], shares)
    assert tuple(int(mask.sum()) for mask in masks) == kept


def test_the_output_layers_part_leaves_the_others_even():
    counts = [1000, 500, 100]
    first, second, last = layer_budgets(0.1, 0.25, counts)
    assert first == second == 120 / 1500
    assert last == 40 / 100
    shares = layer_budgets(0.3, 0.2, [64 * 20, 20 * 15, 15 * 10])
    assert sum(round(share * count) for share, count in zip(shares, [1280, 300, 150], strict=True)) == 519
    assert layer_budgets(0.01, 0.001, counts)[-1] == 1 / 100  # never nothing
