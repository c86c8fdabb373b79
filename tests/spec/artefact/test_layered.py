"""Files of layered networks: loading returns what was saved, or an error that says what is wrong."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from safetensors.numpy import load, save

from firstspike_spec import (
    InputCode,
    InputError,
    InputTypeError,
    LayeredLayer,
    LayeredNetwork,
    Maps,
    Projection,
    load_network,
    load_step_network,
    save_network,
)
from firstspike_spec.artefact.container import activity_metadata, in_order
from firstspike_spec.layered.content import activities

from ...levels import THOROUGH
from ..random_layered_networks import layered_networks, random_layered_map_network, with_layered_activity
from .refusals import refused

ROOT = Path(__file__).parents[3]

#: The networks that came with earlier versions, and the beginning of each one's digest.
SHIPPED = {
    "fashion-conv": "d3dbec0c2572b94e",
    "fashion-mlp": "171700fa4e3f1329",
    "mnist-conv": "87316737993b782d",
    "mnist-mlp-2": "9d8fb12f1bbf61f9",
    "mnist-mlp-200": "3ce8d70ee1909bfd",
    "mnist-mlp-448": "5a8f012e39f74391",
    "mnist-mlp-88": "2b9d17d2e5204498",
    "mnist-mlp": "f5b88502dad6609b",
}


@pytest.fixture
def small():
    """A network with a short file and every kind of part: a skip, max pooling, maps, thresholds of two channels."""
    maps = Maps(2, 2, 2, 1, 1)
    first = LayeredLayer([Projection.from_dense(0, [[1, -2]], 3, maps=maps)], [1], [5, 3], 2)
    last = LayeredLayer(
        [Projection.from_dense(1, [[3], [0]], 9), Projection.from_dense(0, [[0, 1], [2, 0]], 3, maps=Maps.whole(2, 2, 2, 2))],
        [5, -6],
        [7, 2],
    )
    code = InputCode([9, 4, 1], [[200, 100, 9], [150, 90, 30]])
    return LayeredNetwork(code, [4, 1], [first, last], (2, 2, 2), ("é", "b"), {"seed": 0, "rate": 1e-05})


@pytest.fixture
def profiled(small):
    """The same with the activity of its sources."""
    return with_layered_activity(small, 0)


def assert_same(one, other):
    assert one.digest == other.digest
    assert one.input_shape == other.input_shape
    assert one.class_names == other.class_names
    assert one.provenance == other.provenance
    np.testing.assert_array_equal(one.kernel, other.kernel)
    np.testing.assert_array_equal(one.input_code.kernel, other.input_code.kernel)
    assert (one.input_code.thresholds is None) == (other.input_code.thresholds is None)
    np.testing.assert_array_equal(one.input_code.thresholds, other.input_code.thresholds)
    for left, right in zip(one.layers, other.layers, strict=True):
        for name in ("initial_potentials", "thresholds", "max_pooling", "potential_bits"):
            np.testing.assert_array_equal(getattr(left, name), getattr(right, name))
        for mine, theirs in zip(left.projections, right.projections, strict=True):
            assert mine.maps == theirs.maps
            for name in ("source", "row_starts", "row_targets", "row_weights", "channels", "weight_bits", "activity"):
                np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))


@given(network=layered_networks())
@settings(max_examples=500 if THOROUGH else 50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trip(network, path):
    for saved in (network, with_layered_activity(network, 3)):
        save_network(saved, path)
        assert_same(load_network(path), saved)
    assert saved.digest == network.digest


def test_the_activity_of_some_projections_only(small, path):
    first, second = small.layers[1].projections
    last = replace(small.layers[1], projections=[first, replace(second, activity=np.arange(8))])
    some = replace(small, layers=[small.layers[0], last])
    save_network(some, path)
    assert_same(load_network(path), some)


def test_saving_twice_gives_the_same_bytes(either, path, tmp_path):
    save_network(either, path)
    save_network(load_network(path), tmp_path / "again.safetensors")
    assert path.read_bytes() == (tmp_path / "again.safetensors").read_bytes()


def test_the_digest_says_what_the_network_computes(small):
    """Each part counts in it, and the activity does not."""
    first, last = small.layers
    code = small.input_code
    others = [
        replace(small, kernel=[5, 1]),
        replace(small, input_code=InputCode([9, 4, 2], code.thresholds)),
        replace(small, input_code=InputCode(code.kernel, [[200, 100, 9], [150, 90, 31]])),
        replace(small, input_code=InputCode(code.kernel)),
        replace(small, layers=[replace(first, thresholds=[5, 2]), last]),
        replace(small, layers=[replace(first, initial_potentials=[2]), last]),
        replace(small, layers=[replace(first, potential_bits=20), last]),
        replace(small, layers=[first, replace(last, projections=last.projections[:1])]),
        replace(small, layers=[first, replace(last, projections=last.projections[::-1])]),
        replace(small, class_names=("a", "b")),
        replace(small, provenance={}),
    ]
    digests = {other.digest for other in [small, *others]}
    assert len(digests) == 1 + len(others)
    assert with_layered_activity(small, 1).digest == small.digest


def test_every_bit_flip_is_refused(either, path):
    """On every change, one bit at each place."""
    save_network(either, path)
    content = path.read_bytes()
    accepted = []
    for place in range(len(content)):
        for flip in [1 << bit for bit in range(8)] + [0xFF] if THOROUGH else [1 << place % 8]:
            damaged = bytearray(content)
            damaged[place] ^= flip
            if refused(path, damaged) is None:
                accepted.append((place, content[max(0, place - 20) : place + 5], chr(damaged[place])))
    assert not accepted


def test_every_truncation_is_refused(either, path):
    save_network(either, path)
    content = path.read_bytes()
    assert all(refused(path, content[:length]) for length in range(0, len(content), 1 if THOROUGH else 3))
    assert refused(path, content + b"\0")


def rebuilt(subject, /, *, tensors=None, drop=(), description=None, **metadata):
    """Return the bytes of a network's file with some of its parts replaced."""
    parts = {**subject.tensors, **activities(subject.layers), **(tensors or {})}
    text = json.dumps({**json.loads(subject.description), **(description or {})}, sort_keys=True)
    header = {"format": "firstspike-network", "format_version": "3", "digest": subject.digest, "network": text}
    header |= activity_metadata(activities(subject.layers)) | metadata
    return in_order(save({name: tensor for name, tensor in parts.items() if name not in drop}, header))


