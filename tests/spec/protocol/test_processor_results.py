"""A processor's result words give the golden model's results; words that no processor can give are refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import infer_spikes
from firstspike_spec.common.words import RESULT_WORD
from firstspike_spec.inference.results import Results, compare_results
from firstspike_spec.protocol.processor_results import SpikesLost, read_processor_results
from firstspike_spec.protocol.reports import ImpossibleResults

from ..random_layered_networks import layered_networks, random_chain, random_layered_times


def words_of(network, inference, generator):
    """The words of each image as dictionaries: its reports in any order, and its decision."""
    images = []
    for image in range(len(inference.classes)):
        latencies, last = inference.spike_times[-1][image], network.time_steps - 1
        reports = [
            {
                "neuron": int(neuron),
                "value": int(inference.potentials[-1][image, neuron]),
                "step": min(int(latencies[neuron]), last),
                "fired": int(latencies[neuron] <= last),
                "decision": 0,
            }
            for neuron in generator.permutation(network.outputs)
        ]
        decision = {
            "neuron": int(inference.classes[image]),
            "value": 100 + image,
            "step": int(inference.decision_steps[image]),
            "fired": int(latencies.min() <= last),
            "decision": 1,
        }
        images.append([*reports, decision])
    return images


def packed(images):
    return np.array([RESULT_WORD.pack(**word) for image in images for word in image], np.uint64)


@given(layered_networks(), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_result_words(network, seed):
    inference = infer_spikes(network, random_layered_times(seed, network, 3))
    expected = Results.from_inference(inference, early_exit=False)
    got = read_processor_results(network, packed(words_of(network, inference, np.random.default_rng(seed))), batch=3)
    compare_results(expected, got).check()
    assert got.cycles.tolist() == [100, 101, 102]


@pytest.mark.parametrize(
    ("field", "change", "message"),
    [
        ("value", lambda value: value + 1, "potential|decided|spiked"),
        ("step", lambda step: (step + 1) % 4, "spiked in step|did not spike, in step|decide"),
        ("fired", lambda fired: 1 - fired, "spiked in step|did not spike|decide"),
        ("neuron", lambda neuron: (neuron + 1) % 3, "twice|decided for"),
        ("decision", lambda decision: 1 - decision, "decisions for 2 images|twice|did not report"),
    ],
)
def test_every_changed_word_is_refused(field, change, message):
    """Where the potential alone is changed, and its step and the class stay, the words are possible."""
    network = random_chain(3, (7, 5, 3))
    inference = infer_spikes(network, random_layered_times(5, network, 2))
    refused = 0
    for image in range(2):
        for place in range(4):
            images = words_of(network, inference, np.random.default_rng(0))
            images[image][place][field] = change(images[image][place][field])
            if field == "value":
                if place == 3:
                    continue
                images[image][place][field] += 1 << 20
            with pytest.raises(ValueError, match=message):
                read_processor_results(network, packed(images), batch=2)
            refused += 1
    assert refused >= 6


def test_lost_spikes_are_an_error_of_their_own():
    network = random_chain(3, (7, 5, 3))
    inference = infer_spikes(network, random_layered_times(5, network, 2))
    images = words_of(network, inference, np.random.default_rng(0))
    images[1][-1]["value"] = -1
    with pytest.raises(SpikesLost, match="image 1 has more spikes in a layer than the processor's memory holds"):
        read_processor_results(network, packed(images), batch=2)
    images[1][-1]["value"] = -2
    with pytest.raises(ImpossibleResults, match="it took -2 cycles"):
        read_processor_results(network, packed(images), batch=2)
