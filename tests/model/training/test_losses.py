"""Losses, variations and calibration, each on values worked out by hand or another way."""

import math
from itertools import pairwise

import pytest
import torch
from torch.nn import functional

from firstspike_model.calibration.output_threshold import Target, calibrate, decide
from firstspike_model.recipes.ranges import CHOICES
from firstspike_model.training.augmentation import RandomVariations
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


def test_shifts_move_whole_images():
    image = torch.zeros(1, 5, 6, dtype=torch.uint8)
    image[0, 2, 3] = 200
    taken = RandomVariations(image, 2, False, 0, torch.Generator().manual_seed(0)).take(torch.zeros(500, dtype=torch.int64))
    assert taken.shape == (500, 5, 6)
    places = {tuple(place.tolist()[1:]) for place in torch.nonzero(taken)}
    assert places == {(row, column) for row in range(5) for column in range(1, 6)}
    assert (taken.sum(dim=(1, 2)) == 200).all()
    assert torch.equal(RandomVariations(image, 0, False, 0, torch.Generator()).take(torch.tensor([0])), image)


def test_half_of_the_images_are_mirrored():
    image = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 4)
    taken = RandomVariations(image, 0, True, 0, torch.Generator().manual_seed(0)).take(torch.zeros(400, dtype=torch.int64))
    mirrored = (taken == image.flip(2)).all(dim=(1, 2))
    assert torch.equal(~mirrored, (taken == image).all(dim=(1, 2)))
    assert 150 < mirrored.sum() < 250


def test_brightness_multiplies_each_image_by_its_own_factor():
    image = torch.tensor([[[0, 1, 100, 200]]], dtype=torch.uint8)
    taken = RandomVariations(image, 0, False, 0.5, torch.Generator().manual_seed(0)).take(torch.zeros(400, dtype=torch.int64))
    factors = taken[:, 0, 2] / 100
    assert factors.min() < 0.63
    assert factors.max() > 1.6
    assert (factors.log().abs() <= 0.51).all()
    assert (taken[:, 0, 0] == 0).all()
    cut = factors > 255 / 200
    assert 0 < cut.sum() < 400
    assert (taken[cut, 0, 3] >= 254).all()
    assert ((taken[~cut, 0, 3] - 200 * factors[~cut]).abs() <= 2).all()


def test_images_turn_and_grow_about_their_middles():
    """A bar through the middle stays in the middle; how far its ends go tells the angle and the scale, either way."""
    image = torch.zeros(1, 41, 41, dtype=torch.uint8)
    image[0, 20, 8:33] = 255  # 25 long

    def ends(**options):
        variations = RandomVariations(image, 0, False, 0, torch.Generator().manual_seed(0), **options)
        taken = variations.take(torch.zeros(300, dtype=torch.int64))
        bright = [torch.nonzero(picture > 100).double() - 20 for picture in taken]
        assert all(picture.mean(dim=0).abs().max() < 1 for picture in bright)
        return torch.stack([picture[picture[:, 1].argmax()] for picture in bright])  # of the right end: down, right

    turned = ends(largest_rotation=30.0)
    angles = torch.rad2deg(torch.atan2(turned[:, 0], turned[:, 1]))
    assert 25 < angles.max() < 34
    assert -34 < angles.min() < -25
    grown = ends(largest_scaling=0.25)
    assert grown[:, 0].abs().max() <= 1
    assert 14 <= grown[:, 1].max() <= 16
    assert 8 <= grown[:, 1].min() <= 10


# Image 0 is right from the start; image 1 only from the second step on, where its rival is overtaken.
MARGINS = torch.tensor([[[5.0, 0.0], [2.0, 1.0]], [[5.0, 0.0], [3.0, 4.0]]])
LABELS = torch.tensor([0, 1])


def test_calibration_takes_the_earliest_decision_that_is_good_enough():
    patient = calibrate(MARGINS, LABELS, Target())
    assert (patient.accuracy, patient.mean_decision_step) == (1.0, 0.5)
    assert 2 < patient.lowering <= 5
    hasty = calibrate(MARGINS, LABELS, Target(0.5))
    assert (hasty.accuracy, hasty.mean_decision_step) == (0.5, 0.0)


@pytest.mark.parametrize(("latest", "wanted"), [(0.5, (1.0, 0.5)), (0.49, (0.5, 0.0)), (0.0, (0.5, 0.0))])
def test_calibration_keeps_to_the_latest_step(latest, wanted):
    calibration = calibrate(MARGINS, LABELS, Target(latest_step=latest))
    assert (calibration.accuracy, calibration.mean_decision_step) == wanted


@pytest.mark.parametrize(("accuracy", "wanted"), [(1.0, (1.0, 0.5)), (0.5, (0.5, 0.0)), (0.2, (0.5, 0.0))])
def test_calibration_stops_at_the_accuracy_that_is_enough(accuracy, wanted):
    calibration = calibrate(MARGINS, LABELS, Target(accuracy=accuracy))
    assert (calibration.accuracy, calibration.mean_decision_step) == wanted


@pytest.mark.parametrize(("latest", "wanted"), [(None, 1.0), (0.7, 0.5), (0.5, 0.5), (0.49, 0.0)])
def test_late_decisions_use_all_the_time(latest, wanted):
    assert calibrate(MARGINS, LABELS, Target(latest_step=latest, late=True)).mean_decision_step == wanted


def test_decisions_follow_the_contract():
    margins = torch.full((3, 4, 2), -1.0)
    margins[1, 0, 1] = 0.0  # the only spike
    margins[2, 1] = torch.tensor([3.0, 5.0])  # a tie in time, decided by the potential
    margins[0, 2], margins[1, 2, 1] = torch.tensor([2.0, 2.0]), 9.0  # a tie in both, decided by the index; later is late
    margins[2, 3, 1] = -0.5  # no spike at all: the largest potential
    classes, steps = decide(margins)
    assert classes.tolist() == [1, 1, 0, 1]
    assert steps.tolist() == [1, 2, 0, 2]
