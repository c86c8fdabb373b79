"""Values of the wrong kind, passed by mistake: each is refused by name, and none is taken for something else."""

from dataclasses import replace

import numpy as np
import pytest

from firstspike_spec import (
    InputError,
    InputTypeError,
    LatencyEncoder,
    Layer,
    Maps,
    Network,
    UserError,
    infer,
    load_network,
    profile,
    save_network,
)
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.plan import plan

from ..random_networks import random_network

NETWORK = random_network(0, (6, 4, 3))
IMAGES = np.zeros((2, 6), np.uint8)


@pytest.mark.parametrize(
    ("weights", "initial_potentials", "message"),
    [
        (
            np.ones((2, 3), int),
            [0] * 5,
            r"initial_potentials must have the shape \(2,\), one for each row of weights, not \(5,\)",
        ),
        (
            np.ones((4, 3), int),
            [0] * 2,
            r"initial_potentials must have the shape \(4,\), one for each row of weights, not \(2,\)",
        ),
        (np.ones((2, 3), int), [[0], [0]], r"initial_potentials must have the shape \(2,\)"),
        (np.ones((2, 3), int), 0, r"initial_potentials must have the shape \(2,\)"),
        (np.ones((2, 3), int), [0, [0]], "initial_potentials must be an array, or lists of one length"),
        ([[1, 2], [3]], [0, 0], r"weights must be an array, or lists of one length, not \[\[1, 2\], \[3\]\]"),
        ([1, 2], [0, 0], r"weights must have the shape \(targets, sources\), not \(2,\)"),
        (None, [0], "weights must be integers, not an array of type object"),
        ([[10**30]], [0], "weights must be integers, not an array of type object"),
        (np.array([[1 << 63]], np.uint64), [0], r"row_weights\[0\] must be in -8 .. 7"),
        (np.zeros((0, 3), int), [], r"number of neurons must be in 1 .. 65536, not 0"),
        (np.zeros((3, 0), int), [0] * 3, r"number of sources must be in 1 .. 65536, not 0"),
        (np.ones((1, 1), int), [0.5], "initial_potentials must be integers, not an array of type float64"),
    ],
)
def test_from_dense(weights, initial_potentials, message):
    with pytest.raises(UserError, match=message):
        Layer.from_dense(weights, initial_potentials, 1, 4)


def test_maps_that_are_none_and_ragged_activity():
    with pytest.raises(InputTypeError, match="maps must be Maps, not 'x'"):
        Layer.from_dense([[1]], [0], 1, 4, maps="x")
    with pytest.raises(InputError, match="activity must be an array, or lists of one length"):
        Layer.from_dense([[1]], [0], 1, 4, activity=[[1], 1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder": [2, 1]}, r"encoder must be a LatencyEncoder, not \[2, 1\]"),
        ({"layers": NETWORK.layers[0]}, "layers must be a list, not Layer"),
        ({"layers": [1]}, "layers must be a list of Layer, not of 1"),
        ({"layers": None}, "layers must be a list, not None"),
        ({"input_shape": 6}, "input_shape must be a list, not 6"),
        ({"input_shape": "6"}, "input_shape must be a list, not '6'"),
        ({"class_names": "abc"}, "class_names must be a list, not 'abc'"),
        ({"class_names": ["a", "\ud800", "c"]}, r"class_names must be strings, not .*ud800"),
        ({"provenance": []}, r"provenance must be a dictionary, not \[\]"),
        ({"provenance": {"a": "\ud800"}}, r"provenance\['a'\] is '.*ud800', which JSON cannot hold"),
        ({"provenance": {"a": [{"\ud800": 1}]}}, r"provenance\['a'\]\[...\] has the key '.*ud800'"),
        ({"provenance": {"a": 10**100}}, "whole numbers of at most 256 bits are kept"),
    ],
)
def test_parts_of_a_network(changes, message):
    with pytest.raises(UserError, match=message):
        replace(NETWORK, **changes)


def test_an_array_is_a_shape_too():
    assert replace(NETWORK, input_shape=np.array([6])).input_shape == (6,)


@pytest.mark.parametrize("lanes", [1.5, "4", None, {}, object(), [1.5], [[1]], True, np.float64(2), [], [4, 4], 0, 257])
def test_lanes(lanes):
    with pytest.raises(UserError, match="lanes must be "):
        plan(NETWORK, lanes)


def test_lanes_as_numpy_gives_them():
    assert plan(NETWORK, np.int64(2)) == plan(NETWORK, np.array([2])) == plan(NETWORK, (2,))


@pytest.mark.parametrize("path", [None, 5, b"x", [], {}, 3.5, np.array("x")])
def test_files_are_named_by_paths(path):
    with pytest.raises(InputTypeError, match="a network's file is named by a path, not "):
        load_network(path)
    with pytest.raises(InputTypeError, match="a network's file is named by a path, not "):
        save_network(NETWORK, path)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "", "x" * 10_000])
def test_names_that_no_file_can_have(name, tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        load_network(f"{tmp_path}/{name}")


@pytest.mark.parametrize("network", [None, "networks/mnist-mlp.safetensors", b"", 5, NETWORK.layers[0]])
def test_values_that_are_not_a_network(network, tmp_path):
    for use in (
        lambda: infer(network, IMAGES),
        lambda: profile(network, IMAGES),
        lambda: save_network(network, tmp_path / "n.safetensors"),
        lambda: plan(network, 2),
        lambda: compile_network(network, plan(NETWORK, 2)),
    ):
        with pytest.raises(InputTypeError, match=r"a Network is wanted, not .*; load_network reads one from a file"):
            use()


@pytest.mark.parametrize("images", [None, 5, "x", [[0] * 6]])
def test_values_that_are_not_images(images):
    with pytest.raises(InputTypeError, match="images must be an array of uint8"):
        infer(NETWORK, images)
    with pytest.raises(InputTypeError, match="images must be an array of uint8"):
        profile(NETWORK, images)


def test_networks_too_large_for_any_engine_run_in_the_golden_model():
    """Only the compiler refuses them, and says what would fit."""
    convolution = Layer.from_dense(np.ones((2, 9), int), [0, 0], 2, 4, maps=Maps(1, 4, 4, 3, 3))
    network = Network(LatencyEncoder.linear(4), [convolution], (4, 4))
    assert infer(network, np.full((1, 4, 4), 255, np.uint8)).classes == [0]
    with pytest.raises(InputError, match="a convolution with 4 neurons a class; add a fully connected layer"):
        plan(network, 2)
    wide = Layer([0] * ((1 << 16) + 1), [], [], [0, 0], 1, 4)
    network = Network(LatencyEncoder.linear(4), [wide], (256, 256))
    assert infer(network, np.zeros((1, 256, 256), np.uint8)).classes == [0]
    with pytest.raises(InputError, match="it has 65,536 inputs, an engine at most 65,535; crop or scale the images"):
        plan(network, 2)
