"""Placement on the processor's lanes: every unit once, no lane with more than it must have, and work and memory shared."""

import math
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import InputCode, LayeredLayer, LayeredNetwork, Projection, linear_kernel
from firstspike_spec.processor.placement import NetworkUnits, place_network

from ..random_layered_networks import layered_networks, random_chain, random_layered_map_network, with_layered_activity


def works_of(network, placement, index):
    """Return the expected additions of each lane for the tiles of a layer without slots, from the network's own counts."""
    layer, placed = network.layers[index], placement.layers[index]
    tiles, lanes, _numbers = placed.owners()
    works = np.zeros((len(placed.tiles), len(placement.lane_entries)))
    for part in layer.projections:
        activity = np.full(part.sources, 65535) if part.activity is None else part.activity
        for channel in range(layer.channels):
            alone = replace(part, **single_channel(part, channel))
            works[tiles[channel], lanes[channel]] += alone.operations @ activity.astype(np.int64)
    return works


def single_channel(part, channel):
    """Return the rows of a projection to one target channel only."""
    keep = part.row_targets == channel
    starts = np.concatenate([[0], np.cumsum(np.bincount(part.taps_of_synapses[keep], minlength=part.maps.taps))])
    return {"row_starts": starts, "row_targets": part.row_targets[keep], "row_weights": part.row_weights[keep]}


@given(layered_networks(max_channels=6), st.integers(1, 9), st.integers(0, 2000), st.booleans())
@settings(max_examples=80, deadline=None)
def test_every_unit_has_one_place(network, lanes, more, active):
    network = with_layered_activity(network, 1) if active else network
    units = NetworkUnits(network)
    slots = units.fewest_slots(1 << 16)
    potentials = max(units.layout(index, 1).places(1) for index in range(len(network.layers))) + more
    placement = place_network(units, slots, lanes, potentials)
    entries = np.zeros(lanes, np.int64)
    for index, layer in enumerate(placement.layers):
        placed = np.concatenate([tile[tile >= 0] for tile in layer.tiles])
        assert sorted(placed) == list(range(layer.layout.units))
        for tile in layer.tiles:
            assert layer.layout.places(tile.shape[1]) <= potentials
            counts = (tile >= 0).sum(axis=1)
            assert counts.max() == tile.shape[1] == math.ceil(counts.sum() / lanes)
            assert all((row[:count] >= 0).all() for row, count in zip(tile, counts, strict=True))
        most = max(1, (potentials - layer.layout.lead) // layer.layout.unit_places)
        assert len(layer.tiles) == math.ceil(math.ceil(layer.layout.units / lanes) / most)
        np.add.at(entries, layer.owners()[1][layer.units.entries.units], 1)
        works = works_of(network, placement, index)
        spikes = sum(
            65535 * part.sources if part.activity is None else int(part.activity.sum())
            for part in network.layers[index].projections
        )
        assert layer.cycles == sum(max(spikes, work.max()) for work in works)
    np.testing.assert_array_equal(placement.lane_entries, entries)


def test_works_and_entries_are_spread():
    """A convolution and fully connected layers over 8 lanes: each lane has little more than an average one."""
    network = random_layered_map_network(2, (3, 12, 12), outputs=40, connectivity=0.3)
    network = with_layered_activity(network, 4)
    placement = place_network(NetworkUnits(network), [1, 1, 1], 8, 4096)
    works = works_of(network, placement, 2)
    assert works.max() < 1.1 * works.mean()
    assert placement.lane_entries.max() < 1.1 * placement.lane_entries.mean()


def test_a_lane_that_has_fewer_entries_gets_more():
    """Five units on four lanes: one lane has two of them. In the next layers, it has one less, or the smallest ones."""
    network = random_chain(3, (30, 5, 5, 5, 5), connectivity=1.0)
    placement = place_network(NetworkUnits(network), [1] * 4, 4, 4096)
    twice = [int(np.argmax((layer.tiles[0] >= 0).sum(axis=1))) for layer in placement.layers]
    assert twice[0] not in twice[1:]


def test_lanes_share_the_work_that_activity_tells():
    """Four units of one entry each: the one with most work and the one with least share a lane."""
    part = Projection.from_dense(0, np.eye(4, dtype=int), 2, [50000, 40000, 20000, 10000])
    layer = LayeredLayer([part], np.zeros(4, int), [2, 1])
    network = LayeredNetwork(InputCode(linear_kernel(2)), linear_kernel(2), [layer], (4,))
    placement = place_network(NetworkUnits(network), [1], 2, 16)
    assert placement.layers[0].tiles[0].tolist() == [[0, 3], [1, 2]]
    assert placement.layers[0].cycles == 120000  # all spikes are read, one a cycle; a lane adds half of them
