"""The compiler on maps: every connection is in its place, in memories read bit by bit as the hardware reads them."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_sim.stimulus.networks import shape_for
from firstspike_spec import LatencyEncoder, Maps, Network
from firstspike_spec.common.words import Memory
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.plan import plan
from firstspike_spec.compiler.shapes import AddressTableShape

from .. import naive_model
from ..random_networks import map_networks, networks, random_layer, with_activity


def bits_of(word, *widths):
    """Return the fields of a word, the lowest first."""
    fields = []
    for width in widths:
        fields.append(word & ((1 << width) - 1))
        word >>= width
    assert word == 0
    return fields


def signed(value, bits):
    return value - (1 << bits) if value >> (bits - 1) else value


def row_and_base(contents, layer, address):
    """Return the row's address and the base of a source, or ``None`` if no neuron sees it."""
    address_table = (*contents.shape.layers, contents.shape.output)[layer].address_table
    if address_table is None:
        return address, 0
    place, lane = address >> address_table.lane_bits, address & ((1 << address_table.lane_bits) - 1)
    seen, row, base = bits_of(int(contents.address_tables[layer][place]), 1, address_table.row_bits, address_table.base_bits)
    return (row << address_table.lane_bits | lane, base) if seen else None


def hidden_row(shape, banks, row, base):
    """Yield the target's address and the weight of each entry of a row."""
    length_bits = shape.row_entries.bit_length()
    for number, bank in enumerate(banks):
        widths = [max(1, (shape.bank_entries - 1).bit_length()), *[length_bits] * shape.bank_lanes]
        at, *lengths = bits_of(int(bank.pointers[row]), *widths)
        for within, length in enumerate(lengths):
            for entry in bank.entries[at : at + length].tolist():
                neuron, weight = bits_of(entry, max(1, (shape.lane_neurons - 1).bit_length()), shape.weight_bits)
                assert neuron + base < shape.lane_neurons
                lane = number * shape.bank_lanes + within
                yield (neuron + base) << (shape.lanes - 1).bit_length() | lane, signed(weight, shape.weight_bits)
            at += length


