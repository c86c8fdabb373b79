"""Spikes, their mask and its gradient."""

import pytest
import torch

from firstspike_model.neuron import single_spikes
from firstspike_model.surrogate import spike

EARLIER_IS_BETTER = torch.tensor([4.0, 3.0, 2.0, 1.0])


def readout(margins: torch.Tensor, spikes_of=single_spikes) -> torch.Tensor:
    return (spikes_of(margins[:, None, None], 0.5)[:, 0, 0] * EARLIER_IS_BETTER).sum()


def masked_by_its_own_spikes(margins: torch.Tensor, width: float) -> torch.Tensor:
    """The wrong way: the mask follows the masked spike."""
    waiting = torch.ones_like(margins[0])
    spikes = []
    for margin in margins:
        spikes.append(spike(margin, width) * waiting)
        waiting = waiting * (1 - spikes[-1])
    return torch.stack(spikes)


def test_spikes_once_at_the_first_crossing():
    margins = torch.tensor([[-1.0, 0.0, -2.0, -1.0], [2.0, 3.0, -1.0, -1.0], [-1.0, 1.0, 0.0, -1.0]])
    assert single_spikes(margins[:, None], 1.0)[:, 0].tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]]


@pytest.mark.parametrize("start", [-1.2, -0.8, -0.3, 0.1, 0.6])
def test_gradient_has_the_sign_of_the_smoothed_slope(start):
    """The exact dynamics, averaged over a noisy start potential, can be differentiated by finite differences."""
    rise = torch.tensor([0.0, 0.4, 0.8, 1.2])
    noise = torch.linspace(-1, 1, 401)
    smoothed = [sum(readout(start + rise + shift + n) for n in noise) / len(noise) for shift in (-0.1, 0.1)]
    slope = (smoothed[1] - smoothed[0]) / 0.2
    potential = torch.tensor(start, requires_grad=True)
    readout(potential + rise).backward()
    assert slope > 0
    assert potential.grad > 0


def test_the_chained_mask_would_have_the_wrong_sign():
    potential = torch.tensor(0.1, requires_grad=True)
    rise = torch.tensor([0.0, 0.4, 0.8, 1.2])
    value = readout(potential + rise, masked_by_its_own_spikes)
    assert value == readout(potential + rise)
    value.backward()
    assert potential.grad < 0


def test_surrogate_gradient_is_that_of_the_fast_sigmoid():
    margins = torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.5], requires_grad=True)
    spikes = spike(margins, 0.5)
    assert spikes.tolist() == [0, 0, 1, 1, 1]
    spikes.sum().backward()
    assert margins.grad.tolist() == pytest.approx([1 / 9, 1 / 4, 1, 1 / 4, 1 / 16])
