"""Tokens and result words tell what the spike times and the golden model say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import InputError, infer_spikes
from firstspike_spec.compiler import compile_network, plan
from firstspike_spec.results import Results, compare_results, with_hidden_spikes
from firstspike_spec.streams import input_tokens, input_word, read_results, spike_times_of_tokens
from firstspike_spec.words import RESULT_WORD

from .random_networks import networks, random_network, random_times


@given(networks(max_layers=1), st.integers(0, 5), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5, 1.0]))
@settings(max_examples=80, deadline=None)
def test_tokens_and_their_reverse(network, batch, seed, silent):
    shape, steps = plan(network), network.time_steps
    times = random_times(seed, network, batch, silent)
    words = input_tokens(shape, times, steps)
    expected = []
    for row in times.tolist():
        for step in range(steps):
            expected += [(address, 0) for address, time in enumerate(row) if time == step]
            expected.append((0, 1))
    fields = input_word(shape).unpack(words)
    assert list(zip(fields["address"].tolist(), fields["end"].tolist(), strict=True)) == expected

    # The spikes of a step may come in any order, and at any address.
    generator = np.random.default_rng(seed)
    order = np.lexsort((generator.random(len(words)), fields["end"], np.cumsum(fields["end"]) - fields["end"]))
    addresses = generator.permutation(100)[: network.inputs]
    address = np.where(fields["end"], 0, addresses[fields["address"]])[order]
    got = spike_times_of_tokens(address, fields["end"][order], batch=batch, time_steps=steps, addresses=addresses)
    np.testing.assert_array_equal(got, times)
    assert got.dtype == np.int16


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([(0, 0), (0, 1)], r"the stream must have 1 \* 2 ends of steps, the last token being one, not 1"),
        ([(0, 1), (0, 1), (0, 1)], r"must have 1 \* 2 ends .* not 3"),
        ([(0, 1), (0, 1), (0, 0)], r"the last token being one, not 2"),
        ([(0, 0), (0, 1), (0, 0), (0, 1)], "a neuron spikes twice in one inference"),
        ([(0, 0), (0, 0), (0, 1), (0, 1)], "a neuron spikes twice in one inference"),
        ([(5, 0), (0, 1), (0, 1)], "no neuron of the network has the address 5"),
        ([], r"must have 1 \* 2 ends .* not 0"),
    ],
)
def test_bad_streams(tokens, message):
    address, end = np.array(tokens, np.int64).reshape(-1, 2).T
    with pytest.raises(InputError, match=message):
        spike_times_of_tokens(address, end, batch=1, time_steps=2, addresses=np.array([0, 3, 7]))


def result_words(image, expected, generator):
    """Return the words that an engine gives, its reports of one step in any order."""
    words, layer = [], image.network.layers[-1]
    for number in range(len(expected.classes)):
        reports = []
        for neuron, address in enumerate(image.addresses[-1].tolist()):
            if expected.reported[number, neuron]:
                fired = bool(expected.latencies[number, neuron] < image.network.time_steps)
                step = int(expected.latencies[number, neuron]) if fired else image.network.time_steps - 1
                value = int(expected.potentials[number, neuron]) - layer.threshold
                word = RESULT_WORD.pack(value=value, neuron=address, step=step, fired=fired, decision=0)
                reports.append((step, generator.random(), word))
        words += [word for _step, _order, word in sorted(reports, key=lambda report: report[:2])]
        decided = int(expected.classes[number])
        words.append(
            RESULT_WORD.pack(
                value=100 + number,
                neuron=image.addresses[-1][decided],
                step=int(expected.decision_steps[number]),
                fired=int(expected.latencies[number, decided] < image.network.time_steps),
                decision=1,
            )
        )
    return np.array(words, np.uint64)


@given(networks(max_layers=2), st.integers(1, 4), st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=60, deadline=None)
def test_result_words(network, lanes, seed, early_exit):
    image = compile_network(network, plan(network, lanes))
    times = random_times(seed, network, 3)
    inference = infer_spikes(network, times, early_exit=early_exit)
    expected = Results.from_inference(inference, early_exit=early_exit)
    words = result_words(image, expected, np.random.default_rng(seed))
    got = with_hidden_spikes(
        read_results(image, words, batch=3),
        inference.spike_times[:-1],
        early_exit=early_exit,
        time_steps=network.time_steps,
    )
    compare_results(expected, got).check()
    np.testing.assert_array_equal(got.potentials, expected.potentials)
    assert got.cycles.tolist() == [100, 101, 102]
    assert len(got.spike_times) == len(network.layers) + 1


def word(**fields):
    return RESULT_WORD.pack(**{"value": 0, "neuron": 0, "step": 0, "fired": 0, "decision": 0, **fields})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the engine gave 0 decisions for 1 images"),
        ([word(decision=1), word(decision=1)], "the engine gave 2 decisions for 1 images"),
        ([word(decision=1), word()], "the engine gave 1 decisions for 1 images"),
        ([word(), word(), word(decision=1)], "the engine reported a neuron twice in one inference"),
        ([word(neuron=3, fired=1), word(decision=1)], "reported a spike of a neuron that the network does not have"),
        ([word(decision=1, neuron=3)], "no neuron of the network has the address 3"),
    ],
)
def test_bad_result_words(words, message):
    network = random_network(0, (4, 3))
    image = compile_network(network, plan(network, 2))
    with pytest.raises(InputError, match=message):
        read_results(image, np.array(words, np.uint64), batch=1)


def test_a_larger_engine_also_reports_places_without_a_neuron():
    network = random_network(0, (4, 3))
    image = compile_network(network, plan(network, 2))
    words = [word(neuron=neuron) for neuron in range(4)] + [word(decision=1)]
    got = read_results(image, np.array(words, np.uint64), batch=1)
    assert got.reported.tolist() == [[True] * 3]