def check_hidden(contents, index, source_addresses):
    layer, shape, addresses = contents.network.layers[index], contents.shape.layers[index], contents.addresses[index]
    found = np.zeros((1 << shape.address_bits, layer.sources), np.int64)
    for source, address in enumerate(source_addresses.tolist()):
        place = row_and_base(contents, index, address)
        if place is None:
            continue
        row, base = place
        assert row != (1 << shape.row_bits) - 1
        for target, weight in hidden_row(shape, contents.banks[index], row, base):
            assert weight != 0
            found[target, source] += weight
    wanted = np.array(naive_model.unrolled(layer.dense().tolist(), layer.maps))
    np.testing.assert_array_equal(found[addresses], wanted)

    initial = np.zeros(1 << shape.address_bits, np.int64)
    for number, bank in enumerate(contents.banks[index]):
        for place, start in enumerate(bank.initial_potentials.tolist()):
            lane = number * shape.bank_lanes + place % shape.bank_lanes
            initial[(place // shape.bank_lanes) << shape.lane_bits | lane] = start
    own = layer.initial_potentials.repeat(layer.maps.positions) - layer.threshold
    assert initial[addresses].tolist() == own.tolist()
    # A place without a neuron never fires or wraps, whatever is added to it.
    empty = np.ones(len(initial), bool)
    empty[addresses] = False
    touched = empty & (found != 0).any(axis=1)
    low, high = (initial + part.sum(axis=1) for part in (np.minimum(found, 0), np.maximum(found, 0)))
    assert (high[touched] < 0).all()
    assert (low[touched] >= -(1 << (shape.potential_bits - 1))).all()

    (_, last_row) = (1 << shape.row_bits) - 1, list(hidden_row(shape, contents.banks[index], (1 << shape.row_bits) - 1, 0))
    assert sorted(target for target, _weight in last_row) == sorted(addresses[own >= 0].tolist())
    assert all(weight == 0 for _target, weight in last_row)
    return found.size


def check_output(contents, source_addresses):
    layer, shape = contents.network.layers[-1], contents.shape.output
    per_slice = max(1, 16 // shape.weight_bits)
    found = np.zeros((shape.slices * per_slice, layer.sources), np.int64)
    for source, address in enumerate(source_addresses.tolist()):
        place = row_and_base(contents, len(contents.network.layers) - 1, address)
        if place is None:
            continue
        row, base = place
        assert base == 0
        assert row != (1 << shape.row_bits) - 1
        for number, part in enumerate(contents.output):
            words = bits_of(int(part.weights[row]), *[shape.weight_bits] * per_slice)
            found[number * per_slice :][:per_slice, source] = [signed(word, shape.weight_bits) for word in words]
    wanted = np.array(naive_model.unrolled(layer.dense().tolist(), layer.maps))
    np.testing.assert_array_equal(found[: layer.targets], wanted)
    assert not any(int(part.weights[-1]) for part in contents.output)
    return found.size


def check_contents(contents):
    compared, source_addresses = 0, np.arange(contents.network.inputs)
    for index in range(len(contents.network.layers) - 1):
        compared += check_hidden(contents, index, source_addresses)
        source_addresses = contents.addresses[index]
        assert len(set(source_addresses.tolist())) == contents.network.layers[index].targets
    return compared + check_output(contents, source_addresses)


@given(map_networks(), st.lists(st.integers(1, 5), min_size=3, max_size=3), st.booleans(), st.integers(0, 9))
@settings(max_examples=200, deadline=None)
def test_the_memories_hold_exactly_the_network(network, lanes, known, seed):
    network = with_activity(network, seed) if known else network
    shape = plan(network, lanes[: len(network.layers) - 1])
    contents = compile_network(network, shape)
    assert check_contents(contents) > 0
    assert EngineShape.from_dict(shape.as_dict()) == shape


@given(map_networks(), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_a_smaller_network_fits_a_larger_engine(network, seed):
    """Other weights on the same maps, in an engine that has room for both and more."""
    generator = np.random.default_rng(seed)
    others = [
        random_layer(
            generator, layer.maps.taps, layer.channels, bits=layer.weight_bits, threshold=1, spread=0, maps=layer.maps
        )
        for layer in network.layers
    ]
    other = Network(network.encoder, others, network.input_shape)
    shape = shape_for([network, other], 2)
    assert check_contents(compile_network(network, shape)) == check_contents(compile_network(other, shape)) > 0


@given(networks(max_layers=3))
@settings(max_examples=50, deadline=None)
def test_a_network_without_maps_in_an_engine_with_address_tables(network):
    """Each source number has the row of the same number."""
    shape = plan(network, 3)
    lane_bits, places, layers = 0, network.inputs, []

    def address_table(base_bits=2):
        return AddressTableShape(places, lane_bits, places.bit_length() + 1, base_bits)

    for layer in shape.layers:
        layers.append(replace(layer, address_table=address_table()))
        lane_bits, places = layer.lane_bits, layer.lane_neurons
    shape = replace(shape, layers=tuple(layers), output=replace(shape.output, address_table=address_table(base_bits=0)))
    contents = compile_network(network, shape)
    assert check_contents(contents) > 0


def test_address_tables_follow_the_last_bank():
    generator = np.random.default_rng(0)
    maps = Maps(1, 4, 4, 3, 3)
    first = random_layer(generator, maps.taps, 5, maps=maps)
    network = Network(LatencyEncoder.linear(4), [first, random_layer(generator, 5, 2, maps=Maps.whole(5, 2, 2, 2))], (4, 4))
    contents = compile_network(network, plan(network, 4))
    parts = [part for part in contents.memories() if part.memory == Memory.POINTERS]
    assert [(part.layer, part.lane) for part in parts] == [(0, 0), (0, 1), (0, 2), (1, contents.shape.output.slices)]
    assert [len(part.words) for part in parts[2:]] == [16, contents.shape.output.address_table.places]


def test_potentials_declared_wider_than_needed_change_nothing():
    generator = np.random.default_rng(0)
    maps = Maps(1, 4, 4, 3, 3, padding=1)
    first = random_layer(generator, maps.taps, 3, maps=maps)
    last = random_layer(generator, 48, 2)
    shape = plan(Network(LatencyEncoder.linear(4), [first, last], (4, 4)), 2)
    wider = replace(first, potential_bits=first.potential_bits + 6)
    assert check_contents(compile_network(Network(LatencyEncoder.linear(4), [wider, last], (4, 4)), shape)) > 0
