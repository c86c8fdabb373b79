"""Layouts of layers in the processor: base plus offset is the neuron's place in its slot, or a place that never fires."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import LayeredLayer, Maps, Projection
from firstspike_spec.processor.layout import LayerLayout

from ..random_layered_networks import _maps_with_positions
from ..random_networks import some_maps


def neuron_places(layout, units):
    """Return where each neuron that can fire lies in a lane with all units, by (unit, y, x), as `Fire` reads them."""
    found, side, slots = {}, layout.layer.max_pooling, layout.slots
    for unit in range(units):
        for y, x in product(range(layout.fired_rows * side), range(layout.fired_columns * side)):
            window, within = divmod(y, side)
            if window % slots == unit % slots:
                row = window // slots * side + within
                assert row < layout.unit_rows
                assert x < layout.pitch
                found[unit, y, x] = layout.lead + (unit * layout.unit_rows + row) * layout.pitch + x
    return found


def check(layout):
    """Follow every weight from every source; return how many led to a neuron that can fire."""
    slots, side = layout.slots, layout.layer.max_pooling
    places = neuron_places(layout, layout.units)
    taken = {place: key for key, place in places.items()}
    assert len(taken) == len(places), "two neurons at one place"
    seen = 0
    for part in layout.projections:
        maps, dense = part.maps, part.part.dense()
        rows = [[] for _row in range(part.rows)]
        for row, unit, offset, weight in zip(*(values.tolist() for values in part.entries(slots, layout.pitch)), strict=True):
            rows[row].append((unit, offset, weight))
        operations = part.part.operations.reshape(maps.source_shape)
        for channel, y, x in product(*(range(size) for size in maps.source_shape)):
            expected = []  # (unit, neuron's y, x, weight) that the definition of maps gives
            for dy, dx in product(range(maps.kernel_height), range(maps.kernel_width)):
                down, rest_down = divmod(y // maps.pooling + maps.padding - dy, maps.stride)
                right, rest_right = divmod(x // maps.pooling + maps.padding - dx, maps.stride)
                inside = 0 <= down < layout.fired_rows * side and 0 <= right < layout.fired_columns * side
                if not rest_down and not rest_right and inside:
                    tap = (channel * maps.kernel_height + dy) * maps.kernel_width + dx
                    for target in np.flatnonzero(dense[:, tap]):
                        unit = int(target) * slots + down // side % slots
                        expected.append((places[unit, down, right], int(dense[target, tap])))
            if not (part.down.seen[y] and part.right.seen[x]):
                assert not expected
                assert not operations[channel, y, x]
                continue
            row = rows[channel * part.channel_rows + part.down.rows[y] * part.right.row_count + part.right.rows[x]]
            assert len(row) == operations[channel, y, x]
            base = part.down.bases[y] * layout.pitch + part.right.bases[x]
            got = []
            for unit, offset, weight in row:
                place = layout.lead + unit * layout.unit_places + base + offset
                assert 0 <= place < layout.places(layout.units)
                if place in taken:
                    assert taken[place][0] == unit, "a weight leads to another unit's neuron"
                    got.append((place, weight))
            assert sorted(got) == sorted(expected)
            seen += len(got)
    return seen


@st.composite
def layers(draw):
    """A convolution over one source, or over two; and how many slots it may have."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.integers(1, 2)), draw(st.integers(1, 9)), draw(st.integers(1, 7))
    maps = draw(some_maps(*shape))
    parts, shapes = [maps], [shape]
    if draw(st.booleans()):
        other = draw(st.integers(1, 2)), draw(st.integers(1, 11)), draw(st.integers(1, 11))
        choices = list(_maps_with_positions(other, (maps.target_height, maps.target_width)))
        if choices:
            parts.append(draw(st.sampled_from(choices)))
            shapes.append(other)
    channels = draw(st.integers(1, 3))
    projections = [
        Projection.from_dense(number, generator.integers(-3, 4, (channels, part.taps)), 4, maps=part)
        for number, part in enumerate(parts)
    ]
    most = min(3, maps.target_height, maps.target_width)
    layer = LayeredLayer(projections, np.zeros(channels, int), [2, 1], draw(st.integers(1, most)))
    rows = layer.spike_shape[1]
    slots = draw(st.sampled_from([slots for slots in (1, 2, 4) if slots <= rows and (maps.is_convolution or slots == 1)]))
    return LayerLayout(layer, shapes, slots)


def test_every_weight_leads_to_its_neuron(record_property):
    reached = 0

    @given(layers())
    @settings(max_examples=300, deadline=None)
    def compare(layout):
        nonlocal reached
        reached += check(layout)

    compare()
    assert reached > 10_000
    record_property("values", reached)


@pytest.mark.parametrize(("slots", "unit_rows", "rows", "entries"), [(1, 33, 2, 18), (2, 17, 8, 72), (4, 9, 16, 144)])
def test_slots_repeat_the_rows_and_the_entries(slots, unit_rows, rows, entries):
    """With max pooling by 2 and more than one slot, the rows of a source take turns with a period of 2 * slots."""
    maps = Maps(2, 32, 32, 3, 3, padding=1)
    part = Projection.from_dense(0, np.ones((1, maps.taps), int), 2, maps=maps)
    layout = LayerLayout(LayeredLayer([part], [0], [2, 1], 2), [(2, 32, 32)], slots)
    assert (layout.fired_rows, layout.fired_columns, layout.units) == (16, 16, slots)
    assert (layout.pitch, layout.unit_rows, layout.lead) == (33, unit_rows, 34)
    assert layout.projections[0].rows == rows
    assert np.bincount(layout.projections[0].entries(slots, 33).units).tolist() == [entries // slots] * slots


def test_fully_connected_layers_have_a_row_for_each_place():
    """Flat ones too, whatever the shape of their source; with average pooling, several sources share a row."""
    dense = np.arange(1, 13)[None]
    layer = LayeredLayer([Projection.from_dense(0, dense, 5), Projection.from_dense(1, dense, 5)], [0], [2, 1])
    layout = LayerLayout(layer, [(3, 2, 2), (12, 1, 1)], 1)
    assert (layout.pitch, layout.unit_rows, layout.lead) == (1, 1, 0)
    assert [part.channel_rows for part in layout.projections] == [4, 1]
    for part in layout.projections:
        rows, _units, offsets, weights = part.entries(1, 1)
        assert rows[np.argsort(weights)].tolist() == list(range(12))
        assert not offsets.any()
    pooled = Projection.from_dense(0, np.ones((1, 4), int), 2, maps=Maps.whole(1, 3, 4, 2))
    (part,) = LayerLayout(LayeredLayer([pooled], [0], [2, 1]), [(1, 3, 4)], 1).projections
    assert (part.down.rows.tolist(), part.right.rows.tolist(), part.rows) == ([0, 0, 1], [0, 0, 1, 1], 4)