def test_the_helper_rebuilds_the_very_file(either, path):
    save_network(either, path)
    content = path.read_bytes()
    assert refused(path, rebuilt(either)) is None
    assert path.read_bytes() == content


def layers_with(small, index, changes=None, projection=None):
    """Return the description of the layers, with changes in one layer, or in its first projection."""
    layers = json.loads(small.description)["layers"]
    layers[index] |= changes or {}
    if projection is not None:
        layers[index]["projections"][0] |= projection
    return {"description": {"layers": layers}}


def ints(*values):
    return np.array(values, np.int32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": "2"}, "layer 0 must have the numbers threshold, weight_bits, potential_bits"),
        ({"digest": "0" * 64}, "the content is damaged: its digest is .*, the file says 0000000000000000"),
        ({"drop": ("kernel",)}, "tensors are missing or unknown: kernel"),
        ({"drop": ("input.kernel",)}, "tensors are missing or unknown: input.kernel"),
        ({"drop": ("input.thresholds",)}, "the content is damaged: its digest"),
        ({"drop": ("layers.1.projections.1.row_starts",)}, "missing or unknown: layers.1.projections.1.row_starts"),
        ({"tensors": {"layers.0.projections.1.row_starts": ints(0)}}, "missing or unknown: layers.0.projections.1"),
        ({"tensors": {"layers.2.thresholds": ints(2, 1)}}, "tensors are missing or unknown: layers.2.thresholds"),
        ({"tensors": {"kernel": ints(1, 1)}}, r"kernel must fall, but kernel\[0\] = 1 is followed by 1"),
        ({"tensors": {"kernel": ints(4, 0)}}, r"kernel\[1\] must be in 1 .. 65535, not 0"),
        ({"tensors": {"kernel": ints(65536, 1)}}, r"kernel\[0\] must be in 1 .. 65535, not 65536"),
        ({"tensors": {"kernel": ints(1)}}, "number of steps of the kernel must be in 2 .. 32, not 1"),
        ({"tensors": {"kernel": ints(5, 4, 1)}}, "layer 0: it must have 3 thresholds, one for each step of the kernel, not 2"),
        ({"tensors": {"kernel": np.arange(33, 0, -1, dtype=np.int32)}}, r"length of kernel must be in 0 .. 32, not 33"),
        ({"tensors": {"kernel": np.array([4, 1])}}, "kernel must be of type int32, not int64"),
        (
            {"tensors": {"input.thresholds": np.ones(3, np.int16)}},
            r"input.thresholds must have 2 dimensions, not the",
        ),
        (
            {"tensors": {"input.thresholds": np.ones((2, 2), np.int16)}},
            r"thresholds must have the shape \(channels, 3\)",
        ),
        ({"tensors": {"input.thresholds": np.ones((1, 3), np.int16)}}, "thresholds for 2 channels, .* not for 1"),
        ({"tensors": {"input.thresholds": np.ones((0, 3), np.int16)}}, r"must have the shape \(channels, 3\)"),
        (
            {"tensors": {"input.thresholds": np.array([[3, 2, 1], [3, 4, 1]], np.int16)}},
            "channel 1 of the input: encoder thresholds must not rise",
        ),
        ({"tensors": {"layers.0.thresholds": ints(3, 3)}}, "layer 0: thresholds must fall, but thresholds"),
        ({"tensors": {"layers.0.thresholds": ints(3, 0)}}, r"layer 0: thresholds\[1\] must be in 1 .. 2147483647, not 0"),
        ({"tensors": {"layers.0.thresholds": np.array([3, 1])}}, "layers.0.thresholds must be of type int32, not int64"),
        (
            {"tensors": {"layers.1.initial_potentials": ints(1, 2, 3)}},
            "class_names must name the 3 output neurons, not 2",
        ),
        (
            {"tensors": {"layers.0.projections.0.row_weights": np.array([1, 0], np.int8)}},
            r"layer 0: row_weights\[1\] is 0: a pruned connection has no entry",
        ),
        (
            {"tensors": {"layers.0.projections.0.row_weights": np.array([1, 4], np.int8)}},
            r"layer 0: row_weights\[1\] must be in -4 .. 3, not 4",
        ),
        (
            {"tensors": {"layers.0.projections.0.row_weights": np.array([1, 2], np.int16)}},
            "layers.0.projections.0.row_weights must be of type int8, not int16",
        ),
        (
            {"tensors": {"layers.1.projections.0.row_weights": np.array([3], np.int8)}},
            "layers.1.projections.0.row_weights must be of type int16, not int8",
        ),
        (
            {"tensors": {"layers.0.projections.0.row_targets": np.array([0, 1], np.uint16)}},
            r"layer 0: row_targets\[1\] must be in 0 .. 0",
        ),
        ({"tensors": {"layers.0.projections.0.row_targets": ints(0, 0)}}, "row_targets must be of type uint16, not int32"),
        (
            {"tensors": {"layers.0.projections.0.row_starts": ints(0, 1)}},
            "row_starts must be one more than the maps' taps",
        ),
    ],
)
def test_tensors_that_break_a_rule(changes, message, small, path):
    path.write_bytes(rebuilt(small, **changes))
    with pytest.raises(InputError, match=message):
        load_network(path)


