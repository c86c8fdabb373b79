"""Maps: sizes, windows and what a source's spike adds, against loops; and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import InputError, InputTypeError, LatencyEncoder, Maps, Network, load_network, save_network

from .. import naive_model
from ..random_networks import map_networks, random_layer, some_maps

sizes = st.integers(1, 7)
maps_of_all_kinds = st.tuples(st.integers(1, 3), sizes, sizes).flatmap(lambda shape: some_maps(*shape))


def one_layer(seed, maps, channels=2, **options):
    return random_layer(np.random.default_rng(seed), maps.taps, channels, maps=maps, **options)


@given(maps_of_all_kinds, st.integers(0, 2**32 - 1), st.sampled_from([0.2, 1.0]))
@settings(max_examples=300, deadline=None)
def test_operations_and_potential_range_are_those_of_the_unrolled_weights(maps, seed, connectivity):
    layer = one_layer(seed, maps, connectivity=connectivity)
    weights = np.array(naive_model.unrolled(layer.dense().tolist(), maps))
    assert weights.shape == (layer.targets, layer.sources) == (2 * maps.positions, maps.sources)
    assert layer.operations.tolist() == naive_model.weights_read(layer.dense().tolist(), maps)
    if maps.positions == 1:
        assert layer.operations.tolist() == np.count_nonzero(weights, axis=0).tolist()
    start = np.repeat(layer.initial_potentials, maps.positions) - layer.threshold
    low, high = layer.potential_range
    assert low.tolist() == (start + np.minimum(weights, 0).sum(axis=1)).tolist()
    assert high.tolist() == (start + np.maximum(weights, 0).sum(axis=1)).tolist()
    assert layer.possible_synapses == 2 * maps.taps


@given(maps_of_all_kinds)
@settings(max_examples=100, deadline=None)
def test_windows_of_each_single_spike(maps):
    """Every source is seen exactly where the formula in the docstring puts it."""
    seen = maps.windows(np.eye(maps.sources, dtype=np.int64)).reshape(maps.sources, maps.target_height, maps.target_width, -1)
    wanted = np.zeros_like(seen)
    for source in range(maps.sources):
        channel, place = divmod(source, maps.height * maps.width)
        y, x = (at // maps.pooling for at in divmod(place, maps.width))
        for down in range(maps.target_height):
            for right in range(maps.target_width):
                dy, dx = y - (down * maps.stride - maps.padding), x - (right * maps.stride - maps.padding)
                if 0 <= dy < maps.kernel_height and 0 <= dx < maps.kernel_width:
                    wanted[source, down, right, (channel * maps.kernel_height + dy) * maps.kernel_width + dx] = 1
    np.testing.assert_array_equal(seen, wanted)


def test_flat_is_a_fully_connected_layer():
    maps = Maps.flat(7)
    assert (maps.sources, maps.taps, maps.positions, maps.is_flat) == (7, 7, 1, True)
    whole = Maps.whole(3, 5, 4, pooling=2)
    assert (whole.sources, whole.taps, whole.positions, whole.is_flat) == (60, 3 * 3 * 2, 1, False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": 0}, "channels must be in 1 .. 65536, not 0"),
        ({"height": 300, "width": 300}, "number of sources must be in 1 .. 65536, not 90000"),
        ({"pooling": 9}, "pooling must be in 1 .. 8, not 9"),
        ({"stride": 3}, "stride must be in 1 .. 2, not 3"),
        ({"kernel_height": 7}, "kernel_height must be in 1 .. 6, not 7"),
        ({"kernel_width": 2, "padding": 2}, "kernel_width must be in 3 .. 10, not 2"),
        ({"padding": -1}, "padding must be in 0"),
        (
            {"height": 256, "width": 256, "kernel_height": 256, "kernel_width": 256, "padding": 127},
            "neurons of a channel times taps of each must be in 1",
        ),
    ],
)
def test_sizes_out_of_range(changes, message):
    fitting = {"channels": 1, "height": 6, "width": 6, "kernel_height": 3, "kernel_width": 3}
    Maps(**fitting)
    with pytest.raises(InputError, match=message):
        Maps(**(fitting | changes))
    with pytest.raises(InputTypeError, match=r"must be a whole number, not 1\.5"):
        Maps(**(fitting | {"stride": 1.5}))
    with pytest.raises(InputTypeError, match=r"maps must have the sizes channels, height.*dilation"):
        Maps.from_dict(fitting | {"dilation": 1})


def test_numpy_integers_become_python_integers():
    """They can then be written to a file, and do not wrap."""
    maps = Maps(*np.array([1, 100, 100, 3, 3], np.uint8))
    assert maps == Maps(1, 100, 100, 3, 3)
    assert {type(size) for size in maps.as_dict().values()} == {int}
    assert maps.sources == 10_000


def test_layers_that_do_not_follow_each_other():
    def network(*layers, image=(6, 6)):
        return Network(LatencyEncoder.linear(4), layers, image)

    first = one_layer(0, Maps(1, 6, 6, 3, 3))
    network(first, one_layer(1, Maps.whole(2, 4, 4)))
    network(first, one_layer(1, Maps.flat(32)))
    with pytest.raises(InputError, match="layer 1 has 16 sources, but layer 0 has 32 neurons"):
        network(first, one_layer(1, Maps.whole(1, 4, 4)))
    with pytest.raises(InputError, match="layer 1 has sources of 2 x 2 x 8, but layer 0 neurons of 2 x 4 x 4"):
        network(first, one_layer(1, Maps.whole(2, 2, 8)))
    with pytest.raises(InputError, match="layer 0 has sources of 1 x 6 x 6, but the input neurons of 1 x 4 x 9"):
        network(first, one_layer(1, Maps.whole(2, 4, 4)), image=(4, 9))
    with pytest.raises(InputError, match="row_starts must be one more than the maps' taps, 10, not 9"):
        random_layer(np.random.default_rng(0), 8, 2, maps=Maps(1, 6, 6, 3, 3))


@given(map_networks())
@settings(max_examples=30, deadline=None)
def test_round_trip_through_a_file(tmp_path_factory, network):
    path = tmp_path_factory.mktemp("maps") / "network.safetensors"
    save_network(network, path)
    loaded = load_network(path)
    assert loaded.digest == network.digest
    assert [layer.maps for layer in loaded.layers] == [layer.maps for layer in network.layers]


def test_the_maps_are_part_of_the_digest():
    """The same numbers with another stride are another network."""

    def network(**changes):
        layer = one_layer(3, Maps(1, 5, 5, 3, 3, padding=1, **changes))
        height, width = layer.target_shape[1:]
        return Network(LatencyEncoder.linear(4), [layer, one_layer(4, Maps.flat(2 * height * width))], (5, 5))

    assert len({network().digest, network(stride=2).digest, network(pooling=2).digest}) == 3
