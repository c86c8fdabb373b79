"""Schedules, on values worked out by hand."""

import math

import pytest

from firstspike_model.pruning import SCHEDULES, schedule
from firstspike_model.recipes.ranges import CHOICES
from firstspike_spec import InputError


def test_schedules_run_from_end_to_end():
    assert tuple(SCHEDULES) == CHOICES["alpha_schedule"] == CHOICES["threshold_schedule"]
    values = {name: [schedule(name, done) for done in (-1, 0, 0.25, 0.5, 1, 2)] for name in SCHEDULES}
    quarter = (1 - math.sqrt(0.5)) / 2
    assert values["constant"] == [1] * 6
    assert values["linear"] == [0, 0, 0.25, 0.5, 1, 1]
    assert values["sine"] == pytest.approx([0, 0, quarter, 0.5, 1, 1])
    assert values["cubic"] == [0, 0, 1 - 0.75**3, 0.875, 1, 1]
    assert values["falling"] == [1, 1, 0.75, 0.5, 0, 0]
    assert values["cosine"] == pytest.approx([1, 1, 1 - quarter, 0.5, 0, 0])
    with pytest.raises(InputError, match=r"schedule must be one of constant, .*, not 'step'"):
        schedule("step", 0.5)
