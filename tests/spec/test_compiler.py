"""The compiler: every connection in its place, every size checked."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import InputError, InputTypeError
from firstspike_spec.compiler import compile_network, plan
from firstspike_spec.engine import EngineShape, LayerShape, index_bits
from firstspike_spec.words import LOAD_WORD, Memory

from .random_networks import networks, random_network


def lowest(shape):
    return -(1 << (shape.potential_bits - 1))


def matrix_in(image, layer):
    """Return the weights, start potentials and addresses that a layer's memories hold, read as the hardware reads them.

    The result is by address: ``weights[target address, source address]``.
    """
    shape = image.shape.layers[layer]
    weights = np.zeros((1 << shape.address_bits, shape.sources), np.int64)
    starts = np.full(1 << shape.address_bits, lowest(shape))
    used = 0
    for lane, content in enumerate(image.lanes[layer]):
        assert len(content.pointers) == shape.sources
        assert len(content.entries) <= shape.lane_entries
        assert len(content.start_potentials) == shape.lane_neurons
        pointers, entries = shape.pointer.unpack(content.pointers), shape.entry.unpack(content.entries)
        for number, start in enumerate(content.start_potentials):
            starts[number << shape.lane_bits | lane] = start
        for source in range(shape.sources):
            begin, length = int(pointers["start"][source]), int(pointers["length"][source])
            assert begin + length <= len(content.entries)
            numbers = entries["neuron"][begin : begin + length]
            assert (np.diff(numbers) > 0).all()
            for number, weight in zip(numbers.tolist(), entries["weight"][begin : begin + length].tolist(), strict=True):
                assert number < shape.lane_neurons
                assert weight != 0
                target = number << shape.lane_bits | lane
                assert weights[target, source] == 0, "a connection stands in two places"
                weights[target, source] = weight
                used += 1
    assert used == sum(len(content.entries) for content in image.lanes[layer]), "entries that no row has"
    return weights, starts


def check_image(image):
    network = image.network
    source_addresses = np.arange(network.inputs)
    for index, layer in enumerate(network.layers):
        shape, addresses = image.shape.layers[index], image.addresses[index]
        weights, starts = matrix_in(image, index)
        assert len(set(addresses.tolist())) == layer.targets
        expected = np.zeros_like(weights)
        expected[np.ix_(addresses, source_addresses)] = layer.dense()
        np.testing.assert_array_equal(weights, expected)
        wanted = np.full(len(starts), lowest(shape))
        wanted[addresses] = layer.start_potentials.astype(np.int64) - layer.threshold
        np.testing.assert_array_equal(starts, wanted)
        source_addresses = addresses
    # The read-out settles ties by address, so addresses must rise with classes.
    assert (np.diff(image.addresses[-1]) > 0).all()


@given(networks(), st.lists(st.integers(1, 9), min_size=4, max_size=4))
@settings(max_examples=100, deadline=None)
def test_the_memories_hold_exactly_the_network(network, lanes):
    shape = plan(network, lanes[: len(network.layers)])
    check_image(compile_network(network, shape))
    for layer, has, wanted in zip(network.layers, shape.layers, lanes, strict=False):
        assert has.lanes == min(wanted, layer.targets)
        assert has.lane_neurons == -(-layer.targets // has.lanes)
        assert (has.weight_bits, has.potential_bits) == (layer.weight_bits, layer.potential_bits)


@given(networks(max_layers=3), st.integers(1, 5), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_a_smaller_network_fits_a_larger_engine(network, lanes, more):
    layers, source_bits = [], plan(network, lanes).layers[0].source_bits + more
    for layer in network.layers:
        layers.append(LayerShape(source_bits, lanes, layer.targets + more, layer.synapses + 1 + more, 8 + more, 24 + more))
        source_bits = layers[-1].address_bits
    check_image(compile_network(network, EngineShape(tuple(layers))))


@given(networks(max_layers=2), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_load_words_cover_exactly_the_images(network, lanes):
    image = compile_network(network, plan(network, lanes))
    words = LOAD_WORD.unpack(image.load_words())
    got = {}
    for data, address, memory, lane, layer in zip(*(words[field.name].tolist() for field in LOAD_WORD.fields), strict=True):
        key = (Memory(memory), layer, lane, address)
        assert key not in got, "a place is loaded twice"
        got[key] = data
    expected = {(Memory.TIME_STEPS, 0, 0, 0): network.time_steps}
    for layer, contents in enumerate(image.lanes):
        for lane, content in enumerate(contents):
            for memory, data in (
                (Memory.POINTERS, content.pointers),
                (Memory.ENTRIES, content.entries),
                (Memory.START_POTENTIALS, content.start_potentials % (1 << image.shape.layers[layer].potential_bits)),
            ):
                for address, word in enumerate(data.tolist()):
                    expected[memory, layer, lane, address] = word
    assert got == expected


@pytest.mark.parametrize("lanes", [2, 4, 8, 16])
def test_hidden_lanes_share_the_work_evenly(lanes):
    """With uneven fan-in, the busiest lane has at most 5 % more connections than the mean."""
    generator = np.random.default_rng(lanes)
    network = random_network(lanes, (100, 160, 10), connectivity=0.3)
    weights = network.layers[0].dense()
    weights[generator.random(weights.shape) < np.linspace(0, 1, 160)[:, None]] = 0
    first = type(network.layers[0]).from_dense(weights, network.layers[0].start_potentials, 5, 4)
    network = replace(network, layers=(first, network.layers[1]))
    image = compile_network(network, plan(network, lanes))
    work = [len(content.entries) for content in image.lanes[0]]
    assert sum(work) == first.synapses
    assert max(work) <= 1.05 * np.mean(work)
    assert image.shape.layers[0].lane_entries == max(work)


def test_a_network_too_large_names_each_size():
    network = random_network(0, (9, 8, 4), bits=5, connectivity=1.0)
    small = LayerShape(source_bits=3, lanes=2, lane_neurons=2, lane_entries=100, weight_bits=4, potential_bits=3)
    last = LayerShape(source_bits=2, lanes=2, lane_neurons=2, lane_entries=100, weight_bits=8, potential_bits=20)
    bits = network.layers[0].required_potential_bits
    message = (
        "the network does not fit the engine: it has 9 inputs, the engine 8; layer 0 has 8 neurons, the engine's 4; "
        f"layer 0 has 5 bits a weight, the engine's 4; layer 0 has {bits} bits a potential, the engine's 3; "
        "build a larger engine or prune more"
    )
    with pytest.raises(InputError, match=f"^{message}$"):
        compile_network(network, EngineShape((small, last)))


def test_another_number_of_layers():
    network = random_network(0, (4, 3, 2))
    with pytest.raises(InputError, match="it has 2 layers, the engine 1;"):
        compile_network(network, EngineShape(plan(network).layers[:1]))


@pytest.mark.parametrize("fewer", [1, 2])
def test_too_many_connections_for_a_lane(fewer):
    network = random_network(1, (9, 8, 4), connectivity=1.0)
    shape = plan(network, 2)
    layer = shape.layers[0]
    tight = replace(shape, layers=(replace(layer, lane_entries=layer.lane_entries - fewer), shape.layers[1]))
    message = f"a lane of layer 0 would hold {layer.lane_entries} connections, the engine's {layer.lane_entries - fewer};"
    with pytest.raises(InputError, match=message):
        compile_network(network, tight)


@pytest.mark.parametrize(
    ("lanes", "error", "message"),
    [
        (0, InputError, "lanes must be in 1 .. 256, not 0"),
        (257, InputError, "lanes must be in 1 .. 256, not 257"),
        ([1, 2, 3], InputError, r"lanes must be one number or one for each of the 2 layers, not \[1, 2, 3\]"),
        ([1, 2.0], InputTypeError, "lanes must be a whole number, not 2.0"),
    ],
)
def test_bad_numbers_of_lanes(lanes, error, message):
    with pytest.raises(error, match=message):
        plan(random_network(0, (4, 3, 2)), lanes)


GOOD = {"source_bits": 4, "lanes": 2, "lane_neurons": 3, "lane_entries": 9, "weight_bits": 4, "potential_bits": 8}


def test_widths_of_a_good_shape():
    shape = LayerShape(**GOOD)
    assert (shape.sources, shape.neuron_bits, shape.lane_bits, shape.address_bits) == (16, 2, 1, 3)
    assert (shape.pointer.bits, shape.entry.bits) == (4 + 2, 2 + 4)
    assert [index_bits(count) for count in (1, 2, 3, 4, 5)] == [1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source_bits": 0}, "source_bits must be in 1 .. 16, not 0"),
        ({"source_bits": 17}, "source_bits must be in 1 .. 16, not 17"),
        ({"lanes": 0}, "lanes must be in 1 .. 256, not 0"),
        ({"lanes": 257}, "lanes must be in 1 .. 256, not 257"),
        ({"lane_neurons": 0}, "lane_neurons must be in 1 .. 65536, not 0"),
        ({"lane_entries": 0}, "lane_entries must be in 1 .. 262144, not 0"),
        ({"lane_entries": (1 << 18) + 1}, "lane_entries must be in 1 .. 262144"),
        ({"weight_bits": 17}, "weight_bits must be in 1 .. 16, not 17"),
        ({"potential_bits": 33}, "potential_bits must be in 1 .. 32, not 33"),
        ({"lanes": 2, "lane_neurons": 1 << 16}, "width of a neuron's address must be in 1 .. 16, not 17"),
        ({"lane_neurons": 1 << 15, "lane_entries": 1 << 18}, "the pointer word would have 34 bits; at most 32 can be loaded"),
    ],
)
def test_bad_shapes(changes, message):
    with pytest.raises(InputError, match=message):
        LayerShape(**{**GOOD, **changes})


def test_bad_engine_shapes():
    layer = LayerShape(**GOOD)
    with pytest.raises(InputError, match=r"number of layers must be in 1 .. 16, not 0"):
        EngineShape(())
    with pytest.raises(InputError, match=r"queue_depth must be in 2 .. 1024, not 1"):
        EngineShape((layer,), 1)
    with pytest.raises(InputError, match="layer 1 must have source_bits = 3, the width of layer 0's addresses, not 4"):
        EngineShape((layer, layer))
    with pytest.raises(InputTypeError, match="not the description of an engine"):
        EngineShape.from_dict({"layers": [{"lanes": 1}], "queue_depth": 4})
    with pytest.raises(InputTypeError, match="not the description of an engine"):
        EngineShape.from_dict({})


def test_shapes_as_dictionaries():
    shape = plan(random_network(0, (5, 4, 3)), 2)
    assert EngineShape.from_dict(shape.as_dict()) == shape
    assert EngineShape.from_dict(shape.as_dict()).digest == shape.digest
    assert replace(shape, queue_depth=9).digest != shape.digest
