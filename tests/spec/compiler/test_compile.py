"""The compiler: every connection in its place, every size checked."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import InputError, InputTypeError, LatencyEncoder, Layer, Network
from firstspike_spec.common.words import LOAD_WORD, Field, Memory, Word
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.plan import plan
from firstspike_spec.compiler.shapes import LayerShape, OutputShape, index_bits

from ..random_networks import networks, random_network


def number(word, low, bits, signed=False):
    """Return the number in ``bits`` of a word from bit ``low`` on."""
    value = word >> low & ((1 << bits) - 1)
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def hidden_in(image, layer):
    """Return what a hidden layer's memories hold, read as the hardware reads them, bit by bit.

    The result is by address: ``weights[target address, source address]``, the initial potentials, and the targets of the
    start row.
    """
    shape = image.shape.layers[layer]
    start_bits = max(1, (shape.bank_entries - 1).bit_length())
    length_bits = shape.row_entries.bit_length()
    neuron_bits = max(1, (shape.lane_neurons - 1).bit_length())
    lane_bits = (shape.lanes - 1).bit_length()
    weights = np.zeros((1 << shape.address_bits, 1 << shape.source_bits), np.int64)
    starts, start_row = {}, []
    assert len(image.banks[layer]) * shape.bank_lanes == shape.lanes
    for bank, content in enumerate(image.banks[layer]):
        assert len(content.pointers) == 1 << shape.source_bits
        assert len(content.entries) <= shape.bank_entries
        assert len(content.initial_potentials) == shape.lane_neurons * shape.bank_lanes
        for place, start in enumerate(content.initial_potentials.tolist()):
            neuron, within = place >> (shape.bank_lanes - 1), place & (shape.bank_lanes - 1)
            starts[neuron << lane_bits | (bank * shape.bank_lanes + within)] = start
        entries, read = content.entries.tolist(), 0
        for source, pointer in enumerate(content.pointers.tolist()):
            assert pointer >> (start_bits + shape.bank_lanes * length_bits) == 0
            at = number(pointer, 0, start_bits)
            for within in range(shape.bank_lanes):
                length = number(pointer, start_bits + within * length_bits, length_bits)
                assert length <= shape.row_entries
                before = -1
                for entry in entries[at : at + length]:
                    assert entry >> (neuron_bits + shape.weight_bits) == 0
                    neuron = number(entry, 0, neuron_bits)
                    weight = number(entry, neuron_bits, shape.weight_bits, signed=True)
                    assert before < neuron < shape.lane_neurons
                    before = neuron
                    target = neuron << lane_bits | (bank * shape.bank_lanes + within)
                    if source == (1 << shape.source_bits) - 1:
                        assert weight == 0
                        start_row.append(target)
                    else:
                        assert weight != 0
                        weights[target, source] = weight
                    read += 1
                at += length
                assert at <= len(entries)
        assert read == len(entries), "entries that no row has, or that two rows have"
    return weights, starts, start_row


def output_in(image):
    """Return the weights, ``weights[neuron, source address]``, and the initial potentials that the output's slices hold."""
    shape = image.shape.output
    per_slice = max(1, 16 // shape.weight_bits)
    assert len(image.output) == (shape.neurons + per_slice - 1) // per_slice
    weights = np.zeros((len(image.output) * per_slice, 1 << shape.source_bits), np.int64)
    starts = []
    for index, content in enumerate(image.output):
        assert len(content.weights) == 1 << shape.source_bits
        for source, word in enumerate(content.weights.tolist()):
            assert word >> (per_slice * shape.weight_bits) == 0
            for place in range(per_slice):
                weight = number(word, place * shape.weight_bits, shape.weight_bits, signed=True)
                weights[index * per_slice + place, source] = weight
        assert len(content.initial_potentials) == min(per_slice, shape.neurons - index * per_slice)
        starts += content.initial_potentials.tolist()
    assert not weights[shape.neurons :].any()
    return weights[: shape.neurons], dict(enumerate(starts))


def check_image(image):
    """Compare all that the memories hold with the network; return the number of values compared."""
    network, compared = image.network, 0
    source_addresses = np.arange(network.inputs)
    assert len(image.addresses) == len(network.layers)
    for index, (layer, addresses) in enumerate(zip(network.layers, image.addresses, strict=True)):
        potentials = layer.initial_potentials.astype(np.int64) - layer.threshold
        if index < len(image.shape.layers):
            shape = image.shape.layers[index]
            weights, starts, start_row = hidden_in(image, index)
            # The address of all ones is nobody's, here and at the next layer.
            assert addresses.max() < (1 << shape.address_bits) - 1
            assert sorted(start_row) == sorted(addresses[potentials >= 0].tolist())
        else:
            shape = image.shape.output
            weights, starts = output_in(image)
            assert addresses.tolist() == list(range(layer.targets))
        assert source_addresses.max() < (1 << shape.source_bits) - 1
        assert len(set(addresses.tolist())) == layer.targets
        expected = np.zeros_like(weights)
        expected[np.ix_(addresses, source_addresses)] = layer.dense()
        np.testing.assert_array_equal(weights, expected)
        lowest = -(1 << (shape.potential_bits - 1))
        own = dict(zip(addresses.tolist(), potentials.tolist(), strict=True))
        assert starts == dict.fromkeys(starts, lowest) | own
        compared += weights.size + len(starts)
        source_addresses = addresses
    return compared


@given(
    networks(),
    st.lists(st.integers(1, 9), min_size=3, max_size=3),
    st.integers(1, 2),
    st.sampled_from([8, 64]),
)
@settings(max_examples=100, deadline=None)
def test_the_memories_hold_exactly_the_network(network, lanes, spikes_per_token, queue_depth):
    lanes = lanes[: len(network.layers) - 1]
    shape = plan(network, lanes, spikes_per_token=spikes_per_token, queue_depth=queue_depth)
    assert check_image(compile_network(network, shape)) > 0
    assert (shape.spikes_per_token, shape.queue_depth, shape.time_steps) == (spikes_per_token, queue_depth, network.time_steps)
    for layer, has, wanted in zip(network.layers, shape.layers, lanes, strict=False):
        assert has.lanes == min(wanted, layer.targets)
        assert has.bank_lanes == (1 if has.lanes % 2 else 2)
        assert has.lane_neurons == -(-layer.targets // has.lanes)
        assert (has.weight_bits, has.potential_bits) == (layer.weight_bits, layer.potential_bits)
    last = network.layers[-1]
    assert shape.output == OutputShape(shape.output.source_bits, last.targets, last.weight_bits, last.potential_bits)


@given(networks(), st.integers(1, 4), st.integers(1, 2))
@settings(max_examples=60, deadline=None)
def test_banks_of_one_and_two_lanes(network, banks, bank_lanes):
    """Whole banks, though they may have more lanes than there are neurons."""
    shape = plan(network, banks * bank_lanes, bank_lanes=bank_lanes)
    assert check_image(compile_network(network, shape)) > 0
    for layer, has in zip(network.layers, shape.layers, strict=False):
        assert has.bank_lanes == bank_lanes
        assert has.banks == min(banks, -(-layer.targets // bank_lanes))


@given(networks(), st.integers(1, 4), st.integers(1, 2))
@settings(max_examples=60, deadline=None)
def test_no_size_of_a_plan_can_be_smaller(network, banks, bank_lanes):
    shape = plan(network, banks * bank_lanes, bank_lanes=bank_lanes)
    image = compile_network(network, shape)
    for index, has in enumerate(shape.layers):
        assert has.bank_entries == max(1, *(len(bank.entries) for bank in image.banks[index]))
        lengths = [
            has.pointer.unpack(bank.pointers)[f"length_{lane}"].max()
            for bank in image.banks[index]
            for lane in range(bank_lanes)
        ]
        assert has.row_entries == max(1, *lengths)


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
    assert check_image(compile_network(network, shape)) > 0


def layer_of(weights, initial_potentials, threshold=5, bits=4):
    return Layer.from_dense(np.array(weights), initial_potentials, threshold, bits)


def test_a_small_image_word_by_word():
    """Three inputs, four neurons on two lanes, two outputs."""
    hidden = layer_of([[0, 2, 0], [0, 0, 0], [3, 0, -1], [0, 4, 0]], [5, 4, 6, 0])
    output = layer_of([[1, 0, 0, -1], [0, 7, 0, -8]], [0, -2])
    network = Network(LatencyEncoder.linear(4), (hidden, output), (3,))
    shape = plan(network, 2)
    image = compile_network(network, shape)
    assert (shape.layers[0].bank_entries, shape.layers[0].row_entries, shape.layers[0].address_bits) == (6, 1, 3)
    # Neuron 2 has most work, then 0, 3 and 1, which has none. 3 shares a source with 0: lane 0 has neurons 2 and 3.
    assert [address.tolist() for address in image.addresses] == [[0b01, 0b11, 0b00, 0b10], [0, 1]]
    (bank,) = image.banks[0]
    pointers = [(0, 1, 0), (1, 1, 1), (3, 1, 0), (4, 1, 1)]  # start, length in lane 0, in lane 1
    assert bank.pointers.tolist() == [start | first << 3 | second << 4 for start, first, second in pointers]
    entries = [(0, 3), (1, 4), (0, 2), (0, -1), (0, 0), (0, 0)]  # number within the lane, weight
    assert bank.entries.tolist() == [neuron | weight % 16 << 1 for neuron, weight in entries]
    assert bank.initial_potentials.tolist() == [1, 0, -5, -1]
    (part,) = image.output
    assert part.weights.tolist() == [0x00, 0x01, 0x8F, 0x70, 0, 0, 0, 0]
    assert part.initial_potentials.tolist() == [-5, -7]


@pytest.mark.parametrize(("inputs", "bits"), [(1, 1), (2, 2), (3, 2), (4, 3), (7, 3), (8, 4)])
@pytest.mark.parametrize("sizes", [(3,), (4, 3)])
def test_the_address_of_all_ones_is_nobodys_input(inputs, bits, sizes):
    network = random_network(inputs, (inputs, *sizes), connectivity=1.0)
    shape = plan(network, 2)
    assert shape.source_bits == bits
    assert check_image(compile_network(network, shape)) > 0


@pytest.mark.parametrize(
    ("neurons", "lanes", "bits"),
    [
        (1, 1, 1),
        (2, 1, 2),
        (3, 1, 2),
        (4, 1, 3),
        (2, 2, 2),
        (3, 3, 2),
        (4, 4, 3),
        (8, 4, 4),
        (6, 3, 3),
        (9, 3, 4),
        (512, 16, 10),
    ],
)
def test_the_address_of_all_ones_is_no_neurons(neurons, lanes, bits):
    network = random_network(1, (3, neurons, 2), connectivity=0.5)
    shape = plan(network, lanes)
    assert shape.layers[0].address_bits == shape.output.source_bits == bits
    assert check_image(compile_network(network, shape)) > 0


@pytest.mark.parametrize("connectivity", [0.0, 1.0])
@pytest.mark.parametrize("start", [4, 5, 6])
@pytest.mark.parametrize("bank_lanes", [1, 2])
def test_start_rows(connectivity, start, bank_lanes):
    """Neurons that can fire at once are listed, those one short of it are not; the rows have their room."""
    generator = np.random.default_rng(0)
    weights = generator.integers(1, 8, (7, 3)) * (generator.random((7, 3)) < connectivity)
    network = Network(LatencyEncoder.linear(4), (layer_of(weights, [start] * 7), layer_of(np.ones((2, 7), int), [9, 0])), (3,))
    shape = plan(network, 2, bank_lanes=bank_lanes)
    image = compile_network(network, shape)
    assert check_image(image) > 0
    _weights, _starts, start_row = hidden_in(image, 0)
    listed = 7 if start >= 5 else 0
    assert len(start_row) == listed
    entries = int(connectivity) * 21 + listed
    lanes = 4 if entries else 1
    assert shape.layers[0].row_entries == lanes
    assert sum(len(bank.entries) for bank in image.banks[0]) == entries


def test_a_network_without_connections():
    network = random_network(3, (4, 3, 2), connectivity=0.0)
    assert check_image(compile_network(network, plan(network, 2))) > 0


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

    def expect(layer, lane, memory, words):
        expected.update({(memory, layer, lane, address): word for address, word in enumerate(words.tolist())})

    for layer, banks in enumerate(image.banks):
        for lane, bank in enumerate(banks):
            expect(layer, lane, Memory.POINTERS, bank.pointers)
            expect(layer, lane, Memory.ENTRIES, bank.entries)
            bits = image.shape.layers[layer].potential_bits
            expect(layer, lane, Memory.INITIAL_POTENTIALS, bank.initial_potentials % (1 << bits))
    for lane, part in enumerate(image.output):
        expect(len(image.banks), lane, Memory.ENTRIES, part.weights)
        bits = image.shape.output.potential_bits
        expect(len(image.banks), lane, Memory.INITIAL_POTENTIALS, part.initial_potentials % (1 << bits))
    assert got == expected


def test_the_digest_tells_networks_and_engines_apart():
    one, two = random_network(0, (5, 4, 3)), random_network(1, (5, 4, 3))
    shapes = [plan(one, 2), plan(one, 2, spikes_per_token=1), plan(one, 2, bank_lanes=1), plan(one, 4)]
    digests = {compile_network(one, shape).digest for shape in shapes} | {compile_network(two, plan(two, 2)).digest}
    assert len(digests) == 5
    assert compile_network(one, shapes[0]).digest in digests


def uneven_network(seed):
    """A network whose hidden neurons have between none and a third of the 100 inputs."""
    generator = np.random.default_rng(seed)
    network = random_network(seed, (100, 160, 10), connectivity=0.3)
    weights = network.layers[0].dense()
    weights[generator.random(weights.shape) < np.linspace(0, 1, 160)[:, None]] = 0
    first = Layer.from_dense(weights, np.minimum(network.layers[0].initial_potentials, 4), 5, 4)
    return replace(network, layers=(first, network.layers[1]))


@pytest.mark.parametrize("lanes", [2, 4, 8, 16])
@pytest.mark.parametrize("bank_lanes", [1, 2])
def test_hidden_lanes_share_the_work_evenly(lanes, bank_lanes):
    """With uneven fan-in, the busiest lane has at most 6 % more connections than the mean."""
    network = uneven_network(lanes)
    shape = plan(network, lanes, bank_lanes=bank_lanes)
    image = compile_network(network, shape)
    work = np.zeros(lanes, int)
    np.add.at(work, image.addresses[0][network.layers[0].row_targets] & (lanes - 1), 1)
    assert sum(work) == network.layers[0].synapses
    assert max(work) <= 1.06 * np.mean(work)
    banks = work.reshape(-1, bank_lanes).sum(axis=1)
    assert [len(bank.entries) for bank in image.banks[0]] == banks.tolist()
    assert shape.layers[0].bank_entries == max(banks)


def test_a_network_too_large_names_each_size():
    network = random_network(0, (9, 8, 4), bits=5, connectivity=1.0)
    small = LayerShape(3, 2, 2, lane_neurons=2, bank_entries=100, row_entries=4, weight_bits=4, potential_bits=3)
    output = OutputShape(source_bits=3, neurons=3, weight_bits=3, potential_bits=2)
    bits = [layer.required_potential_bits for layer in network.layers]
    message = (
        "the network does not fit the engine: it has 9 inputs, the engine 7; layer 0 has 8 neurons, the engine's 4; "
        f"layer 0 has 5 bits a weight, the engine's 4; layer 0 has {bits[0]} bits a potential, the engine's 3; "
        "layer 1 has 4 neurons, the engine's 3; layer 1 has 5 bits a weight, the engine's 3; "
        f"layer 1 has {bits[1]} bits a potential, the engine's 2; it has 4 time steps, the engine 3; "
        "build a larger engine or prune more"
    )
    with pytest.raises(InputError, match=f"^{message}$"):
        compile_network(network, EngineShape((small,), output, 2, 3))


@pytest.mark.parametrize(("inputs", "fits"), [(7, True), (8, False)])
def test_one_input_too_many(inputs, fits):
    network, shape = random_network(0, (inputs, 3)), EngineShape((), OutputShape(3, 3, 4, 20), 1, 4)
    if fits:
        assert check_image(compile_network(network, shape)) > 0
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
    """Each size that does not hold them, of each layer."""
    network = random_network(1, (9, 8, 7, 4), connectivity=1.0)
    shape = plan(network, 2, bank_lanes=bank_lanes)
    layers = [
        replace(layer, bank_entries=layer.bank_entries - fewer, row_entries=layer.row_entries - fewer)
        for layer in shape.layers
    ]
    problems = [
        f"{what} of layer {index} would hold {entries} connections, the engine's {entries - fewer}"
        for index, layer in enumerate(shape.layers)
        for what, entries in (("a bank", layer.bank_entries), ("a lane's row", layer.row_entries))
    ]
    # Other widths of a pointer do not matter, the addresses are the same.
    with pytest.raises(InputError, match=f"^the network does not fit the engine: {'; '.join(problems)}; build a larger"):
        compile_network(network, replace(shape, layers=tuple(layers)))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"lanes": 0}, InputError, "lanes must be in 1 .. 256, not 0"),
        ({"lanes": 257}, InputError, "lanes must be in 1 .. 256, not 257"),
        ({"lanes": [2, 0]}, InputError, "lanes must be in 1 .. 256, not 0"),
        (
            {"lanes": [1, 2, 3]},
            InputError,
            r"lanes must be one number or one for each of the 2 hidden layers, not \[1, 2, 3\]",
        ),
        ({"lanes": []}, InputError, r"lanes must be one number or one for each of the 2 hidden layers, not \[\]"),
        ({"lanes": [1, 2.0]}, InputTypeError, "lanes must be a whole number, not 2.0"),
        ({"lanes": True}, InputTypeError, "lanes must be a whole number, not True"),
        ({"bank_lanes": 0}, InputError, "bank_lanes must be in 1 .. 2, not 0"),
        ({"bank_lanes": 3}, InputError, "bank_lanes must be in 1 .. 2, not 3"),
        ({"lanes": 3, "bank_lanes": 2}, InputError, "lanes must be a multiple of bank_lanes = 2, not 3"),
        ({"spikes_per_token": 3}, InputError, "spikes_per_token must be in 1 .. 2, not 3"),
        ({"queue_depth": 4}, InputError, "queue_depth must be in 8 .. 64, not 4"),
    ],
)
def test_bad_plans(options, error, message):
    with pytest.raises(error, match=message):
        plan(random_network(0, (6, 5, 4, 3)), **options)


