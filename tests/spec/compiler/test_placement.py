"""Neurons are placed on lanes exactly by the rule, evenly, and alike on every machine."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import LatencyEncoder, Layer, Network, load_network
from firstspike_spec.compiler import placement
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.placement import place
from firstspike_spec.compiler.plan import plan
from firstspike_spec.network.map_layout import MapLayout

from ..random_networks import networks, random_layer, random_network, with_activity

NETWORKS = Path(__file__).parents[3] / "networks"


def naive_places(layer, lanes):
    """Return (lane, number) of each neuron, by the rule in plain loops over Python's integers."""
    likelihoods = [
        32 if layer.activity is None else int(layer.activity[source]) // 1024 + 2 for source in range(layer.sources)
    ]
    weights = layer.dense().tolist()
    rows = []
    for neuron in range(layer.targets):
        row = [source for source in range(layer.sources) if weights[neuron][source]]
        if int(layer.initial_potentials[neuron]) >= layer.threshold:
            row.append(layer.sources)
        rows.append(row)
    likelihoods.append(64)
    work = [sum(likelihoods[source] for source in row) for row in rows]
    members = [[] for _lane in range(lanes)]
    for neuron in sorted(range(layer.targets), key=lambda neuron: (-work[neuron], neuron)):
        costs = []
        for lane, owned in enumerate(members):
            if len(owned) < -(-layer.targets // lanes):
                load = sum(work[other] for other in owned)
                lengths = [sum(source in rows[other] for other in owned) for source in rows[neuron]]
                cost = sum(
                    likelihoods[source] * (64 * 64 * length**2 + load)
                    for source, length in zip(rows[neuron], lengths, strict=True)
                )
                costs.append((cost, lane))
        members[min(costs)[1]].append(neuron)
    return {neuron: (lane, number) for lane, owned in enumerate(members) for number, neuron in enumerate(owned)}


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 20), st.integers(1, 8), st.booleans())
@settings(max_examples=150, deadline=None)
def test_places_by_the_rule(seed, sources, targets, lanes, measured):
    generator = np.random.default_rng(seed)
    layer = random_layer(generator, sources, targets, connectivity=generator.choice([0.1, 0.5, 1.0]))
    if measured:
        layer = replace(layer, activity=generator.integers(0, 1 << 16, sources))
    placed = place(layer, lanes)
    expected = naive_places(layer, lanes)
    got = dict(enumerate(zip(placed.lanes.tolist(), placed.numbers.tolist(), strict=True)))
    assert got == expected


def test_all_of_16_bits_fit():
    """The largest possible cost: all connections of the largest layer in one lane."""
    sources, targets = 1 << 12, 1 << 16
    placed = (placement.SURE + placement.RARE - 1) * sources
    cost = placed * (placement.SPREAD * placement.SURE * targets**2 + placed * targets)
    assert cost < 1 << 63


def layer_of(rows, targets, **options):
    """A layer whose source ``i`` reaches the neurons ``rows[i]``."""
    weights = np.zeros((targets, len(rows)), int)
    for source, row in enumerate(rows):
        weights[row, source] = 1
    return Layer.from_dense(weights, np.zeros(targets, int), 1, 4, **options)


def test_the_entries_of_a_source_are_spread():
    """Each of 4 lanes has one of the 4 neurons that a source reaches, though all lanes have the same work anyway."""
    layer = layer_of([[0, 1, 2, 3], [4, 5, 6, 7], [0, 4], [1, 5], [2, 6], [3, 7]], 8)
    lanes = place(layer, 4).lanes
    assert sorted(lanes[:4]) == sorted(lanes[4:]) == [0, 1, 2, 3]
    assert place(layer, 4).row_entries() == 1


def test_the_start_row_is_spread_too():
    network = random_network(0, (4, 12, 2), connectivity=0.0, threshold=3)
    layer = replace(network.layers[0], initial_potentials=[3, 0, 0, 4, 0, 0, 5, 0, 0, 9, 0, 0])
    assert sorted(place(layer, 4).lanes[::3]) == [0, 1, 2, 3]
    assert place(layer, 4).row_entries() == 1


