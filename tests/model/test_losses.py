"""Losses, initialisation, shifts and calibration, each on values worked out by hand or another way."""

import math

import pytest
import torch
from torch.nn import functional

from firstspike_model.augmentation import RandomShifts
from firstspike_model.calibration import calibrate
from firstspike_model.initialisation import initialise_weights
from firstspike_model.losses import step_loss, temporal_loss


def test_step_loss_weights_the_last_step_most():
    potentials = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 3, 0])
    each = [functional.cross_entropy(step, labels).item() for step in potentials]
    assert step_loss(potentials, labels, 3.0).item() == pytest.approx((each[0] + 2 * each[1] + 3 * each[2]) / 6)


def test_temporal_loss_prefers_the_earlier_spike():
    spikes = torch.zeros(4, 1, 2)
    spikes[1, 0, 0] = spikes[3, 0, 1] = 1
    expected = -math.log(math.exp(3 * 0.75) / (math.exp(3 * 0.75) + math.exp(3 * 0.25)))
    assert temporal_loss(spikes, torch.tensor([0]), 3.0).item() == pytest.approx(expected)


def test_initialisation_has_the_variance_of_ettfs():
    weights = torch.empty(300, 400)
    initialise_weights(weights, 8, torch.Generator().manual_seed(0))
    assert weights.var().item() == pytest.approx(8 / 400, rel=0.02)


def test_shifts_move_whole_images():
    image = torch.zeros(1, 5, 6, dtype=torch.uint8)
    image[0, 2, 3] = 200
    shifts = RandomShifts(image, 2, torch.Generator().manual_seed(0))
    taken = shifts.take(torch.zeros(500, dtype=torch.int64))
    assert taken.shape == (500, 5, 6)
    places = {tuple(place.tolist()[1:]) for place in torch.nonzero(taken)}
    assert places == {(row, column) for row in range(5) for column in range(1, 6)}
    assert (taken.sum(dim=(1, 2)) == 200).all()
    assert torch.equal(RandomShifts(image, 0, torch.Generator()).take(torch.tensor([0])), image)


def test_calibration_takes_the_earliest_decision_that_is_good_enough():
    # Image 0 is right from the start; image 1 only from the second step on, where its rival is overtaken.
    margins = torch.tensor([[[5.0, 0.0], [2.0, 1.0]], [[5.0, 0.0], [3.0, 4.0]]])
    labels = torch.tensor([0, 1])
    patient = calibrate(margins, labels, 0.0)
    assert (patient.accuracy, patient.mean_decision_step) == (1.0, 0.5)
    assert 2 < patient.lowering <= 5
    hasty = calibrate(margins, labels, 0.5)
    assert (hasty.accuracy, hasty.mean_decision_step) == (0.5, 0.0)