def test_a_network_of_one_layer_has_no_lanes():
    network = random_network(0, (4, 3))
    assert plan(network, 5) == plan(network, []) == plan(network)
    assert plan(network).layers == ()
    with pytest.raises(InputError, match=r"one for each of the 0 hidden layers, not \[2\]"):
        plan(network, [2])
    with pytest.raises(InputError, match=r"lanes must be in 1 \.\. 256, not 0"):
        plan(network, 0)


@pytest.mark.parametrize(
    ("sizes", "lanes", "message"),
    [
        ((1 << 16, 2), 1, "no engine holds this network: it has 65,536 inputs, an engine at most 65,535"),
        ((1, 1 << 16, 1), 16, "width of a neuron's address must be in 1 .. 16, not 17"),
        ((1, 4097), 16, "neurons of the output layer must be in 1 .. 1024, not 4097"),
        ((2,) * 18, 1, "no engine holds this network: it has 17 layers, an engine at most 16"),
    ],
)
def test_networks_larger_than_any_engine(sizes, lanes, message):
    network = random_network(0, sizes, connectivity=0.0)
    with pytest.raises(InputError, match=message):
        plan(network, lanes)


GOOD = {
    "source_bits": 4,
    "lanes": 2,
    "bank_lanes": 2,
    "lane_neurons": 3,
    "bank_entries": 9,
    "row_entries": 3,
    "weight_bits": 4,
    "potential_bits": 8,
}


