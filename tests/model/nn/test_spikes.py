"""The spike activation rounds to the nearest level, and its gradients are those of its docstring."""

import math

import pytest
import torch

from firstspike_model.nn import Spikes, base_two_kernel, linear_kernel

KERNELS = [linear_kernel(4), linear_kernel(8), base_two_kernel(2), base_two_kernel(6), [9, 5, 4, 1]]


def nearest(value: float, step: float, kernel) -> int:
    """The level that is nearest, of two the larger, by looking at all."""
    return min((abs(value / step - level), -level) for level in [0, *map(int, kernel)])[1] * -1


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
@pytest.mark.parametrize("step", [0.25, 0.4])
def test_each_potential_becomes_the_nearest_level(kernel, step):
    values = torch.arange(-3 * 64, 64 * 64, 8) / 64 * step
    levels, unit = Spikes(kernel, step=step).levels(values[None])
    assert unit.item() == pytest.approx(step)
    halves = {(a + b) / 2 for a, b in zip([*kernel, 0], [*kernel, 0][1:], strict=False)}
    seen = set()
    for value, level in zip(values.tolist(), levels[0].tolist(), strict=True):
        if step == 0.4 and min(abs(value / step - half) for half in halves) < 1e-5:
            continue  # 0.4 is no exact float32; 0.25 tests ties
        assert level == nearest(value, step, kernel)
        seen.add(level)
    assert seen == {0, *map(int, kernel)}


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_gradients(kernel):
    """To potentials: 1 within the window. To the step: LSQ's, as its paper gives it (equation 3), over all neurons."""
    step, highest = 0.5, int(kernel[0])
    spikes = Spikes(kernel, step=step, below=0.25, above=0.5)
    # A little off the window's ends, and beyond them.
    values = torch.tensor([[-0.3, -0.2, 0.1, 0.9, highest + 0.4, highest + 0.6]]) * step
    values.requires_grad_()
    output = spikes(values)
    slopes = torch.tensor([[1.0, 2.0, -3.0, 4.0, 5.0, 6.0]])
    (output * slopes).sum().backward()
    inside = torch.tensor([[0.0, 1, 1, 1, 1, 0]])
    assert torch.equal(values.grad, slopes * inside)
    rounded = torch.tensor([[nearest(value, step, kernel) for value in values[0].tolist()]])
    by_step = rounded - inside * values.detach() / step
    by_step = (slopes * by_step).sum().item() / math.sqrt(6 * highest)
    assert spikes.log_step.grad.item() == pytest.approx(step * by_step, rel=1e-5)


def test_a_smooth_gradient_rises_from_below_to_above_zero():
    spikes = Spikes(4, step=0.5, below=0.8, smooth=True)
    values = (torch.tensor([[-0.9, -0.8, -0.4, 0.0, 0.4, 0.9, 3.9, 4.1]]) * 0.5).requires_grad_()
    spikes(values).sum().backward()
    assert values.grad[0].tolist() == pytest.approx([0, 0, 0.25, 0.5, 0.75, 1, 1, 0], abs=1e-6)


def test_the_default_step_puts_the_highest_level_at_3_2():
    for kernel in KERNELS:
        spikes = Spikes(kernel)
        assert spikes.step.item() * int(kernel[0]) == pytest.approx(3.2)
        assert spikes.log_step.requires_grad
    assert not Spikes(learn_step=False).log_step.requires_grad


def test_levels_are_exact_in_short_floats():
    values = torch.linspace(-1, 40, 500).to(torch.bfloat16)[None]
    for kernel in KERNELS:
        levels, _ = Spikes(kernel, step=1.0).levels(values)
        assert levels.dtype == torch.bfloat16
        assert set(levels.unique().tolist()) == {0, *map(int, kernel)}
