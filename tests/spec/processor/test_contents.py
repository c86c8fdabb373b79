"""The contents of a processor: load words, digest, and whether spikes can be lost."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import Projection, compile_layered, plan_processor
from firstspike_spec.common.words import LOAD_WORD
from firstspike_spec.network.base import image_maps
from firstspike_spec.processor.instructions import Fire

from ..random_layered_networks import layered_networks, random_chain
from .processors import shapes_for


@given(st.data(), layered_networks())
@settings(max_examples=40, deadline=None)
def test_load_words_cover_exactly_the_contents(data, network):
    contents = compile_layered(network, data.draw(shapes_for(network)))
    words = LOAD_WORD.unpack(contents.load_words())
    got = {}
    for word, address, memory, lane, layer in zip(*(words[field.name].tolist() for field in LOAD_WORD.fields), strict=True):
        assert (layer, lane, memory, address) not in got, "a place is loaded twice"
        got[layer, lane, memory, address] = word
    _channels, height, width = image_maps(network.input_shape)
    input_format = np.array([network.inputs - 1, width - 1, height - 1])
    shared = [contents.program, contents.kernels, contents.rows, contents.columns, input_format]
    memories = {(0, 0, 3): np.array([network.input_time_steps])}
    memories |= {(1, lane, 1): words for lane, words in enumerate(shared)}
    memories |= {(0, lane, 0): words for lane, words in enumerate(contents.pointers)}
    memories |= {(0, lane, 1): words for lane, words in enumerate(contents.entries)}
    assert len(contents.pointers) == len(contents.entries) == contents.shape.lanes
    assert got == {(*key, address): word for key, words in memories.items() for address, word in enumerate(words.tolist())}
    bits = [part.bits for part in contents.memories()]
    shape = contents.shape
    assert bits[:6] == [16, 32, 16, shape.coordinate.bits, shape.coordinate.bits, 16]
    assert bits[6:] == [shape.pointer.bits, shape.entry.bits] * shape.lanes
    assert all(int(part.words.max(initial=0)) < 1 << part.bits for part in contents.memories())


def test_networks_and_processors_have_different_digests():
    one, two = random_chain(0, (5, 4, 3)), random_chain(1, (5, 4, 3))
    shapes = [plan_processor(one, 2), plan_processor(one, 3), plan_processor(one, 2, queue_depth=32)]
    digests = {compile_layered(one, shape).digest for shape in shapes} | {compile_layered(two, plan_processor(two, 2)).digest}
    assert len(digests) == 4
    assert compile_layered(one, shapes[0]).digest in digests


@given(st.data(), layered_networks())
@settings(max_examples=40, deadline=None)
def test_units_name_each_channel_and_slot_once(data, network):
    contents = compile_layered(network, data.draw(shapes_for(network)))
    fires = [instruction for instruction in contents.instructions if isinstance(instruction, Fire)]
    units = iter(zip(fires, contents.units, strict=True))
    for layer in network.layers:
        found = []
        for fire, of_tile in units:
            assert of_tile.shape == (contents.shape.lanes, fire.units, 2)
            found += [tuple(unit) for unit in of_tile.reshape(-1, 2).tolist() if unit != [-1, -1]]
            if fire.closes:
                break
        slots = 1 << fire.slots_log2
        assert sorted(found) == [(channel, slot) for channel in range(layer.channels) for slot in range(slots)]


def test_spikes_that_can_be_lost():
    """A layer of 40 neurons, then one of 20. If no INTEGRATE has to wait, it makes room for the FIRE before it."""
    network = random_chain(3, (5, 40, 20, 3))
    shape = plan_processor(network, 2)
    assert (shape.potentials, shape.spikes) == (20, 64)  # so INTEGRATE of the second layer waits for FIRE of the first
    for potentials, spikes, lost in ((20, 64, False), (20, 32, True), (30, 16, False)):
        contents = compile_layered(network, replace(shape, potentials=potentials, spikes=spikes))
        assert contents.may_overflow == lost


def test_spikes_that_are_read_again_can_be_lost():
    """The output layer reads both hidden layers, so all their 60 spikes must have room."""
    network = random_chain(3, (5, 40, 20, 3))
    output = network.layers[2]
    skip = Projection.from_dense(1, np.ones((3, 40), int), 4)
    layers = (*network.layers[:2], replace(output, projections=(*output.projections, skip), potential_bits=None))
    network = replace(network, layers=layers)
    shape = replace(plan_processor(network, 2), potentials=64)
    assert shape.spikes == 64
    for spikes, lost in ((64, False), (32, True)):
        assert compile_layered(network, replace(shape, spikes=spikes)).may_overflow == lost