@pytest.mark.parametrize(
    ("index", "changes", "projection", "message"),
    [
        (0, {"max_pooling": 0}, None, "layer 0: max_pooling must be in 1 .. 2, not 0"),
        (0, {"max_pooling": 3}, None, "layer 0: max_pooling must be in 1 .. 2, not 3"),
        (0, {"max_pooling": None}, None, "layer 0: max_pooling must be a whole number, not None"),
        (0, {"max_pooling": 1}, None, "layer 1: its projection from source 1 has 1 sources, but layer 0 has 4 neurons"),
        (0, {"potential_bits": None}, None, "layer 0: potential_bits must be a whole number, not None"),
        (
            0,
            {"potential_bits": 5},
            None,
            "layer 0: potential_bits = 5 is too narrow: .* needs 6",
        ),
        (0, {"potential_bits": 33}, None, "layer 0: potential_bits must be in 1 .. 32, not 33"),
        (0, {"more": 1}, None, "layer 0: the description must have the fields"),
        (0, {"projections": []}, None, "layer 0: number of projections must be in 1 .. 8, not 0"),
        (0, {"projections": [0] * 9}, None, "layer 0: number of projections must be in 1 .. 8, not 9"),
        (0, {"projections": {}}, None, "layer 0: the description must have the fields"),
        (0, {"projections": [1]}, None, "layer 0: a projection must have the fields"),
        (0, None, {"source": 1}, r"layer 0: source .* must be in 0 .. 0, not 1"),
        (0, None, {"source": -1}, r"layer 0: source must be in 0 .. 255, not -1"),
        (0, None, {"source": True}, "layer 0: source must be a whole number, not True"),
        (1, None, {"source": 2}, r"layer 1: source .* must be in 0 .. 1, not 2"),
        (0, None, {"weight_bits": 17}, "layer 0: weight_bits must be in 1 .. 16, not 17"),
        (0, None, {"weight_bits": "3"}, "layer 0: weight_bits must be a whole number, not '3'"),
        (0, None, {"weight_bits": 4}, "the content is damaged: its digest"),
        (0, None, {"maps": None}, "layer 0: maps must have the sizes"),
        (0, None, {"maps": {}}, "layer 0: maps must have the sizes"),
        (0, None, {"more": 1}, "layer 0: a projection must have the fields"),
    ],
)
def test_descriptions_that_break_a_rule(index, changes, projection, message, small, path):
    path.write_bytes(rebuilt(small, **layers_with(small, index, changes, projection)))
    with pytest.raises(InputError, match=message):
        load_network(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activity_digest": "0" * 64}, "the activity is damaged: its digest is another; profile, export or download"),
        ({"drop": ("layers.0.projections.0.activity",)}, "the activity is damaged"),
        ({"tensors": {"layers.0.projections.0.activity": ints(*[1] * 8)}}, "activity must be of type uint16, not int32"),
        (
            {"tensors": {"layers.1.projections.0.activity": np.zeros(3, np.uint16)}},
            r"layer 1: activity must have the shape",
        ),
        (
            {"tensors": {"layers.0.projections.1.activity": np.zeros(8, np.uint16)}},
            "tensors are missing or unknown: layers.0",
        ),
    ],
)
def test_activity_that_breaks_a_rule(changes, message, profiled, path):
    path.write_bytes(rebuilt(profiled, **changes))
    with pytest.raises(InputError, match=message):
        load_network(path)


