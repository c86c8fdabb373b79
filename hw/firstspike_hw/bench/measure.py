"""Measures a point: cycles by replay, clock and size by place-and-route."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from firstspike_spec.compiler import EngineImage, compile_network
from firstspike_spec.network import Network

from ..cycles import interval, latency, replay, utilisation
from .device import find_device
from .implementation import Implementation
from .points import Point

#: Images of each stream that the rate is measured with.
STREAM_IMAGES = 20

#: The first so many images are counted apart too, for tests that look whether cycles have become more.
SHORT_IMAGES = 500


def measure(
    point: Point,
    network: Network,
    images: np.ndarray,
    *,
    seeds: int,
    folder: Path,
    toolchain: str,
    note: Callable[[str], None],
) -> dict[str, Any]:
    """Return a point's result.

    Parameters
    ----------
    point : Point
    network : Network
        The point's.
    images : ndarray of uint8, shape (images, inputs)
        Whose cycles are counted.
    seeds : int
        Of place-and-route.
    folder : Path
        Where what is being made is kept, so that a run that was stopped goes on.
    toolchain : str
        As of `firstspike_hw.build.tools.find_tool`.
    note : callable
        Is told what is being done.
    """
    device = find_device(point.device)
    image = compile_network(network, device.family.plan(network, point.lanes))
    implementation = Implementation(
        image, point.engines, device, goal_mhz=point.goal_mhz, folder=folder, toolchain=toolchain, note=note
    )
    note(f"cycles of {len(images):,} images ...")
    spike_times = network.spike_times(images)
    cycles, short = (cycle_figures(image, times) for times in (spike_times, spike_times[:SHORT_IMAGES]))
    return {**combine(point, cycles, implementation.run(seeds)), "short": short}


def cycle_figures(image: EngineImage, spike_times: np.ndarray) -> dict[str, float]:
    """Return how many cycles an engine takes: for images that come alone, and for images back to back.

    Parameters
    ----------
    image : EngineImage
    spike_times : ndarray of int16, shape (images, inputs)
    """
    alone = latency(replay(image, spike_times, stream_images=1, early_exit=True))
    stream = replay(image, spike_times, stream_images=STREAM_IMAGES, early_exit=True)
    between = interval(stream)
    return {
        "images": len(spike_times),
        "cycles_mean": between.mean,
        "cycles_p99": between.high,
        "latency_cycles_median": alone.median,
        "latency_cycles_p99": alone.high,
        "lane_utilisation": max(utilisation(stream), default=0.0),
    }


def combine(point: Point, cycles: dict[str, float], figures: dict[str, Any]) -> dict[str, Any]:
    """Return a point's result: rate and latency are those at the median clock."""
    mhz = figures["fmax_mhz"]["median"]
    return {
        "point": point.name,
        "network": point.network,
        "device": point.device,
        "lanes": point.lanes,
        "engines": point.engines,
        "goal_mhz": point.goal_mhz,
        **cycles,
        "fmax_mhz": figures["fmax_mhz"],
        "images_per_second": point.engines * mhz * 1e6 / cycles["cycles_mean"],
        "latency_us_median": cycles["latency_cycles_median"] / mhz,
        "latency_us_p99": cycles["latency_cycles_p99"] / mhz,
        "luts": figures["logic"],
        "flip_flops": figures["flip_flops"],
        "block_rams": figures["block_rams"],
        "versions": figures["versions"],
    }