def test_widths_of_a_good_shape():
    shape = LayerShape(**GOOD)
    assert (shape.rows, shape.start_row, shape.banks) == (16, 15, 1)
    assert (shape.neuron_bits, shape.lane_bits, shape.address_bits) == (2, 1, 3)
    assert shape.pointer == Word((Field("start", 4), Field("length_0", 2), Field("length_1", 2)))
    assert shape.entry == Word((Field("neuron", 2), Field("weight", 4, signed=True)))
    single = LayerShape(**{**GOOD, "bank_lanes": 1})
    assert single.banks == 2
    assert single.pointer == Word((Field("start", 4), Field("length_0", 2)))
    assert [index_bits(count) for count in (1, 2, 3, 4, 5)] == [1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("weight_bits", "per_slice", "slices"), [(1, 16, 1), (2, 8, 2), (4, 4, 3), (5, 3, 4), (8, 2, 5), (9, 1, 10), (16, 1, 10)]
)
def test_slices(weight_bits, per_slice, slices):
    shape = OutputShape(source_bits=4, neurons=10, weight_bits=weight_bits, potential_bits=9)
    assert (shape.rows, shape.slice_neurons, shape.slices, shape.address_bits) == (16, per_slice, slices, 4)
    assert shape.weights == Word(tuple(Field(f"weight_{place}", weight_bits, signed=True) for place in range(per_slice)))
    network = random_network(weight_bits, (9, 10), bits=weight_bits, connectivity=0.8)
    assert check_image(compile_network(network, plan(network))) > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source_bits": 0}, "source_bits must be in 1 .. 16, not 0"),
        ({"source_bits": 17}, "source_bits must be in 1 .. 16, not 17"),
        ({"lanes": 0}, "lanes must be in 1 .. 256, not 0"),
        ({"lanes": 257}, "lanes must be in 1 .. 256, not 257"),
        ({"bank_lanes": 0}, "bank_lanes must be in 1 .. 2, not 0"),
        ({"bank_lanes": 3}, "bank_lanes must be in 1 .. 2, not 3"),
        ({"lanes": 5}, "lanes must be a multiple of bank_lanes = 2, not 5"),
        ({"lane_neurons": 0}, "lane_neurons must be in 1 .. 65536, not 0"),
        ({"bank_entries": 0}, "bank_entries must be in 1 .. 262144, not 0"),
        ({"bank_entries": (1 << 18) + 1}, "bank_entries must be in 1 .. 262144"),
        ({"row_entries": 0}, "row_entries must be in 1 .. 65536, not 0"),
        ({"row_entries": (1 << 16) + 1}, "row_entries must be in 1 .. 65536, not 65537"),
        ({"weight_bits": 17}, "weight_bits must be in 1 .. 16, not 17"),
        ({"potential_bits": 33}, "potential_bits must be in 1 .. 32, not 33"),
        ({"lanes": 2, "lane_neurons": 1 << 15}, "width of a neuron's address must be in 1 .. 16, not 17"),
        (
            {"row_entries": 128, "bank_entries": 1 << 18},
            "the pointer word would have 34 bits; at most 32 can be loaded: use more",
        ),
    ],
)
def test_bad_shapes(changes, message):
    with pytest.raises(InputError, match=message):
        LayerShape(**{**GOOD, **changes})


