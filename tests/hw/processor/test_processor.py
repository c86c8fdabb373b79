"""The processor against the golden model, through its ports."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_hw.memory.style import ECP5_MEMORY, GENERIC_MEMORY, ICE40UP_MEMORY
from firstspike_spec import compile_layered, plan_processor

from ...levels import THOROUGH
from ...spec.processor.processors import shapes_for
from ...spec.random_layered_networks import (
    layered_networks,
    random_chain,
    random_layered_map_network,
    random_layered_times,
)
from .processors import Bench


@pytest.mark.parametrize("stalls", [(0, 0), (0.4, 0.4)])
def test_a_chain(stalls, record_property):
    network = random_chain(1, (9, 12, 7, 4))
    contents = compile_layered(network, plan_processor(network, 3))
    bench, compared = Bench(contents.shape), []

    async def drive(ctx):
        await bench.load(ctx, contents)
        compared.append((await bench.infer(ctx, network, random_layered_times(1, network, 4), stalls=stalls))[1])

    bench.simulate(drive)
    record_property("values", sum(compared))


@pytest.mark.parametrize("style", [GENERIC_MEMORY, ECP5_MEMORY, ICE40UP_MEMORY, "late"], ids=str)
def test_maps(style, late_block_rams, record_property):
    network = random_layered_map_network(2)
    contents = compile_layered(network, plan_processor(network, 9))
    bench, compared = Bench(contents.shape, late_block_rams if style == "late" else style), []

    async def drive(ctx):
        await bench.load(ctx, contents)
        compared.append((await bench.infer(ctx, network, random_layered_times(2, network, 3)))[1])

    bench.simulate(drive)
    record_property("values", sum(compared))
