"""Result words give the golden model's results; words that no engine can give are refused."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from firstspike_spec import InputError, LatencyEncoder, Layer, Network, infer_spikes
from firstspike_spec.common.words import RESULT_WORD
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.plan import plan
from firstspike_spec.inference.results import Results, compare_results, with_hidden_spikes
from firstspike_spec.protocol.reports import ImpossibleResults
from firstspike_spec.protocol.result_words import read_results

from ...levels import THOROUGH
from ..naive_results import changed_words, is_possible, result_words
from ..random_networks import networks, random_network, random_times


@given(networks(max_layers=2), st.integers(1, 4), st.integers(0, 2), st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=60, deadline=None)
def test_result_words(network, lanes, empty, seed, early_exit):
    """Also those of a larger engine, which reports the places that the network leaves empty."""
    shape = plan(network, lanes)
    shape = replace(shape, output=replace(shape.output, neurons=shape.output.neurons + empty))
    contents = compile_network(network, shape)
    times = random_times(seed, network, 3)
    inference = infer_spikes(network, times, early_exit=early_exit)
    expected = Results.from_inference(inference, early_exit=early_exit)
    words = result_words(contents, expected, random.Random(seed), early_exit=early_exit)
    got = with_hidden_spikes(
        read_results(contents, words, batch=3, early_exit=early_exit),
        inference.spike_times[:-1],
        early_exit=early_exit,
        time_steps=network.time_steps,
    )
    compare_results(expected, got).check()
    np.testing.assert_array_equal(got.potentials, expected.potentials)
    assert got.cycles.tolist() == [100, 101, 102]
    assert len(got.spike_times) == len(network.layers) + 1


#: Three outputs in an engine of four. Potentials are -13 .. 1 from the threshold, and -5 without a spike.
SMALL = Network(LatencyEncoder.linear(4), [Layer.from_dense([[3, 3, -4, -4]] * 3, [0, 0, 0], 5, 3)], (4,))
SHAPE = plan(SMALL)
IMAGE = compile_network(SMALL, replace(SHAPE, output=replace(SHAPE.output, neurons=4, potential_bits=6)))
EMPTY = {"neuron": 3, "value": -32, "step": 3}


def word(**fields):
    return RESULT_WORD.pack(**{"value": 0, "neuron": 0, "step": 0, "fired": 0, "decision": 0, **fields})


def silent(*values, **decision):
    """The words of an image without an output spike: reports with these values, then the decision."""
    reports = [word(neuron=neuron, value=value, step=3) for neuron, value in enumerate(values)]
    return [*reports, word(**EMPTY), word(**{"step": 3, "decision": 1, "value": 9, **decision})]


def read(words, *, early_exit, batch=1):
    return read_results(IMAGE, np.array(words, np.uint64), batch=batch, early_exit=early_exit)


@pytest.mark.parametrize("early_exit", [True, False])
def test_words_that_are_right(early_exit):
    got = read(silent(-5, -4, -5, neuron=1), early_exit=early_exit)
    assert (got.classes.tolist(), got.decision_steps.tolist(), got.reported.tolist()) == ([1], [3], [[True] * 3])
    words = [word(neuron=2, value=0, step=1, fired=1), word(neuron=2, step=1, fired=1, decision=1, value=5)]
    rest = [word(neuron=1, value=1, step=2, fired=1), word(neuron=0, value=-5, step=3), word(**EMPTY)]
    got = read(words if early_exit else [words[0], *rest, words[1]], early_exit=early_exit)
    assert (got.classes.tolist(), got.decision_steps.tolist()) == ([2], [1])
    assert got.reported.tolist() == [[not early_exit, not early_exit, True]]
    assert got.latencies.tolist() == [[4, 4 if early_exit else 2, 1]]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the engine gave 0 decisions for 1 images"),
        ([word(decision=1), word(decision=1)], "the engine gave 2 decisions for 1 images"),
        ([word(decision=1), word()], "the engine gave 1 decisions for 1 images"),
    ],
)
def test_words_of_another_number_of_inferences(words, message):
    with pytest.raises(InputError, match=message):
        read(words, early_exit=True)


SPIKE, CHOSEN = {"neuron": 2, "step": 1, "fired": 1}, {"neuron": 2, "step": 1, "fired": 1, "decision": 1, "value": 5}
SILENT = silent(-5, -5, -5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([word(**SPIKE), word(**CHOSEN) + (np.uint64(1) << np.uint64(60))], "a result word has more than 58 bits"),
        ([word(neuron=4, fired=1), word(neuron=4, fired=1, decision=1)], "it reported output 4, of 4"),
        ([word(**{**SPIKE, "step": 250}), word(**{**CHOSEN, "step": 250})], "it reported output 2 in step 250, of 4"),
        (
            [*SILENT[:-1], word(decision=1, step=200)],
            "it decided in step 200 without a spike, but its reports decide in step 3",
        ),
        (
            [word(neuron=2, value=-1, step=1), word(**CHOSEN)],
            "that output 2 did not spike, in step 1, not the last one",
        ),
        ([word(**SPIKE), word(**SPIKE), word(**CHOSEN)], "it reported output 2 twice"),
        ([word(**SPIKE, value=-1), word(**CHOSEN)], "output 2 spiked with a potential of -1 from the threshold"),
        (silent(-5, -5, 0, neuron=2), r"output 2 did not spike with a potential of \+0 from the threshold"),
        ([word(**SPIKE, value=900), word(**CHOSEN)], r"output 2 has a potential of \+900 .*, which its weights cannot give"),
        (silent(-900, -5, -5, neuron=1), "output 0 has a potential of -900 from the threshold, which its weights cannot give"),
        ([*SILENT[:3], word(neuron=3, step=3, value=-31), SILENT[-1]], "output 3 has a potential of -31"),
        ([word(neuron=3, step=1, fired=1), word(neuron=3, step=1, fired=1, decision=1)], "output 3 has a potential of "),
        ([word(**SPIKE), word(**{**CHOSEN, "step": 2})], "it decided in step 2, but its reports decide in step 1$"),
        (
            [word(**SPIKE), word(**{**CHOSEN, "fired": 0})],
            "it decided in step 1 without a spike, but .* in step 1$",
        ),
        ([*SILENT[:-1], word(step=3, fired=1, decision=1)], "it decided in step 3, but .* in step 3 without a spike"),
        (
            [word(neuron=1, step=3, value=-5), *SILENT[2:]],
            "it did not report output 0, with a decision in step 3 of 4 with",
        ),
        ([*SILENT[:3], SILENT[-1]], "it did not report output 3, with a decision in step 3"),
        ([SILENT[-1]], "it did not report output 0, with a decision in step 3"),
        ([word(**SPIKE), SILENT[0], word(**CHOSEN)], "it reported output 0, with a decision in step 1 of 4 with early exit"),
        ([word(**SPIKE), word(fired=1, step=2), word(**CHOSEN)], "it reported output 0, with a decision in step 1 of 4"),
        ([word(**SPIKE), word(**{**CHOSEN, "neuron": 1})], "it decided for output 1, but its reports are for 2"),
        (
            [word(**SPIKE), word(fired=1, step=1, value=1), word(**CHOSEN)],
            "decided for output 2, but its reports are for 0",
        ),
        (silent(-5, -5, -5, neuron=1), "it decided for output 1, but its reports are for 0"),
        (silent(-5, -5, -5, neuron=3), "it decided for output 3, but its reports are for 0"),
        ([word(**SPIKE), word(**{**CHOSEN, "value": -1})], "it took -1 cycles"),
    ],
)
def test_words_that_no_inference_can_give(words, message):
    """The error names the image; the image before it is right."""
    right = [word(**SPIKE), word(**CHOSEN)]
    read([*right, *right], early_exit=True, batch=2)
    with pytest.raises(ImpossibleResults, match=message) as caught:
        read([*right, *words], early_exit=True, batch=2)
    assert caught.value.image == 1


def test_without_early_exit_every_output_is_reported():
    words = [word(neuron=neuron, value=-5, step=3) for neuron in (0, 1)] + [word(**SPIKE), word(**EMPTY), word(**CHOSEN)]
    read(words, early_exit=False)
    for missing in range(4):
        with pytest.raises(ImpossibleResults, match=r"it (did not report output|decided in step 1, but its reports decide)"):
            read(words[:missing] + words[missing + 1 :], early_exit=False)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=300 * (20 if THOROUGH else 1), deadline=None)
def test_exactly_the_impossible_words_are_refused(seed):
    """Right words with a few changes, checked by plain loops."""
    rng = random.Random(seed)
    network = random_network(rng.randrange(50), (4, rng.randrange(1, 4)), time_steps=rng.choice([2, 4]), bits=3, threshold=5)
    shape = plan(network)
    contents = compile_network(
        network, replace(shape, output=replace(shape.output, neurons=network.outputs + rng.randrange(2)))
    )
    early_exit = rng.random() < 0.5
    inference = infer_spikes(network, random_times(seed, network, 1), early_exit=early_exit)
    words = result_words(contents, Results.from_inference(inference, early_exit=early_exit), rng, early_exit=early_exit)
    assert is_possible(contents, words, early_exit=early_exit)
    words = changed_words(words, rng)
    refused = False
    try:
        read_results(contents, words, batch=1, early_exit=early_exit)
    except InputError:
        refused = True
    assert refused != is_possible(contents, words, early_exit=early_exit)
    event(f"refused: {refused}")
