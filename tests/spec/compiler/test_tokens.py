"""Tokens carry the spike times."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import InputError
from firstspike_spec.compiler.plan import plan
from firstspike_spec.compiler.tokens import input_tokens, spike_times_of_tokens, token_ports

from ..random_networks import networks, random_times


@given(
    networks(max_layers=1), st.integers(1, 2), st.integers(0, 5), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5, 1.0])
)
@settings(max_examples=100, deadline=None)
def test_tokens_and_their_inverse(network, width, batch, seed, silent):
    shape, steps = plan(network, spikes_per_token=width), network.time_steps
    times = random_times(seed, network, batch, silent)
    words = input_tokens(shape, times, steps)
    assert words.dtype == np.uint64
    fields = shape.input_word.unpack(words)
    got = list(zip(*(fields[field.name].tolist() for field in shape.input_word.fields), strict=True))
    expected = []
    for row in times.tolist():
        for step in range(steps):
            spikes = [address for address, time in enumerate(row) if time == step]
            tokens = [spikes[first : first + width] for first in range(0, len(spikes), width)] or [[]]
            for token in tokens:
                ports = [(address, 1) for address in token] + [(0, 0)] * (width - len(token))
                expected.append((*(value for port in ports for value in port), int(token is tokens[-1])))
    assert got == expected
    sizes = {"batch": batch, "time_steps": steps, "addresses": np.arange(network.inputs)}
    back = spike_times_of_tokens(*token_ports(fields), fields["end"], **sizes)
    np.testing.assert_array_equal(back, times)
    assert back.dtype == np.int16


@given(
    networks(max_layers=1), st.integers(1, 3), st.integers(1, 4), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5, 1.0])
)
@settings(max_examples=60, deadline=None)
def test_spikes_of_a_step_in_any_order_and_place(network, width, batch, seed, silent):
    """At any address and port, with empty tokens, and with any values at ports without a spike."""
    generator, steps = np.random.default_rng(seed), network.time_steps
    times = random_times(seed, network, batch, silent)
    addresses = generator.permutation(100)[: network.inputs]
    tokens = []
    for row in times:
        for step in range(steps):
            spikes = generator.permutation(np.flatnonzero(row == step)).tolist()
            while True:
                here = generator.random(width) < 0.6
                ports = [(addresses[spikes.pop()], 1) if take and spikes else (generator.integers(0, 200), 0) for take in here]
                end = not spikes and generator.random() < 0.7
                tokens.append(([port[0] for port in ports], [port[1] for port in ports], int(end)))
                if end:
                    break
    address, valid, end = (np.array(part) for part in zip(*tokens, strict=True))
    got = spike_times_of_tokens(address, valid, end, batch=batch, time_steps=steps, addresses=addresses)
    np.testing.assert_array_equal(got, times)


def test_the_end_comes_after_the_spikes_of_its_token():
    address, valid, end = np.array([[1, 0], [2, 0]]), np.array([[1, 1], [1, 0]]), np.array([1, 1])
    got = spike_times_of_tokens(address, valid, end, batch=1, time_steps=2, addresses=np.arange(4))
    assert got.tolist() == [[0, 0, 1, 2]]


def test_ports():
    fields = {"end": np.array([1, 1]), "last": np.array([0, 1])}
    fields |= {
        f"{name}_{port}": np.array(values)
        for port in (0, 1)
        for name, values in (("address", [5, port]), ("valid", [port, 1]))
    }
    address, valid = token_ports(fields)
    assert address.tolist() == [[5, 5], [0, 1]]
    assert valid.tolist() == [[0, 1], [1, 1]]


# Each token: addresses of its spikes, then whether it has an end.
@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([(0, None, 0), (None, None, 1)], r"the stream must have 1 \* 2 ends of steps, the last token being one, not 1"),
        ([(None, None, 1)] * 3, r"must have 1 \* 2 ends .* not 3"),
        ([(None, None, 1), (None, None, 1), (0, None, 0)], r"the last token being one, not 2"),
        ([(None, None, 1), (None, None, 1), (None, None, 0)], r"the last token being one, not 2"),
        ([(0, None, 1), (None, 0, 1)], "a neuron spikes twice in one inference"),
        ([(0, 0, 1), (None, None, 1)], "a neuron spikes twice in one inference"),
        ([(0, None, 0), (0, None, 1), (None, None, 1)], "a neuron spikes twice in one inference"),
        ([(0, 5, 1), (None, None, 1)], "no neuron of the network has the address 5"),
        ([(9, 0, 1), (None, None, 1)], "no neuron of the network has the address 9"),
        ([], r"must have 1 \* 2 ends .* not 0"),
    ],
)
def test_bad_streams(tokens, message):
    spikes = [token[:2] for token in tokens]
    address = np.array([[address or 0 for address in row] for row in spikes], np.int64).reshape(-1, 2)
    valid = np.array([[address is not None for address in row] for row in spikes], np.int64).reshape(-1, 2)
    end = np.array([token[2] for token in tokens], np.int64)
    with pytest.raises(InputError, match=message):
        spike_times_of_tokens(address, valid, end, batch=1, time_steps=2, addresses=np.array([0, 3, 7]))
