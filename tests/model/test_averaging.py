"""The mean over training steps, against one that keeps them all."""

import pytest
import torch

from firstspike_model.averaging import Average
from firstspike_model.layers import FirstSpikeClassifier
from firstspike_model.surrogate import Surrogate
from firstspike_spec import Maps


def classifier(seed=0):
    layers = [(Maps.flat(6), 5), (Maps.flat(5), 3)]
    return FirstSpikeClassifier(layers, 4, torch.Generator().manual_seed(seed), Surrogate("triangle", 1.0), normalised=True)


def set_all(classifier, value):
    with torch.no_grad():
        for parameter in classifier.parameters():
            parameter.fill_(value)


def values(classifier):
    return torch.cat([parameter.flatten() for parameter in classifier.parameters()]).tolist()


def test_the_first_steps_count_evenly_then_the_last_ones_most():
    source = classifier()
    average, wanted = Average(source, 4), 0.0
    for step, value in enumerate([3.0, 5.0, -1.0, 9.0, 2.0, 2.0, 7.0], start=1):
        set_all(source, value)
        average.add()
        share = 1 / min(step, 4)
        wanted = (1 - share) * wanted + share * value
        assert values(average.classifier) == pytest.approx([wanted] * len(values(source)), abs=1e-6)
        assert set(values(source)) == {value}
        if step == 4:
            assert wanted == (3 + 5 - 1 + 9) / 4


def test_goes_on_from_a_state():
    source = classifier()
    one, two = Average(source, 3), Average(classifier(1), 3)
    set_all(source, 2.0)
    one.add()
    two._source = source
    two.load_state_dict(one.state_dict())
    set_all(source, 5.0)
    one.add()
    two.add()
    assert set(values(one.classifier)) == set(values(two.classifier)) == {3.5}