def test_neurons_with_busy_sources_are_spread():
    """All 8 neurons have 3 separate sources. If it is known which sources spike, each lane gets one busy neuron."""
    rows = [[source // 3] for source in range(24)]
    activity = np.where(np.arange(24) < 12, 60_000, 0)
    lanes = place(layer_of(rows, 8, activity=activity), 4).lanes
    assert sorted(lanes[:4]) == sorted(lanes[4:]) == [0, 1, 2, 3]


def test_sources_that_never_spiked_are_spread_too():
    """Their rows need room too."""
    layer = layer_of([list(range(8)), list(range(8))], 8, activity=[0, 0])
    assert place(layer, 4).row_entries() == 2
    assert place(layer, 4).bank_entries(1) == 4


@given(networks(max_layers=3), st.integers(1, 3), st.integers(1, 2), st.integers(1, 9), st.booleans())
@settings(max_examples=60, deadline=None)
def test_what_fits_an_engine_fits_every_larger_one(network, banks, bank_lanes, more, measured):
    """The places depend on the number of lanes, not on their sizes."""
    network = with_activity(network, 0) if measured else network
    shape = plan(network, banks * bank_lanes, bank_lanes=bank_lanes)
    for sizes in (("lane_neurons",), ("bank_entries",), ("row_entries",), ("lane_neurons", "bank_entries", "row_entries")):
        layers, source_bits = [], shape.source_bits
        for layer in shape.layers:
            larger = {name: getattr(layer, name) + more for name in sizes}
            layers.append(replace(layer, source_bits=source_bits, **larger))
            source_bits = layers[-1].address_bits
        output = replace(shape.output, source_bits=source_bits)
        image = compile_network(network, EngineShape(tuple(layers), output, 2, network.time_steps))
        for got, expected in zip(image.addresses, compile_network(network, shape).addresses, strict=True):
            np.testing.assert_array_equal(got, expected)


def test_without_activity_all_sources_count_alike():
    network = random_network(4, (30, 40, 5))
    layer = network.layers[0]
    same = replace(layer, activity=np.full(30, 30 * 1024))  # its likelihood equals that of an unknown activity
    for lanes in (3, 8):
        np.testing.assert_array_equal(place(same, lanes).lanes, place(layer, lanes).lanes)
        assert (place(replace(layer, activity=np.arange(30) * 2000), lanes).lanes != place(layer, lanes).lanes).any()


# The networks that come with firstspike.


def busiest_share(layer, lanes, activity, images=500):
    """Return the work of the busiest lane divided by the mean, over images whose sources spike independently."""
    generator, layout = np.random.default_rng(0), MapLayout(layer.maps)
    placed = place(layer, lanes)
    entries = np.zeros((layout.rows, lanes))
    lane_of_channel = placed.lanes[:: layer.maps.positions]
    np.add.at(entries, (layout.row_of_tap[layer.taps_of_synapses], lane_of_channel[layer.row_targets]), 1)
    seen = layout.row_of_source >= 0
    spikes = (generator.random((images, layer.sources)) < activity / 65535)[:, seen]
    work = spikes @ entries[layout.row_of_source[seen]]
    return work.max(axis=1).mean() / work.mean()


#: Hidden layers of these networks, and lanes. With one source channel, the activity makes no difference.
SHIPPED_LAYERS = [(path.stem, 0, 16) for path in sorted(NETWORKS.glob("*-mlp*.safetensors"))]
SHIPPED_LAYERS += [("mnist-conv", 1, 16), ("mnist-conv", 2, 4)]


@pytest.mark.parametrize(("name", "number", "lanes"), SHIPPED_LAYERS)
def test_activity_evens_out_the_lanes_of_shipped_networks(name, number, lanes):
    layer = load_network(NETWORKS / f"{name}.safetensors").layers[number]
    unknown = replace(layer, activity=None)
    known, guessed = (busiest_share(one, lanes, layer.activity) for one in (layer, unknown))
    assert known < guessed
    assert known < 1.2  # 16 lanes are at least as fast as 13 perfectly balanced ones


@pytest.mark.parametrize(("name", "bank_entries"), [("mnist-mlp-2", 1024), ("mnist-mlp", 2048), ("fashion-mlp", 2048)])
def test_banks_of_32_lanes_take_the_fewest_block_rams(name, bank_entries):
    """A bank's entries fill one or two block RAMs, and a pointer, with lengths of 3 bits, one word of 18 bits."""
    (layer,) = plan(load_network(NETWORKS / f"{name}.safetensors"), 32, bank_lanes=2).layers
    assert layer.bank_entries <= bank_entries
    assert layer.row_entries <= 7
    assert layer.pointer.bits <= 18


def test_a_network_of_one_neuron_on_many_lanes():
    network = Network(LatencyEncoder.linear(4), (layer_of([[0]], 1), layer_of([[0]], 1)), (1,))
    assert place(network.layers[0], 4).lanes.tolist() == [0]
