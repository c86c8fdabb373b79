"""Comparisons count and name differences, and never pass if nothing was compared."""

from dataclasses import replace

import numpy as np
import pytest

from firstspike_spec import Comparison, InputError, compare_inferences, infer_spikes
from firstspike_spec.inference.comparison import MAX_NAMED
from firstspike_spec.inference.results import Results, compare_results

from ..random_networks import random_network, random_times


@pytest.fixture
def inference():
    network = random_network(5, (6, 5, 3))
    return infer_spikes(network, random_times(5, network, 4), early_exit=False)


def changed(array, place, by=1):
    array = array.copy()
    array[place] += by
    return array


def test_equal_inferences_and_the_count_of_their_values(inference):
    comparison = compare_inferences(inference, inference)
    comparison.check()
    assert (comparison.compared_values, comparison.mismatches, comparison.named) == (4 * (6 + 5 + 3 + 5 + 3 + 4), 0, [])


def test_each_changed_number_is_found_and_named(inference):
    times, potentials = inference.spike_times, inference.potentials
    cases = {
        "spike time of input: image 12, neuron 5:": {"spike_times": (changed(times[0], (2, 5)), *times[1:])},
        "spike time in layer 0: image 10, neuron 4:": {"spike_times": (times[0], changed(times[1], (0, 4)), times[2])},
        "potential in layer 1: image 13, neuron 2:": {"potentials": (potentials[0], changed(potentials[1], (3, 2)))},
        "classes: image 11:": {"classes": changed(inference.classes, 1)},
        "decision steps: image 11:": {"decision_steps": changed(inference.decision_steps, 1)},
        "spikes: image 11:": {"spikes": changed(inference.spikes, 1)},
        "synaptic operations: image 11:": {"synaptic_operations": changed(inference.synaptic_operations, 1)},
    }
    for name, change in cases.items():
        comparison = compare_inferences(inference, replace(inference, **change), first=10)
        assert comparison.mismatches == 1
        assert len(comparison.named) == 1
        assert comparison.named[0].startswith(name)
        with pytest.raises(AssertionError, match=f"1 of 104 values differ:\n  {name} expected "):
            comparison.check()


def test_expected_and_got_are_not_mixed_up():
    comparison = Comparison()
    comparison.compare("latency", [1, 2], [1, 7])
    assert comparison.named == ["latency: image 1: expected 2, got 7"]


def test_potentials_that_hardware_does_not_show_are_not_counted(inference):
    comparison = compare_inferences(inference, replace(inference, potentials=(None, inference.potentials[1])))
    comparison.check()
    assert comparison.compared_values == 104 - 4 * 5


def test_nothing_compared_fails():
    with pytest.raises(AssertionError, match="nothing was compared"):
        Comparison().check()
    comparison = Comparison()
    comparison.compare("classes", np.zeros(3), np.ones(3), where=np.zeros(3, bool))
    assert comparison.mismatches == 0
    with pytest.raises(AssertionError, match="nothing was compared"):
        comparison.check()


def test_where_chooses_what_is_compared():
    comparison = Comparison()
    comparison.compare("classes", np.array([1, 2, 3]), np.array([9, 2, 9]), where=np.array([True, True, False]))
    assert (comparison.compared_values, comparison.mismatches) == (2, 1)


def test_only_the_first_differences_are_named_but_all_are_counted():
    comparison = Comparison()
    comparison.compare("classes", np.zeros(50), np.ones(50))
    other = Comparison()
    other.compare("steps", np.zeros(50), np.ones(50))
    comparison.add(other)
    assert (comparison.compared_values, comparison.mismatches, len(comparison.named)) == (100, 100, MAX_NAMED)
    few = Comparison()
    few.compare("steps", np.zeros(1), np.ones(1))
    few.add(other)
    assert (few.mismatches, len(few.named)) == (51, MAX_NAMED)


def test_shapes_that_differ():
    with pytest.raises(InputError, match=r"classes: results of the shape \(2,\) cannot be compared with \(3,\)"):
        Comparison().compare("classes", np.zeros(3), np.zeros(2))


def test_results_are_compared_where_both_report_potentials(inference):
    expected = Results.from_inference(inference, early_exit=False)
    comparison = compare_results(expected, expected)
    comparison.check()
    # latencies, reported, potentials; classes, steps; spike times of inputs and the hidden layer
    assert comparison.compared_values == 4 * (3 * 3 + 2 + 6 + 5)
    got = replace(expected, potentials=changed(expected.potentials, (1, 2)))
    assert compare_results(expected, got).mismatches == 1
    # If only one of them reports a potential, that is the difference; the potentials are not compared.
    reported = expected.reported.copy()
    reported[1, 2] = False
    assert [name.split(":")[0] for name in compare_results(expected, replace(got, reported=reported)).named] == ["reported"]
    hidden = replace(expected, spike_times=(*expected.spike_times[:1], changed(expected.spike_times[1], (0, 0)), None))
    assert compare_results(expected, hidden).named[0].startswith("spike time in layer 0: image 0, neuron 0:")


@pytest.mark.parametrize("seed", range(5))
def test_a_full_run_cut_at_the_decision_is_an_early_exit(seed):
    network = random_network(seed, (6, 5, 3), time_steps=6)
    times = random_times(seed, network, 10)
    early = Results.from_inference(infer_spikes(network, times, early_exit=True), early_exit=True)
    full = Results.from_inference(infer_spikes(network, times, early_exit=False), early_exit=True)
    compare_results(early, full).check()