OUTPUT = {"source_bits": 3, "neurons": 5, "weight_bits": 4, "potential_bits": 8}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source_bits": 0}, "source_bits must be in 1 .. 16, not 0"),
        ({"source_bits": 17}, "source_bits must be in 1 .. 16, not 17"),
        ({"neurons": 0}, "neurons of the output layer must be in 1 .. 1024, not 0"),
        ({"neurons": 1025}, "neurons of the output layer must be in 1 .. 1024, not 1025"),
        ({"neurons": 257, "weight_bits": 16}, "neurons of the output layer must be in 1 .. 256, not 257"),
        ({"weight_bits": 0}, "weight_bits must be in 1 .. 16, not 0"),
        ({"weight_bits": 17}, "weight_bits must be in 1 .. 16, not 17"),
        ({"potential_bits": 0}, "potential_bits must be in 1 .. 32, not 0"),
        ({"potential_bits": 33}, "potential_bits must be in 1 .. 32, not 33"),
    ],
)
def test_bad_output_shapes(changes, message):
    with pytest.raises(InputError, match=message):
        OutputShape(**{**OUTPUT, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": (LayerShape(**GOOD),) * 16}, "number of layers must be in 1 .. 16, not 17"),
        ({"spikes_per_token": 0}, "spikes_per_token must be in 1 .. 2, not 0"),
        ({"spikes_per_token": 3}, "spikes_per_token must be in 1 .. 2, not 3"),
        ({"time_steps": 1}, "time_steps must be in 2 .. 256, not 1"),
        ({"time_steps": 257}, "time_steps must be in 2 .. 256, not 257"),
        ({"queue_depth": 4}, "queue_depth must be in 8 .. 64, not 4"),
        ({"queue_depth": 128}, "queue_depth must be in 8 .. 64, not 128"),
        ({"queue_depth": 24}, "queue_depth must be a power of two, not 24"),
        ({"layers": (LayerShape(**GOOD),) * 2}, "layer 1 must have source_bits = 3, the width of layer 0's addresses, not 4"),
        (
            {"output": OutputShape(**{**OUTPUT, "source_bits": 2})},
            "layer 1 must have source_bits = 3, the width of layer 0's addresses, not 2",
        ),
    ],
)
def test_bad_engine_shapes(changes, message):
    good = {"layers": (LayerShape(**GOOD),), "output": OutputShape(**OUTPUT), "spikes_per_token": 2, "time_steps": 4}
    assert EngineShape(**good).queue_depth == 16
    with pytest.raises(InputError, match=message):
        EngineShape(**{**good, **changes})


