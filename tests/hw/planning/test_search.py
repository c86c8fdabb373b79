"""What a plan says of engines, and which of them it thinks worth building."""

import dataclasses

import numpy as np
import pytest

from firstspike_hw.boards.fpga import find_fpga
from firstspike_hw.cycles import interval, latency, replay
from firstspike_hw.cycles.estimate import ERROR
from firstspike_hw.planning import search
from firstspike_hw.planning.estimates import Estimate
from firstspike_hw.planning.search import Outlook, outlooks, pareto_front, shapes_to_try
from firstspike_spec import InputTypeError
from firstspike_spec.compiler.compile import compile_network

from ...spec.random_layered_networks import random_chain
from ...spec.random_networks import random_network

FPGA = find_fpga("ecp5-25k")


def outlook(luts, rate, *, fits=True):
    return Outlook((4,), 1, fits, 5, Estimate(luts, 0.1), Estimate(100, 0.1), 10, 20, 0, rate, 1, 2, 0.9)


@pytest.fixture
def network():
    return random_network(1, (12, 9, 3))


@pytest.fixture
def times(network):
    return network.spike_times(np.random.default_rng(0).integers(0, 256, (40, 12)).astype(np.uint8))


@pytest.fixture
def four_block_rams(monkeypatch):
    """An engine takes four block RAMs, whatever it is."""
    monkeypatch.setattr(search, "block_rams", lambda shapes, fpga, toolchain: [4 for _ in shapes])
    monkeypatch.setattr(search, "least_block_rams", lambda shape, fpga: 4)


def test_the_front_has_what_is_a_tenth_faster_than_all_that_is_smaller():
    found = [
        outlook(100, 10),
        outlook(100, 12),
        outlook(90, 5),
        outlook(150, 13),
        outlook(160, 14),
        outlook(10, 99, fits=False),
    ]
    assert [(one.luts.value, one.images_per_second) for one in pareto_front(found)] == [(90, 5), (100, 12), (160, 14)]
    assert pareto_front([]) == []


@pytest.mark.usefixtures("four_block_rams")
def test_cycles_are_those_of_the_model(network, times):
    shape = FPGA.family.plan(network, 3)
    (one,) = outlooks(network, FPGA, times, shapes=[shape], engines=2, exact=True, toolchain="yowasp")
    image = compile_network(network, shape)
    alone = latency(replay(image, times, stream_images=1, early_exit=True))
    assert one.cycles_mean == interval(replay(image, times, stream_images=20, early_exit=True)).mean
    assert one.latency_us_median == pytest.approx(alone.median / one.fmax_mhz.value)
    assert one.images_per_second == pytest.approx(2 * one.fmax_mhz.value * 1e6 / one.cycles_mean)
    assert (one.lanes, one.engines, one.block_rams, one.fits, one.cycles_error) == ((3,), 2, 8, True, 0)


@pytest.mark.usefixtures("four_block_rams")
def test_a_search_estimates_cycles(network, times):
    shape = FPGA.family.plan(network, 3)
    exact, estimated = (
        outlooks(network, FPGA, times, shapes=[shape], engines=1, exact=exact, toolchain="yowasp")[0]
        for exact in (True, False)
    )
    assert (estimated.luts, estimated.block_rams, estimated.fmax_mhz) == (exact.luts, exact.block_rams, exact.fmax_mhz)
    assert estimated.cycles_error == ERROR
    assert estimated.cycles_mean == pytest.approx(exact.cycles_mean, rel=0.5)  # so few cycles are mostly short waits


@pytest.mark.usefixtures("four_block_rams")
def test_as_many_engines_as_there_is_room_for(network, times):
    """By default every number of engines that fits; what does not fit is told only if it was asked for."""
    shapes = [FPGA.family.plan(network, lanes) for lanes in (1, 2)]
    options = {"exact": False, "toolchain": "yowasp"}
    found = outlooks(network, FPGA, times, shapes=shapes, engines=None, **options)
    assert all(one.fits for one in found)
    for lanes in (1, 2):
        mine = [one for one in found if one.lanes == (lanes,)]
        room = int(0.95 * FPGA.logic // mine[0].luts.value)
        assert [one.engines for one in mine] == list(range(1, min(FPGA.block_rams // 4, room) + 1))
    tiny = dataclasses.replace(FPGA, logic=10)
    assert outlooks(network, tiny, times, shapes=shapes[:1], engines=None, **options) == []
    (one,) = outlooks(network, tiny, times, shapes=shapes[:1], engines=1, **options)
    assert not one.fits


def test_shapes_to_try(network):
    """No more lanes than the widest hidden layer has neurons, and only what the compiler takes."""
    lanes = [shape.layers[0].lanes for shape in shapes_to_try(network, FPGA)]
    assert lanes[0] == 1
    assert max(lanes) <= max(layer.targets for layer in network.layers[:-1])


@pytest.mark.usefixtures("four_block_rams")
def test_layered_networks_are_refused(network):
    layered, times = random_chain(0, (12, 9, 3)), np.zeros((2, 12), np.int16)
    refusal = "the network is layered, and the chain of layers runs step-by-step networks only"
    with pytest.raises(InputTypeError, match=refusal):
        shapes_to_try(layered, FPGA)
    shapes = shapes_to_try(network, FPGA)
    for exact in (True, False):
        with pytest.raises(InputTypeError, match=refusal):
            outlooks(layered, FPGA, times, shapes=shapes, engines=1, exact=exact, toolchain="yowasp")