def test_the_saved_tensors_have_the_documented_types(profiled, path):
    save_network(profiled, path)
    types = {name: tensor.dtype.name for name, tensor in load(path.read_bytes()).items()}
    assert types["kernel"] == types["input.kernel"] == "int32"
    assert types["input.thresholds"] == "int16"
    assert types["layers.0.initial_potentials"] == types["layers.0.thresholds"] == "int32"
    part = {name: types[f"layers.0.projections.0.{name}"] for name in ("row_starts", "row_targets", "row_weights", "activity")}
    assert part == {"row_starts": "int32", "row_targets": "uint16", "row_weights": "int8", "activity": "uint16"}
    assert types["layers.1.projections.0.row_weights"] == "int16"  # of nine bits


def test_many_projections_are_no_more_layers_or_neurons_than_their_layers(path):
    """What `LayeredNetwork` accepts can be read again: 200 layers with two projections each."""
    layers = []
    for index in range(200):
        sources = [index, max(0, index - 1)]
        layers.append(LayeredLayer([Projection.from_dense(source, [[1]], 2) for source in sources], [0], [2, 1]))
    network = LayeredNetwork(InputCode([2, 1]), [2, 1], layers, (1,))
    save_network(network, path)
    assert_same(load_network(path), network)


def test_where_a_step_by_step_network_is_wanted(small, path):
    save_network(small, path)
    with pytest.raises(InputError, match="the network is layered, and the chain of layers runs step-by-step networks only"):
        load_step_network(path)
    with pytest.raises(InputTypeError, match="a Network is wanted, not 3"):
        save_network(3, path)


def test_a_network_that_could_not_be_read_is_not_written(small, path):
    notes = {"notes": "x" * (2 << 20)}
    with pytest.raises(InputError, match=r"cannot write .*names and provenance of the network take 2,\d+,\d+ bytes"):
        save_network(replace(small, provenance=notes), path)
    assert not path.exists()


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_networks_of_earlier_versions_keep_their_digest_and_bytes(name, path):
    before = ROOT / "networks" / f"{name}.safetensors"
    network = load_network(before)
    assert network.digest.startswith(SHIPPED[name])
    save_network(network, path)
    assert path.read_bytes() == before.read_bytes()


def test_a_network_of_maps_takes_as_many_bytes_as_its_numbers(path):
    """Three bytes for each connection with weights of a byte, and a header of a few thousand."""
    network = random_layered_map_network(0, (3, 16, 16))
    save_network(network, path)
    numbers = sum(tensor.nbytes for tensor in network.tensors.values())
    assert numbers < path.stat().st_size < numbers + 6000
    assert sum(3 * layer.synapses for layer in network.layers) < numbers
