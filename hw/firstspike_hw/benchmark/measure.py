"""Measures a point: cycles on its images; clock and size by place-and-route."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.contents import EngineContents
from firstspike_spec.network.network import Network

from ..boards.fpga import find_fpga
from ..cycles import STREAM_IMAGES, Distribution, busiest, figures, interval, replay
from .counting import counted_figures
from .implementation import Implementation
from .points import Point

#: First images that are replayed to see how busy the lanes are.
_REPLAYED_IMAGES = 100

#: First images that are replayed in pairs, for a test that the cycles have not grown.
SHORT_IMAGES = 20


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
        Images whose cycles are counted.
    seeds : int
        Of place-and-route.
    folder : Path
        Folder for intermediate files, with which a stopped run continues.
    toolchain : str
        As of `firstspike_hw.flow.tools.find_tool`.
    note : callable
        Receives a line on each step.
    """
    fpga = find_fpga(point.fpga)
    contents = compile_network(network, fpga.family.plan(network, point.lanes))
    implementation = Implementation(
        contents, point.engines, fpga, goal_mhz=point.goal_mhz, folder=folder, toolchain=toolchain, note=note
    )
    note(f"cycles of {len(images):,} images ...")
    spike_times = network.spike_times(images)
    stream = replay(contents, spike_times[:_REPLAYED_IMAGES], stream_images=STREAM_IMAGES, early_exit=True)
    cycles = {**counted_figures(contents, spike_times, note=note), "lane_utilisation": busiest(stream)}
    return {**combine(point, cycles, implementation.run(seeds)), "short": short_figures(contents, spike_times)}


def short_figures(contents: EngineContents, spike_times: np.ndarray) -> dict[str, float]:
    """Return the figures of the first images by replay: latencies are those of each pair's first one."""
    pairs = replay(contents, spike_times[:SHORT_IMAGES], stream_images=2, early_exit=True)
    return figures(SHORT_IMAGES, between=interval(pairs), alone=Distribution.of(pairs.cycles[:, 0]))


def combine(point: Point, cycles: dict[str, float], implementation: dict[str, Any]) -> dict[str, Any]:
    """Return a point's result: rate and latency are those at the median clock."""
    mhz = implementation["fmax_mhz"]["median"]
    return {
        "point": point.name,
        "network": point.network,
        "fpga": point.fpga,
        "lanes": point.lanes,
        "engines": point.engines,
        "goal_mhz": point.goal_mhz,
        **cycles,
        "fmax_mhz": implementation["fmax_mhz"],
        "images_per_second": point.engines * mhz * 1e6 / cycles["cycles_mean"],
        "latency_us_median": cycles["latency_cycles_median"] / mhz,
        "latency_us_p99": cycles["latency_cycles_p99"] / mhz,
        "luts": implementation["logic"],
        "flip_flops": implementation["flip_flops"],
        "block_rams": implementation["block_rams"],
        "versions": implementation["versions"],
    }
