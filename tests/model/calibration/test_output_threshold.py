"""The choice of the output threshold, on margins small enough to check by hand."""

import pytest
import torch

from firstspike_model.calibration.output_threshold import Target, calibrate, decide

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