@pytest.mark.parametrize("kind", ["spikes_per_token", "time_steps", "queue_depth"])
def test_sizes_are_whole_numbers(kind):
    with pytest.raises(InputTypeError, match=f"{kind} must be a whole number, not 2.0"):
        replace(plan(random_network(0, (3, 2))), **{kind: 2.0})


def test_the_input_word():
    shape = plan(random_network(0, (9, 5, 3)))
    ports = (Field("address_0", 4), Field("valid_0", 1), Field("address_1", 4), Field("valid_1", 1))
    assert shape.source_bits == shape.layers[0].source_bits == 4
    assert shape.input_word == Word((*ports, Field("end", 1)))
    assert replace(shape, spikes_per_token=1).input_word == Word((*ports[:2], Field("end", 1)))
    assert plan(random_network(0, (9, 3)), spikes_per_token=1).input_word == Word((*ports[:2], Field("end", 1)))


@pytest.mark.parametrize("sizes", [(5, 3), (5, 4, 3), (5, 6, 7, 3)])
def test_shapes_as_dictionaries(sizes):
    shape = plan(random_network(0, sizes), 2)
    assert EngineShape.from_dict(shape.as_dict()) == shape
    assert EngineShape.from_dict(json.loads(json.dumps(shape.as_dict()))).digest == shape.digest
    others = [
        replace(shape, queue_depth=8),
        replace(shape, spikes_per_token=1),
        replace(shape, time_steps=5),
        replace(shape, output=replace(shape.output, neurons=4)),
    ]
    assert len({other.digest for other in (shape, *others)}) == 5


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: {},
        lambda facts: [],
        lambda facts: None,
        lambda facts: {**facts, "layers": None},
        lambda facts: {**facts, "layers": [{"lanes": 1}]},
        lambda facts: {**facts, "layers": [{**facts["layers"][0], "lane_entries": 4}]},
        lambda facts: {**facts, "output": {}},
        lambda facts: {**facts, "output": 5},
        *(
            lambda facts, left_out=left_out: {name: value for name, value in facts.items() if name != left_out}
            for left_out in ("layers", "output", "spikes_per_token", "time_steps", "queue_depth")
        ),
    ],
)
def test_what_describes_no_engine(change):
    facts = plan(random_network(0, (5, 4, 3))).as_dict()
    with pytest.raises(InputTypeError, match="not the description of an engine"):
        EngineShape.from_dict(change(facts))
