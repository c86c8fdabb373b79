"""Spikes, their mask and its gradient."""

import math

import pytest
import torch

from firstspike_model.layers.neuron import single_spikes, spiked
from firstspike_model.layers.surrogate import SLOPES, Surrogate
from firstspike_model.recipes.ranges import CHOICES
from firstspike_spec import InputError

EARLIER_IS_BETTER = torch.tensor([4.0, 3.0, 2.0, 1.0])
HALF = Surrogate("fast-sigmoid", 0.5)


def brute_force_spikes(row: list[float]) -> list[int]:
    """The first margin of at least 0 spikes, and nothing after it."""
    first = next((step for step, margin in enumerate(row) if margin >= 0), None)
    return [int(step == first) for step in range(len(row))]


def test_spikes_once_at_the_first_crossing():
    margins = torch.randn(7, 50, 20, generator=torch.Generator().manual_seed(0)) - 0.5
    margins[:, 0, 0], margins[:, 0, 1], margins[2, 0, 0] = -1, -1, 0.0
    spikes = single_spikes(margins, HALF)
    wanted = torch.tensor([[brute_force_spikes(margins[:, b, n].tolist()) for n in range(20)] for b in range(50)])
    assert torch.equal(spikes.permute(1, 2, 0), wanted.float())
    assert torch.equal(spiked(margins, HALF), spikes.cumsum(dim=0))
    assert wanted[0, 0].tolist() == [0, 0, 1, 0, 0, 0, 0]
    assert not wanted[0, 1].any()


def test_forced_spikes_are_those_that_are_left():
    margins = torch.tensor([[-1.0, 0.0, -2.0], [-1.0, 3.0, 1.0], [-1.0, 1.0, 0.0]])
    assert single_spikes(margins[:, None], HALF, forced=True)[:, 0].tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]


#: Integrals of the slopes, from 0, for a distance in widths: the smooth steps that they are the slopes of.
SMOOTH_STEPS = {
    "fast-sigmoid": lambda x: x / (1 + abs(x)),
    "triangle": lambda x: x - x * abs(x) / 2 if abs(x) < 1 else math.copysign(0.5, x),
    "arctan": lambda x: math.atan(x * math.pi / 2) * 2 / math.pi,
    "sigmoid": lambda x: 2 * math.tanh(x / 2),
}


@pytest.mark.parametrize("name", SLOPES)
@pytest.mark.parametrize("which", ["single", "forced", "spiked"])
def test_gradient_equals_finite_differences_of_the_smoothed_neuron(which, name):
    """A neuron whose step function is smooth, computed step by step, with every margin moved in turn."""
    generator = torch.Generator().manual_seed(1)
    surrogate, importance = Surrogate(name, 1.5), torch.randn(5, 6, 4, generator=generator, dtype=torch.float64)
    margins = torch.randn(5, 6, 4, generator=generator, dtype=torch.float64) - 0.3
    leaf = margins.clone().requires_grad_()
    spikes = spiked(leaf, surrogate) if which == "spiked" else single_spikes(leaf, surrogate, which == "forced")
    (spikes * importance).sum().backward()

    def smoothed(row: list[float]) -> list[float]:
        by_now = [1.5 * SMOOTH_STEPS[name](max(row[: step + 1]) / 1.5) for step in range(len(row))]
        if which == "spiked":
            return by_now
        if which == "forced":
            by_now[-1] = 1.0
        return [now - before for now, before in zip(by_now, [0.0, *by_now], strict=False)]

    def value(batch: int, neuron: int, step: int, shift: float) -> float:
        row = margins[:, batch, neuron].tolist()
        row[step] += shift
        return sum(spike * weight for spike, weight in zip(smoothed(row), importance[:, batch, neuron].tolist(), strict=True))

    compared = 0
    for step in range(5):
        for batch in range(6):
            for neuron in range(4):
                slope = (value(batch, neuron, step, 1e-6) - value(batch, neuron, step, -1e-6)) / 2e-6
                assert leaf.grad[step, batch, neuron].item() == pytest.approx(slope, abs=1e-5)
                compared += 1
    assert compared == 120
    learning = (leaf.grad != 0).any(dim=(1, 2)).tolist()
    assert learning == [True] * 4 + [which != "forced"]  # a forced spike asks no potential


def readout(margins: torch.Tensor, spikes_of=single_spikes) -> torch.Tensor:
    return (spikes_of(margins[:, None, None], HALF)[:, 0, 0] * EARLIER_IS_BETTER).sum()


@pytest.mark.parametrize("start", [-1.2, -0.8, -0.3, 0.1, 0.6])
def test_gradient_has_the_sign_of_the_noisy_model(start):
    """The exact dynamics, averaged over a noisy initial potential, can be differentiated by finite differences."""
    rise = torch.tensor([0.0, 0.4, 0.8, 1.2])
    noise = torch.linspace(-1, 1, 401)
    smoothed = [sum(readout(start + rise + shift + n) for n in noise) / len(noise) for shift in (-0.1, 0.1)]
    slope = (smoothed[1] - smoothed[0]) / 0.2
    potential = torch.tensor(start, requires_grad=True)
    readout(potential + rise).backward()
    assert slope > 0
    assert potential.grad > 0


def masked_by_its_own_spikes(margins: torch.Tensor, surrogate: Surrogate) -> torch.Tensor:
    """The wrong way: the mask follows the masked spike."""
    waiting = torch.ones_like(margins[0])
    spikes = []
    for margin in margins:
        spikes.append(single_spikes(margin[None], surrogate)[0] * waiting)
        waiting = waiting * (1 - spikes[-1])
    return torch.stack(spikes)


def test_the_chained_mask_would_have_the_wrong_sign():
    potential = torch.tensor(0.1, requires_grad=True)
    rise = torch.tensor([0.0, 0.4, 0.8, 1.2])
    value = readout(potential + rise, masked_by_its_own_spikes)
    assert value == readout(potential + rise)
    value.backward()
    assert potential.grad < 0


def test_slopes_are_those_of_their_formulas():
    margins = [-1.0, -0.5, 0.0, 0.25, 1.5]
    distances = [abs(margin) / 0.5 for margin in margins]
    logistic = [1 / (1 + math.exp(-x)) for x in distances]
    wanted = {
        "fast-sigmoid": [1 / (1 + x) ** 2 for x in distances],
        "triangle": [max(0, 1 - x) for x in distances],
        "arctan": [1 / (1 + (x * math.pi / 2) ** 2) for x in distances],
        "sigmoid": [4 * s * (1 - s) for s in logistic],
    }
    assert tuple(SLOPES) == tuple(wanted) == CHOICES["surrogate"]
    for name, slopes in wanted.items():
        assert Surrogate(name, 0.5).slope(torch.tensor(margins)).tolist() == pytest.approx(slopes, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "width", "message"),
    [("step", 1.0, "surrogate must be one of fast-sigmoid, .*, not 'step'"), ("arctan", 0, "width must be above 0, not 0")],
)
def test_a_wrong_surrogate_is_refused(name, width, message):
    with pytest.raises(InputError, match=message):
        Surrogate(name, width)
