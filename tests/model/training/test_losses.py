"""Losses, on values worked out by hand."""

import math
from itertools import pairwise

import pytest
import torch
from torch.nn import functional

from firstspike_model.recipes.ranges import CHOICES
from firstspike_model.training.losses import DECODINGS, potential_loss, spike_loss


def test_potential_loss_weights_the_last_step_most():
    potentials = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 3, 0])
    each = [functional.cross_entropy(step, labels).item() for step in potentials]
    assert potential_loss(potentials, labels, 3.0).item() == pytest.approx((each[0] + 2 * each[1] + 3 * each[2]) / 6)


@pytest.mark.parametrize(("decoding", "logits"), [("temporal", (3 * 0.75, 3 * 0.25)), ("count", (3, 3))])
def test_spike_loss_decodes_the_first_spikes(decoding, logits):
    spikes = torch.zeros(4, 1, 2)
    spikes[1, 0, 0] = spikes[3, 0, 1] = 1
    expected = -math.log(math.exp(logits[0]) / (math.exp(logits[0]) + math.exp(logits[1])))
    assert spike_loss(spikes, torch.tensor([0]), decoding, 3.0).item() == pytest.approx(expected)


@pytest.mark.parametrize("time_steps", [2, 4, 16])
def test_temporal_weights_strictly_decrease(time_steps):
    weights = DECODINGS["temporal"](time_steps, 2.0).tolist()
    assert weights[0] == 2.0
    assert all(late < early for early, late in pairwise(weights))
    assert weights[-1] > 0
    assert tuple(DECODINGS) == CHOICES["decoding"]
