"""Spike times become words and come back; words that no layer can show are refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import InputError, infer_spikes
from firstspike_spec.network.base import image_maps
from firstspike_spec.processor.shape import ProcessorShape
from firstspike_spec.processor.spikes import input_words, probe_word, spike_times_of_probe

from ..random_layered_networks import layered_networks, random_chain, random_layered_times

SHAPE = ProcessorShape(
    lanes=1,
    potentials=64,
    potential_bits=20,
    entries=64,
    weight_bits=8,
    value_bits=16,
    rows=64,
    row_entries=63,
    queue_depth=8,
    channel_bits=10,
    side_bits=6,
    spikes=64,
    inputs=64,
    coordinates=64,
    program=64,
)


@given(layered_networks(), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_input_words_say_each_spike_once_and_end_each_image(network, seed):
    times = random_layered_times(seed, network, 3)
    fields = SHAPE.spike.unpack(input_words(SHAPE, network, times))
    found = np.full((3, *image_maps(network.input_shape)), network.input_time_steps)
    image = 0
    for end, step, x, y, channel in zip(
        *(fields[name].tolist() for name in ("end", "step", "x", "y", "channel")), strict=True
    ):
        if end:
            image += 1
        else:
            assert found[image, channel, y, x] == network.input_time_steps
            found[image, channel, y, x] = step
    assert image == 3
    np.testing.assert_array_equal(found.reshape(3, -1), times)


@given(layered_networks(), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_probe_words_come_back_as_spike_times(network, seed):
    wanted = infer_spikes(network, random_layered_times(seed, network, 3)).spike_times[1:-1]
    spike = probe_word(SHAPE)
    words = []
    order = np.random.default_rng(seed)
    for image in range(3):
        for source, (times, layer) in enumerate(zip(wanted, network.layers, strict=False), 1):
            fired = order.permutation(np.flatnonzero(times[image] < network.time_steps))
            channel, y, x = np.unravel_index(fired, layer.spike_shape)
            words.append(spike.pack(end=0, step=times[image, fired], x=x, y=y, channel=channel, source=source))
        words.append(spike.pack(end=1, step=0, x=0, y=0, channel=0, source=0).reshape(1))
    got = spike_times_of_probe(SHAPE, network, np.concatenate(words), 3)
    assert len(got) == len(wanted)
    for mine, theirs in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("spikes", "message"),
    [
        ([{}], "the end of 0 images, not of 1"),
        ([{"end": 1}, {"end": 1}], "the end of 2 images, not of 1"),
        ([{"source": 2}, {"end": 1}], "no hidden layer: 2"),
        ([{"source": 0}, {"end": 1}], "no hidden layer"),
        ([{"channel": 5}, {"end": 1}], "a spike with channel 5 of a layer with 5"),
        ([{"x": 1}, {"end": 1}], "a spike with x 1 of a layer with 1"),
        ([{"channel": 3}, {"channel": 3}, {"end": 1}], "spikes twice"),
        ([{"step": 4}, {"end": 1}], "in a step that there is not"),
    ],
)
def test_impossible_probe_words(spikes, message):
    network = random_chain(1, (7, 5, 3))
    words = [
        probe_word(SHAPE).pack(**{"end": 0, "step": 0, "x": 0, "y": 0, "channel": 0, "source": 1, **spike}) for spike in spikes
    ]
    with pytest.raises(InputError, match=message):
        spike_times_of_probe(SHAPE, network, np.array(words, np.uint64), 1)
