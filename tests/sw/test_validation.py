"""Validation: it counts what it compared, and it notices a wrong value of every kind."""

from dataclasses import replace

import numpy as np
import pytest

from firstspike import Accelerator
from firstspike_spec import InputError, InputTypeError, UserError, infer, load_dataset
from firstspike_spec.inference.results import Results


class Wrong:
    """The golden device with one change to its results."""

    def __init__(self, device, change):
        self._device, self._change = device, change

    def __getattr__(self, name):
        return getattr(self._device, name)

    def run(self, spike_times, *, early_exit):
        return self._change(self._device.run(spike_times, early_exit=early_exit))


def changed(field, place, value):
    def change(results: Results) -> Results:
        array = getattr(results, field).copy()
        array[place] = value
        return replace(results, **{field: array})

    return change


def hidden_changed(results: Results) -> Results:
    times = [array.copy() for array in results.spike_times]
    times[1][5, 2] = 3 if times[1][5, 2] != 3 else 4
    return replace(results, spike_times=tuple(times))


@pytest.fixture
def labels(network, images):
    return infer(network, images).classes


@pytest.mark.parametrize("early_exit", [True, False])
@pytest.mark.parametrize("device", ["golden", "sim"])
def test_a_right_device_has_no_mismatch(network, images, labels, device, early_exit):
    labels[:3] = (labels[:3] + 1) % network.outputs
    with Accelerator.open(device, network=network, lanes=3) as accelerator:
        validation = accelerator.validate(images, labels, early_exit=early_exit)
    assert validation.comparison.mismatches == 0
    # Latencies, whether known, classes, steps; spike times of inputs and hidden neurons; and known potentials.
    assert validation.comparison.compared_values > len(images) * (4 + 4 + 1 + 1 + 16 + 9)
    assert validation.accuracy == pytest.approx(37 / 40)
    expected = infer(network, images, early_exit=early_exit)
    np.testing.assert_array_equal(validation.synaptic_operations, expected.synaptic_operations)
    if device == "sim":
        assert validation.counters["busy_cycles"] > 0
        assert (validation.results.cycles > 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed("latencies", (5, 1), 9), "latencies: image 5, neuron 1"),
        (changed("classes", 5, 77), "classes: image 5: expected"),
        (changed("decision_steps", 39, 77), "decision steps: image 39"),
        (changed("potentials", (slice(None), 2), -999), "potential: image"),
        (changed("reported", (0, slice(None)), False), "reported: image 0"),
        (hidden_changed, "spike time in layer 0: image 5, neuron 2"),
    ],
)
def test_every_wrong_value_is_found_and_named(network, images, labels, change, message):
    accelerator = Accelerator.open("golden", network=network)
    accelerator._device = Wrong(accelerator._device, change)
    validation = accelerator.validate(images, labels, early_exit=False)
    assert validation.comparison.mismatches > 0
    assert message in "\n".join(validation.comparison.named)
    with pytest.raises(AssertionError, match="values differ"):
        validation.comparison.check()


def test_wrong_counters_are_found(network, images, labels):
    with Accelerator.open("sim", network=network, lanes=3) as accelerator:
        device = accelerator._device
        calls = iter(range(10))
        real = device.counters

        def counters():
            return {
                name: value + 5 * next(calls) if name == "synaptic_operations" else value for name, value in real().items()
            }

        device.counters = counters
        validation = accelerator.validate(images, labels, early_exit=False)
    assert validation.comparison.mismatches == 1
    assert "counted synaptic operations: total 0" in validation.comparison.named[0]


def test_progress_ends_at_the_number_of_images(network, images, labels):
    told = []
    many = np.tile(images, (15, 1))
    Accelerator.open("golden", network=network).validate(many, np.tile(labels, 15), progress=told.append)
    assert told == [250, 500, 600]


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (np.zeros(39, int), InputError, "labels must have the shape"),
        (np.full(40, 4), InputError, r"labels must be in 0 \.\. 3, the network's classes, not 4 \.\. 4"),
        (np.full(40, -1), InputError, r"not -1 \.\. -1; choose another data set or network"),
        (1 + np.arange(40) % 4, InputError, r"not 1 \.\. 4; classes are numbered from 0: subtract 1 from each"),
        (np.zeros(40), InputTypeError, "labels must be integers"),
    ],
)
def test_bad_labels_are_refused(network, images, labels, error, message):
    with pytest.raises(error, match=message):
        Accelerator.open("golden", network=network).validate(images, labels)


def test_nothing_to_validate_is_no_success(network, images):
    with pytest.raises(InputError, match="nothing to validate"):
        Accelerator.open("golden", network=network).validate(images[:0], np.zeros(0, int))


@pytest.mark.parametrize("labels", [None, [[0], [1, 2]], "ab", [0.0, 1.0], [0]])
def test_labels_of_the_wrong_kind(labels, network):
    with Accelerator.open("golden", network=network) as accelerator, pytest.raises(UserError, match="labels must"):
        accelerator.validate(np.zeros((2, 16), np.uint8), labels)


@pytest.mark.parametrize("images", [None, 5, [[0] * 16], np.zeros((2, 15), np.uint8)])
def test_images_of_the_wrong_kind(images, network):
    with Accelerator.open("golden", network=network) as accelerator:
        for use in (
            accelerator.run,
            accelerator.predict,
            accelerator.throughput_test,
            lambda given: accelerator.validate(given, [0, 0]),
        ):
            with pytest.raises(UserError, match="images must"):
                use(images)


def test_a_split_that_there_is_not():
    with pytest.raises(InputError, match="unknown split 'tset': name one of train, test"):
        load_dataset("mnist", "tset")
