"""A hidden layer with maps, in generated Verilog: every spike, with load words, stalls and images cut off after each step."""

import numpy as np
import pytest

from firstspike_hw.lane.parameters import LayerParameters
from firstspike_hw.layer.layer import Layer
from firstspike_sim.runner import build, simulate
from firstspike_sim.stimulus.handover import Vectors
from firstspike_sim.stimulus.networks import as_hidden, random_convolution, random_spike_times, shape_for
from firstspike_sim.stimulus.vectors import layer_vectors
from firstspike_sim.streams import STALLS
from firstspike_spec import Maps
from firstspike_spec.compiler.compile import compile_network
from tests.levels import THOROUGH, thorough

BENCH = "firstspike_sim.benches.layer_bench"

#: Maps, target channels (which do not divide by the lanes), lanes, spikes a token.
LAYERS = {
    "odd maps": (Maps(2, 7, 5, 3, 3, padding=1), 5, 2, 2),
    "stride 2": (Maps(3, 6, 9, 5, 3, stride=2, padding=2), 4, 3, 1),
    "pooled by 2": (Maps(3, 7, 8, 3, 3, pooling=2, padding=1), 7, 4, 2),
    "pooled by 3, stride 2": (Maps(2, 11, 8, 2, 2, pooling=3, stride=2, padding=1), 3, 2, 2),
    "a kernel larger than the map": (Maps(1, 4, 3, 6, 5, padding=2), 3, 1, 1),
    "no padding": (Maps(2, 6, 6, 4, 3), 5, 2, 2),
    "fully connected": (Maps.whole(5, 5, 3, 2), 9, 4, 2),
}


def filter_of(number):
    """Return a filter for a design's tests: all, or on every change two of the stalls, which come round, and a wait."""
    if THOROUGH:
        return None
    stalls = [STALLS[at % len(STALLS)] for at in (number, number + len(STALLS) // 2)]
    return "|".join([*(f"stall_in={before}/stall_out={behind}$" for before, behind in stalls), "nothing_is_lost"])


def border_spike_times(network):
    """Return images with a single spike each, in every corner and in the middle of every border, of every channel."""
    maps, times = network.layers[0].maps, []
    for channel in range(maps.channels):
        for y in {0, maps.height // 2, maps.height - 1}:
            for x in {0, maps.width // 2, maps.width - 1}:
                image = np.full(maps.source_shape, network.time_steps, np.int16)
                image[channel, y, x] = (y + x) % network.time_steps
                times.append(image.reshape(-1))
    return np.array(times)


#: What has a part in other layers too.
COMBINED = ("stride 2", "pooled by 2", "no padding")


@pytest.mark.parametrize(
    ("number", "name"), [pytest.param(*case, marks=[thorough] * (case[1] in COMBINED)) for case in enumerate(LAYERS)]
)
def test_networks_of_all_kinds(request, tmp_path, number, name):
    """The first network is built in; then others with the same maps are loaded one after the other."""
    maps, channels, lanes, width = LAYERS[name]
    rng = np.random.default_rng(len(name))
    first, *others = (random_convolution(rng, maps, channels, time_steps=steps) for steps in (4, 8))
    others.append(random_convolution(rng, maps, channels - 1, weight_bits=2))
    shape = shape_for([as_hidden(network) for network in (first, *others)], lanes, spikes_per_token=width)
    contents = compile_network(as_hidden(first), shape)
    design = Layer(LayerParameters.of(shape, 0), contents.banks[0], contents.address_tables[0])
    simulator = build(design, "layer")
    parts = [layer_vectors(rng, first, shape, random_spike_times(rng, 6, first), load=False)]
    # Enough images that some must wait while the spikes are not taken.
    batch = max(12, 800 // (maps.positions * channels))
    parts += [layer_vectors(rng, network, shape, random_spike_times(rng, batch, network), load=True) for network in others]
    times = np.concatenate([border_spike_times(first), random_spike_times(rng, batch, first)])
    parts.append(layer_vectors(rng, first, shape, times, load=True))
    path = Vectors.join(parts).save(tmp_path / "vectors.npz")
    simulate(simulator, BENCH, path, run=f"layer {request.node.name}", seed=1, test_filter=filter_of(number))
