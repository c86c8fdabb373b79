"""A network fits an engine if no size that it needs is larger; the error names each size that is."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import InputError, LatencyEncoder, Maps, Network
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.plan import plan
from firstspike_spec.compiler.shapes import LayerShape, OutputShape

from ..random_networks import networks, random_layer, random_network
from .contents_reading import check_contents


@given(networks(max_layers=3), st.integers(1, 3), st.integers(1, 2), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_a_smaller_network_fits_a_larger_engine(network, banks, bank_lanes, more):
    *hidden, last = network.layers
    layers, source_bits = [], (network.inputs + 1).bit_length() + more
    for layer in hidden:
        room = layer.targets + more
        entries = layer.synapses + layer.targets + more
        layers.append(LayerShape(source_bits, banks * bank_lanes, bank_lanes, room, entries, room, 8 + more, 24 + more))
        source_bits = layers[-1].address_bits
    output = OutputShape(source_bits, last.targets + more, 8 + more, 24 + more)
    shape = EngineShape(tuple(layers), output, 2, network.time_steps + more)
    assert check_contents(compile_network(network, shape)) > 0


def test_a_network_too_large_names_each_size():
    network = random_network(0, (9, 8, 4), bits=5, connectivity=1.0)
    small = LayerShape(3, 2, 2, lane_neurons=2, bank_entries=20, row_entries=3, weight_bits=4, potential_bits=3)
    output = OutputShape(source_bits=3, neurons=3, weight_bits=3, potential_bits=2)
    bits = [layer.required_potential_bits for layer in network.layers]
    entries = plan(network, 2).layers[0].bank_entries
    message = (
        "the network does not fit the engine: it has 9 inputs, the engine 7; it has 4 time steps, the engine 3; "
        "layer 0 needs 4 neurons per lane, the engine has 2; "
        f"layer 0 needs {entries} connections per bank, the engine has 20; "
        "layer 0 needs 4 connections per row of a lane, the engine has 3; "
        "layer 0 needs 5 bits per weight, the engine has 4; "
        f"layer 0 needs {bits[0]} bits per potential, the engine has 3; layer 1 needs 4 neurons, the engine has 3; "
        f"layer 1 needs 5 bits per weight, the engine has 3; layer 1 needs {bits[1]} bits per potential, the engine has 2; "
        "build a larger engine or prune more"
    )
    with pytest.raises(InputError, match=f"^{message}$"):
        compile_network(network, EngineShape((small,), output, 2, 3))


def test_a_layer_too_large_for_any_engine():
    network = random_network(0, (3, 1 << 16, 2), connectivity=0.0)
    shape = plan(random_network(0, (3, 4, 2)), 2)
    message = r"the engine: layer 0: width of a neuron's address must be in 1 \.\. 16, not 17;"
    with pytest.raises(InputError, match=message):
        compile_network(network, shape)


@pytest.mark.parametrize("size", ["places", "row_bits", "base_bits"])
def test_sizes_of_an_address_table(size):
    generator = np.random.default_rng(0)
    first = random_layer(generator, 9, 3, maps=Maps(1, 5, 5, 3, 3, stride=2, padding=1))
    network = Network(LatencyEncoder.linear(4), [first, random_layer(generator, 27, 2)], (5, 5))
    shape = plan(network, 2)
    table = shape.layers[0].address_table
    smaller = replace(table, **{size: getattr(table, size) - 1})
    with pytest.raises(
        InputError, match=rf"layer 0 needs {getattr(table, size)} .*, the engine has {getattr(smaller, size)};"
    ):
        compile_network(network, replace(shape, layers=(replace(shape.layers[0], address_table=smaller),)))


@pytest.mark.parametrize(("inputs", "fits"), [(7, True), (8, False)])
def test_one_input_too_many(inputs, fits):
    network, shape = random_network(0, (inputs, 3)), EngineShape((), OutputShape(3, 3, 4, 20), 1, 4)
    if fits:
        assert check_contents(compile_network(network, shape)) > 0
    else:
        with pytest.raises(InputError, match="it has 8 inputs, the engine 7;"):
            compile_network(network, shape)


def test_another_number_of_layers():
    network, other = random_network(0, (4, 3, 2)), random_network(0, (4, 2))
    with pytest.raises(InputError, match="it has 2 layers, the engine 1;"):
        compile_network(network, plan(other))
    with pytest.raises(InputError, match="it has 1 layers, the engine 2;"):
        compile_network(other, plan(network))


@pytest.mark.parametrize("fewer", [1, 2])
@pytest.mark.parametrize("bank_lanes", [1, 2])
def test_too_many_connections(fewer, bank_lanes):
    """The error names each size of each layer that is too small."""
    network = random_network(1, (9, 8, 7, 4), connectivity=1.0)
    shape = plan(network, 2, bank_lanes=bank_lanes)
    layers = [
        replace(layer, bank_entries=layer.bank_entries - fewer, row_entries=layer.row_entries - fewer)
        for layer in shape.layers
    ]
    problems = [
        f"layer {index} needs {entries} connections per {what}, the engine has {entries - fewer}"
        for index, layer in enumerate(shape.layers)
        for what, entries in (("bank", layer.bank_entries), ("row of a lane", layer.row_entries))
    ]
    # The pointers' widths differ, but the addresses are the same.
    with pytest.raises(InputError, match=f"^the network does not fit the engine: {'; '.join(problems)}; build a larger"):
        compile_network(network, replace(shape, layers=tuple(layers)))


def test_an_engine_without_address_tables_refuses_maps():
    generator = np.random.default_rng(0)
    maps = Maps(1, 3, 3, 2, 2)
    network = Network(
        LatencyEncoder.linear(4), [random_layer(generator, 4, 3, maps=maps), random_layer(generator, 12, 2)], (3, 3)
    )
    shape = plan(network, 1)
    assert shape.output.address_table is None
    bare = replace(shape, layers=(replace(shape.layers[0], address_table=None),))
    with pytest.raises(InputError, match="layer 0 needs an address table for its source maps, the engine has none"):
        compile_network(network, bare)


def test_an_engine_refuses_maps_of_classes():
    generator = np.random.default_rng(0)
    maps = Maps(1, 3, 3, 2, 2)
    network = Network(LatencyEncoder.linear(4), [random_layer(generator, 4, 3, maps=maps)], (3, 3))
    with pytest.raises(InputError, match="output layer is a convolution with 4 neurons a class; add a fully"):
        plan(network)
    flat = Network(LatencyEncoder.linear(4), [random_layer(generator, 9, 12)], (9,))
    with pytest.raises(InputError, match="output layer is a convolution with 4 neurons a class; add a fully"):
        compile_network(network, plan(flat))
