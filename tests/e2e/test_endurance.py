"""Endurance: hundreds of thousands of images in random order, random pauses, and one network after the other."""

import random
import resource
from pathlib import Path

import numpy as np

from firstspike_hw.simulation import NativeEngine
from firstspike_sim.stimulus.networks import shape_for
from firstspike_spec import infer_spikes, load_network
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.inference.results import Results, compare_results

from ..levels import THOROUGH

NETWORKS = Path(__file__).resolve().parents[2] / "networks"

#: What takes turns in one engine: their digits, their decisions and their connections differ.
NAMES = ("mnist-mlp-2", "mnist-mlp-200", "mnist-mlp-88")

#: Images in all, and between two networks.
IMAGES, TURN = (200_000, 1_000) if THOROUGH else (3_000, 250)

#: Bytes that the process may grow by between the first tenth and the end.
MOST_GROWTH = 64 << 20


def taken(inference, chosen):
    """Return the inference of some images, in an order."""
    return Results(
        **{
            name: tuple(layer[chosen] for layer in value) if isinstance(value, tuple) else value[chosen]
            for name, value in vars(inference).items()
            if value is not None
        }
    )


def memory() -> int:
    """Return the most bytes that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_endurance(mnist_test, record_property):
    """Every spike time, potential, class and step, of each image, whatever came before it."""
    rng = random.Random("endurance")
    networks = [load_network(NETWORKS / f"{name}.safetensors") for name in NAMES]
    shape = shape_for(networks, 8)
    engine = NativeEngine(shape)
    images = [compile_network(network, shape) for network in networks]
    times = [network.spike_times(mnist_test.images) for network in networks]
    expected = [
        {
            exits: Results.from_inference(infer_spikes(network, own, early_exit=exits), early_exit=exits)
            for exits in (False, True)
        }
        for network, own in zip(networks, times, strict=True)
    ]
    done = compared = 0
    at_first, turns = None, []
    while done < IMAGES:
        number, early_exit = rng.randrange(len(networks)), rng.random() < 0.5
        chosen = np.array(rng.choices(range(len(mnist_test.images)), k=TURN))
        engine.load(images[number])
        got = engine.run(times[number][chosen], early_exit=early_exit, stalls=rng.choice([0, rng.randrange(1, 1 << 64)]))
        comparison = compare_results(taken(expected[number][early_exit], chosen), got, first=done)
        comparison.check()
        done, compared = done + TURN, compared + comparison.compared_values
        turns.append(number)
        if at_first is None and done >= IMAGES // 10:
            at_first = memory()
    engine.close()
    assert set(turns) == set(range(len(networks)))
    assert compared > done * networks[0].outputs
    assert memory() - at_first <= MOST_GROWTH
    record_property("images", done)
    record_property("values", compared)
    print(f"{done:,} images, {len(turns)} networks loaded, {compared:,} values compared, 0 differ")
