"""Grad R moves strengths as the paper says, and the cut keeps exactly the budget."""

import math

import pytest
import torch

from firstspike_model.gradr import GradR, cut_to_budget, prior_centre


def test_step_equals_a_scalar_recomputation():
    """Three steps of Adam on the strength, with the prior beside it, for weights of either sign, one falling dormant."""
    start, rate, alpha = [0.5, -0.5, 0.003, -0.003], 0.01, 0.2
    gradients = [[0.3, 0.3, 1.0, -1.0], [-0.2, 0.1, 1.0, -1.0], [0.1, -0.4, -3.0, 3.0]]
    weights = torch.nn.Parameter(torch.tensor(start))
    gradr = GradR([weights], rate, alpha)
    for gradient in gradients:
        weights.grad = torch.tensor(gradient)
        gradr.step()

    for index, weight in enumerate(start):
        sign, strength, first, second = math.copysign(1, weight), abs(weight), 0.0, 0.0
        for step, gradient in enumerate(gradients, 1):
            slope = sign * gradient[index]
            first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
            strength -= rate * first / (1 - 0.9**step) / (math.sqrt(second / (1 - 0.999**step)) + 1e-8)
            strength -= rate * alpha * math.copysign(1, strength - prior_centre(alpha, 0.95))
        assert gradr.strengths[0][index].item() == pytest.approx(strength, abs=1e-6)
        assert weights[index].item() == pytest.approx(sign * max(strength, 0), abs=1e-6)
    assert weights[2:].tolist() == [0, 0]  # dormant in the end


def test_a_dormant_synapse_comes_back_with_its_old_sign():
    weights = torch.nn.Parameter(torch.tensor([-0.001]))
    gradr = GradR([weights], 0.01, 0.0)
    for gradient, dormant in ((-1.0, True), (1.0, True), (1.0, False), (1.0, False)):
        weights.grad = torch.tensor([gradient])
        gradr.step()
        assert (weights.item() == 0) is dormant or not dormant
    for _ in range(10):
        weights.grad = torch.tensor([1.0])
        gradr.step()
    assert weights.item() < 0


@pytest.mark.parametrize("target", [0.05, 0.5, 0.95])
def test_prior_has_the_share_below_zero(target):
    alpha = 2.0
    centre = torch.tensor(prior_centre(alpha, target), dtype=torch.float64)
    assert torch.distributions.Laplace(centre, 1 / alpha).cdf(torch.tensor(0.0).double()).item() == pytest.approx(target)
    assert prior_centre(0, target) == 0


@pytest.mark.parametrize("connectivity", [0.0, 0.013, 0.1, 0.37, 1.0])
def test_cut_is_exact(connectivity):
    generator = torch.Generator().manual_seed(3)
    weights = [torch.randn(shape, generator=generator) for shape in ((30, 17), (7, 30), (3, 7))]
    masks = cut_to_budget(weights, connectivity)
    total = sum(weight.numel() for weight in weights)
    assert sum(int(mask.sum()) for mask in masks) == math.floor(connectivity * total)
    for weight, mask in zip(weights, masks, strict=True):
        if mask.any() and not mask.all():
            assert weight[mask].abs().min() >= weight[~mask].abs().max()


def test_cut_keeps_what_is_connected_where_the_budget_is_larger():
    weights = [torch.tensor([[0.0, 1.0], [2.0, 0.0]]), torch.zeros(2, 2)]
    masks = cut_to_budget(weights, 0.9)
    assert masks[0].tolist() == [[False, True], [True, False]]
    assert not masks[1].any()
