"""The processor's cycle model against the RTL: every image's cycles, and those between images."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from firstspike_hw.boards.standard import STANDARD_PROCESSORS
from firstspike_hw.cycles.processor import Use, replay
from firstspike_hw.simulation import native_processor
from firstspike_hw.simulation.native_processor import NativeProcessor
from firstspike_spec import (
    InputCode,
    InputError,
    LayeredNetwork,
    Maps,
    Projection,
    compile_layered,
    infer_spikes,
    linear_kernel,
    load_network,
)
from firstspike_spec.processor.spikes import input_words
from firstspike_spec.protocol.processor_results import SpikesLost

from ....levels import THOROUGH, thorough
from ....spec.random_layered_networks import layered_networks, random_layer, random_layered_times
from ...simulation.test_native_processor import SHAPE

NETWORKS = Path(__file__).parents[4] / "networks"

#: Many lanes, so that totals crowd and the merger has three levels; a ring that is often full.
WIDE = replace(SHAPE, lanes=18, potentials=256, rows=2048, spikes=64)


@pytest.fixture(scope="module")
def narrow():
    opened = NativeProcessor(SHAPE)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def wide():
    opened = NativeProcessor(WIDE)
    yield opened
    opened.close()


def words_by_step(shape, network, times):
    """Return an image's words in the order of their steps, as the link gives them; the end comes last."""
    words = [input_words(shape, network, image[None]) for image in times]
    fields = [shape.spike.unpack(image) for image in words]
    orders = [np.lexsort((field["step"], field["end"])) for field in fields]
    return np.concatenate([image[order] for image, order in zip(words, orders, strict=True)])


def check(processor, contents, times, *, by_step=False):
    """Compare all images, back to back, with the model; return the replay and how many values are equal."""
    network, inference = contents.network, infer_spikes(contents.network, times)
    processor.load(contents)
    with pytest.MonkeyPatch.context() as patch:
        if by_step:
            patch.setattr(native_processor, "input_words", words_by_step)
        try:
            got = processor.run(times)
        except SpikesLost as error:
            with pytest.raises(SpikesLost, match=str(error)):
                replay(contents, inference.spike_times, by_step=by_step)
            return None, 1
    found = replay(contents, inference.spike_times, by_step=by_step)
    np.testing.assert_array_equal(found.cycles, got.cycles)
    np.testing.assert_array_equal(found.intervals[1:], np.diff(processor.decision_cycles))
    np.testing.assert_array_equal(found.additions.sum(axis=(1, 2)), inference.synaptic_operations)
    np.testing.assert_array_equal(found.uses.sum(axis=(1, 2)), found.cycles)
    assert found.additions.shape == (len(times), len(network.layers), contents.shape.lanes)
    return found, 4 * len(times) - 1


@given(network=layered_networks(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=800 if THOROUGH else 120, deadline=None)
def test_equals_the_rtl(narrow, network, seed):
    """Networks of all kinds, tiles and rings that wrap, silent images and loud ones."""
    try:
        contents = compile_layered(network, SHAPE)
    except InputError as error:
        event(f"refused: {str(error)[:60]}")
        return
    silent = (0.0, 0.3, 1.0)[seed % 3]
    check(narrow, contents, random_layered_times(seed, network, 1 + seed % 4, silent), by_step=seed % 2 == 1)


def loud_network(seed, channels, *, skip):
    """Return two convolutions that spike much, and an output layer that also reads the first one if it may ``skip``."""
    generator, steps = np.random.default_rng(seed), 2 + seed % 5
    kernel, highest = linear_kernel(steps), [steps] * 4

    def part(source, targets, maps):
        weights = generator.integers(-1, 4, (targets, maps.taps)) * (generator.random((targets, maps.taps)) < 0.7)
        return Projection.from_dense(source, weights, 4, maps=maps)

    def layer(parts, kind="as low as possible"):
        return random_layer(generator, parts, steps, highest, spread=0, kind=kind)

    image = (1, 6 + seed % 3, 7)
    first = layer([part(0, channels, Maps(*image, 3, 3, padding=1))])
    second = layer([part(1, 9, Maps(*first.spike_shape, 2, 3, stride=2, padding=1))])
    read_out = [part(2, 4, Maps.whole(*second.spike_shape))] + [part(1, 4, Maps.whole(*first.spike_shape))] * skip
    return LayeredNetwork(InputCode(kernel), kernel, [first, second, layer(read_out, "reached")], image)


def test_equals_the_rtl_where_queues_and_rings_are_full(wide):
    """Cycles are used in each way, FIRE waits for places of the ring, and spikes are lost in the same images."""
    uses, lost, compared = np.zeros(len(Use), np.int64), 0, 0
    for seed in range(40 if THOROUGH else 10):
        network = loud_network(seed, 3 + seed % 9, skip=seed % 4 == 3)
        contents = compile_layered(network, WIDE)
        found, values = check(wide, contents, random_layered_times(seed, network, 2, silent=0.1), by_step=seed % 4 > 1)
        compared += values
        lost += found is None
        if found is not None:
            uses += found.uses.sum(axis=(0, 1))
    assert (uses > 0).all(), dict(zip(Use, uses, strict=True))
    assert lost > 0
    assert compared >= 50


@thorough
def test_equals_the_rtl_on_a_standard_processor(test_sets):
    """The shipped networks on the largest standard processor; layers are added up while those before them fire."""
    shape, compared = STANDARD_PROCESSORS["ulx3s-85f"], 0
    with closing(NativeProcessor(shape)) as processor:
        for name, dataset in (("mnist-conv-layered", "mnist"), ("fashion-conv-layered", "fashion-mnist")):
            network = load_network(NETWORKS / f"{name}.safetensors")
            times = network.spike_times(test_sets(dataset).images[:4])
            found, values = check(processor, compile_layered(network, shape), times, by_step=True)
            assert found is not None
            compared += values
    assert compared == 30
