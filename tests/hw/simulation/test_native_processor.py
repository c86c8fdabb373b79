"""One compiled processor runs any layered network that fits, bit for bit as the golden model, at any pace."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from firstspike_hw.simulation.native_processor import NativeProcessor
from firstspike_spec import InputError, ProcessorShape, compile_layered, infer_spikes
from firstspike_spec.common.errors import DeviceError
from firstspike_spec.inference.results import Results, compare_results
from firstspike_spec.processor.plan import plan_processor
from firstspike_spec.protocol.processor_results import SpikesLost

from ...levels import THOROUGH
from ...spec.random_layered_networks import (
    layered_networks,
    random_chain,
    random_layered_map_network,
    random_layered_times,
)

#: Few places for potentials and spikes: networks of maps take tiles, and rings wrap.
SHAPE = ProcessorShape(
    lanes=5,
    potentials=128,
    potential_bits=32,
    entries=4096,
    weight_bits=8,
    value_bits=16,
    rows=512,
    row_entries=255,
    queue_depth=16,
    channel_bits=6,
    side_bits=5,
    spikes=512,
    inputs=256,
    coordinates=256,
    program=1024,
)


@pytest.fixture(scope="module")
def processor(tmp_path_factory):
    opened = NativeProcessor(SHAPE, cache=tmp_path_factory.mktemp("processor"))
    yield opened
    opened.close()


def check(processor, network, times, *, stalls=0):
    """Compare a run with the golden model in every value, and in what was counted."""
    before = processor.counters()
    got, inference = processor.run(times, stalls=stalls), infer_spikes(network, times)
    comparison = compare_results(Results.from_inference(inference, early_exit=False), got)
    gained = {name: value - before[name] for name, value in processor.counters().items()}
    for name in ("spikes", "synaptic_operations"):
        wanted = np.array([getattr(inference, name).sum()])
        comparison.compare(f"counted {name}", wanted, np.array([gained[name]]), axes=("total",))
    comparison.check()
    return got


@given(network=layered_networks(), seed=st.integers(0, 2**32 - 1), stalls=st.sampled_from([0, 0, 1, 2]))
@settings(max_examples=800 if THOROUGH else 120, deadline=None)
def test_any_network_that_fits(processor, network, seed, stalls):
    try:
        contents = compile_layered(network, SHAPE)
    except InputError as error:
        event(f"refused: {str(error)[:60]}")
        return
    event("tiles" if len(contents.instructions) > 1 + sum(1 + len(layer.projections) for layer in network.layers) else "whole")
    processor.load(contents)
    silent = (0.0, 0.3, 1.0)[seed % 3]
    check(processor, network, random_layered_times(seed, network, seed % 4, silent), stalls=stalls * (seed + 1))


def test_most_random_networks_fit(processor):
    """The test above would say little if it refused most networks."""
    fitting = 0
    for seed in range(20):
        network = random_layered_map_network(seed, (2, 9, 8), bits=4)
        processor.load(compile_layered(network, SHAPE))
        check(processor, network, random_layered_times(seed, network, 2))
        fitting += 1
    assert fitting == 20


def test_an_image_with_more_spikes_than_there_is_room_for(processor):
    """It is an error that says so; the images after it are right."""
    network = random_layered_map_network(1, (2, 9, 8))
    shape = replace(plan_processor(network, 2), spikes=16)
    contents = compile_layered(network, shape)
    assert contents.may_overflow
    small = NativeProcessor(shape)
    small.load(contents)
    loud = random_layered_times(0, network, 1, silent=0.0)
    with pytest.raises(SpikesLost, match="image 0 has more spikes in a layer than the processor's memory holds"):
        small.run(loud)
    quiet = np.full_like(loud, network.input_time_steps)
    if all((part < network.time_steps).sum() <= 16 for part in infer_spikes(network, quiet).spike_times[1:-1]):
        check(small, network, quiet)
    small.close()


def test_pauses_cost_cycles_and_change_nothing_else(processor):
    network = random_chain(2, (30, 20, 4))
    processor.load(compile_layered(network, SHAPE))
    times, cycles = random_layered_times(2, network, 50), []
    for stalls in (0, 0, 0, 1, 2):
        before = processor.cycles
        check(processor, network, times, stalls=stalls)
        cycles.append(processor.cycles - before)
    assert cycles[1] == cycles[2] < min(cycles[3:])
    assert cycles[1] <= cycles[0] <= cycles[1] + 4  # right after loading, the first image waits for the last words


def test_wrong_use(processor):
    network = random_chain(2, (30, 20, 4))
    with pytest.raises(ValueError, match="made for a processor of another shape"):
        processor.load(compile_layered(network, replace(SHAPE, lanes=4)))
    other = NativeProcessor(SHAPE)
    with pytest.raises(DeviceError, match="the simulated processor holds no network; load one first"):
        other.run(random_layered_times(0, network, 1))
    other.close()
    with pytest.raises(DeviceError, match="the simulated processor is closed; open it again"):
        other.counters()
