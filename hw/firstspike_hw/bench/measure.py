"""Measures a point: cycles on its images, clock and size by place-and-route."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from firstspike_spec.compiler import EngineImage, compile_network
from firstspike_spec.network import Network

from ..cycles import STREAM_IMAGES, busiest, replay, replayed_figures
from .counting import counted_figures
from .device import find_device
from .implementation import Implementation
from .points import Point

#: So many of the first images are replayed too: for how busy the lanes are, and, in streams of so many, for tests that cycles
#: have not become more.
SHORT_IMAGES, SHORT_STREAM = 100, 5


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
    stream = replay(image, spike_times[:SHORT_IMAGES], stream_images=STREAM_IMAGES, early_exit=True)
    cycles = {**counted_figures(image, spike_times, note=note), "lane_utilisation": busiest(stream)}
    return {**combine(point, cycles, implementation.run(seeds)), "short": short_figures(image, spike_times)}


def short_figures(image: EngineImage, spike_times: np.ndarray) -> dict[str, float]:
    """Return the figures of the first images by replay."""
    return replayed_figures(image, spike_times[:SHORT_IMAGES], stream_images=SHORT_STREAM)


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
