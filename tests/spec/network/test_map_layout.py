"""Map layouts: base plus offset is the neuron's place, or a place without a neuron."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import Maps
from firstspike_spec.network.map_layout import MapLayout

from ..random_networks import some_maps

sizes = st.integers(1, 8)
maps_of_all_kinds = st.tuples(st.integers(1, 2), sizes, sizes).flatmap(lambda shape: some_maps(*shape))


@given(maps_of_all_kinds, st.integers(1, 3))
@settings(max_examples=500, deadline=None)
def test_every_source_and_tap_lead_to_the_right_place(maps, channels):
    layout = MapLayout(maps)
    numbers = layout.numbers(np.arange(channels)).reshape(channels, maps.target_height, maps.target_width)
    places = layout.lane_places(channels)
    assert len(np.unique(numbers)) == channels * maps.positions
    assert numbers.min() >= 0
    assert numbers.max() < places
    seen, wrong = 0, []
    for channel in range(maps.channels):
        for y in range(maps.height):
            for x in range(maps.width):
                place = layout.place_of_position[y * maps.width + x]
                row, base = layout.row_of_place[place], layout.base_of_place[place]
                if row >= 0:
                    row += channel * layout.rows_of_channel
                assert base >= 0
                for tap in np.flatnonzero(layout.row_of_tap == row):
                    assert layout.offset_of_tap[tap] >= 0
                    tap_channel, rest = divmod(tap, maps.kernel_height * maps.kernel_width)
                    dy, dx = divmod(rest, maps.kernel_width)
                    assert tap_channel == channel
                    down, rest_down = divmod(y // maps.pooling + maps.padding - dy, maps.stride)
                    right, rest_right = divmod(x // maps.pooling + maps.padding - dx, maps.stride)
                    assert rest_down == rest_right == 0
                    for slot in range(channels):
                        at = base + layout.offset_of_tap[tap] + slot * layout.channel_places
                        assert 0 <= at < places
                        if 0 <= down < maps.target_height and 0 <= right < maps.target_width:
                            seen += 1
                            assert at == numbers[slot, down, right]
                        elif at in numbers:
                            wrong.append(at)
    assert not wrong
    # Every source that a neuron sees has a row.
    assert seen == channels * int(maps.counts.sum())


def test_a_map_of_14_by_14_takes_15_by_15_places():
    layout = MapLayout(Maps(16, 14, 14, 3, 3, padding=1))
    assert (layout.pitch, layout.channel_places, layout.origin) == (15, 225, 16)
    strided = MapLayout(Maps(1, 28, 28, 5, 5, stride=2, padding=2))
    assert (strided.pitch, strided.channel_places, strided.rows_of_channel) == (15, 225, 4)
    assert MapLayout(Maps.whole(64, 7, 7, 2)).rows_of_channel == 16
