"""The compiler: every connection is in its place."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import LatencyEncoder, Layer, Network
from firstspike_spec.common.words import Field, Word
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.plan import plan
from firstspike_spec.compiler.shapes import OutputShape

from ..random_networks import networks, random_network
from .contents_reading import check_contents, hidden_in


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
    assert check_contents(compile_network(network, shape)) > 0
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
    assert check_contents(compile_network(network, shape)) > 0
    for layer, has in zip(network.layers, shape.layers, strict=False):
        assert has.bank_lanes == bank_lanes
        assert has.banks == min(banks, -(-layer.targets // bank_lanes))


def layer_of(weights, initial_potentials, threshold=5, bits=4):
    return Layer.from_dense(np.array(weights), initial_potentials, threshold, bits)


def test_small_contents_word_by_word():
    """Three inputs, four neurons on two lanes, two outputs."""
    hidden = layer_of([[0, 2, 0], [0, 0, 0], [3, 0, -1], [0, 4, 0]], [5, 4, 6, 0])
    output = layer_of([[1, 0, 0, -1], [0, 7, 0, -8]], [0, -2])
    network = Network(LatencyEncoder.linear(4), (hidden, output), (3,))
    shape = plan(network, 2)
    contents = compile_network(network, shape)
    assert (shape.layers[0].bank_entries, shape.layers[0].row_entries, shape.layers[0].address_bits) == (6, 1, 3)
    # Neuron 2 has most work, then 0, 3 and 1, which has none. 3 shares a source with 0: lane 0 has neurons 2 and 3.
    assert [address.tolist() for address in contents.addresses] == [[0b01, 0b11, 0b00, 0b10], [0, 1]]
    (bank,) = contents.banks[0]
    pointers = [(0, 1, 0), (1, 1, 1), (3, 1, 0), (4, 1, 1)]  # start, length in lane 0, in lane 1
    assert bank.pointers.tolist() == [start | first << 3 | second << 4 for start, first, second in pointers]
    entries = [(0, 3), (1, 4), (0, 2), (0, -1), (0, 0), (0, 0)]  # number within the lane, weight
    assert bank.entries.tolist() == [neuron | weight % 16 << 1 for neuron, weight in entries]
    assert bank.initial_potentials.tolist() == [1, 0, -5, -1]
    (part,) = contents.output
    assert part.weights.tolist() == [0x00, 0x01, 0x8F, 0x70, 0, 0, 0, 0]
    assert part.initial_potentials.tolist() == [-5, -7]


@pytest.mark.parametrize(("inputs", "bits"), [(1, 1), (2, 2), (3, 2), (4, 3), (7, 3), (8, 4)])
@pytest.mark.parametrize("sizes", [(3,), (4, 3)])
def test_no_input_has_the_address_of_all_ones(inputs, bits, sizes):
    network = random_network(inputs, (inputs, *sizes), connectivity=1.0)
    shape = plan(network, 2)
    assert shape.source_bits == bits
    assert check_contents(compile_network(network, shape)) > 0


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
def test_no_neuron_has_the_address_of_all_ones(neurons, lanes, bits):
    network = random_network(1, (3, neurons, 2), connectivity=0.5)
    shape = plan(network, lanes)
    assert shape.layers[0].address_bits == shape.output.source_bits == bits
    assert check_contents(compile_network(network, shape)) > 0


@pytest.mark.parametrize("connectivity", [0.0, 1.0])
@pytest.mark.parametrize("start", [4, 5, 6])
@pytest.mark.parametrize("bank_lanes", [1, 2])
def test_start_rows(connectivity, start, bank_lanes):
    """Neurons that can fire at once are listed, those with one less potential are not, and the rows have room for them."""
    generator = np.random.default_rng(0)
    weights = generator.integers(1, 8, (7, 3)) * (generator.random((7, 3)) < connectivity)
    network = Network(LatencyEncoder.linear(4), (layer_of(weights, [start] * 7), layer_of(np.ones((2, 7), int), [9, 0])), (3,))
    shape = plan(network, 2, bank_lanes=bank_lanes)
    contents = compile_network(network, shape)
    assert check_contents(contents) > 0
    _weights, _initial, start_row = hidden_in(contents, 0)
    listed = 7 if start >= 5 else 0
    assert len(start_row) == listed
    entries = int(connectivity) * 21 + listed
    lanes = 4 if entries else 1
    assert shape.layers[0].row_entries == lanes
    assert sum(len(bank.entries) for bank in contents.banks[0]) == entries


def test_a_network_without_connections():
    network = random_network(3, (4, 3, 2), connectivity=0.0)
    assert check_contents(compile_network(network, plan(network, 2))) > 0


@pytest.mark.parametrize(
    ("weight_bits", "per_slice", "slices"), [(1, 16, 1), (2, 8, 2), (4, 4, 3), (5, 3, 4), (8, 2, 5), (9, 1, 10), (16, 1, 10)]
)
def test_slices(weight_bits, per_slice, slices):
    shape = OutputShape(source_bits=4, neurons=10, weight_bits=weight_bits, potential_bits=9)
    assert (shape.rows, shape.slice_neurons, shape.slices, shape.address_bits) == (16, per_slice, slices, 4)
    assert shape.weights == Word(tuple(Field(f"weight_{place}", weight_bits, signed=True) for place in range(per_slice)))
    network = random_network(weight_bits, (9, 10), bits=weight_bits, connectivity=0.8)
    assert check_contents(compile_network(network, plan(network))) > 0


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
    contents = compile_network(network, shape)
    work = np.zeros(lanes, int)
    np.add.at(work, contents.addresses[0][network.layers[0].row_targets] & (lanes - 1), 1)
    assert sum(work) == network.layers[0].synapses
    assert max(work) <= 1.06 * np.mean(work)
    banks = work.reshape(-1, bank_lanes).sum(axis=1)
    assert [len(bank.entries) for bank in contents.banks[0]] == banks.tolist()
    assert shape.layers[0].bank_entries == max(banks)
