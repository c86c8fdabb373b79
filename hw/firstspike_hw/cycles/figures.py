"""The figures of an engine's cycles that the benchmark and the planner report."""

import numpy as np

from firstspike_spec.compiler.contents import EngineContents

from .replay import replay
from .summary import Distribution, busiest, interval, latency

#: Images of each stream from which the rate is computed.
STREAM_IMAGES = 20


def figures(images: int, *, between: Distribution, alone: Distribution) -> dict[str, float]:
    """Return how many images there are, and their cycles as of `cycle_figures`."""
    return {"images": images, **cycle_figures(between=between, alone=alone)}


def cycle_figures(*, between: Distribution, alone: Distribution) -> dict[str, float]:
    """Return the cycles by name: from one decision to the next of images back to back, and of images that come alone."""
    return {
        "cycles_mean": between.mean,
        "cycles_p99": between.high,
        "latency_cycles_median": alone.median,
        "latency_cycles_p99": alone.high,
    }


def replayed_figures(contents: EngineContents, spike_times: np.ndarray) -> dict[str, float]:
    """Return the figures by replay, and ``lane_utilisation`` of the busiest layer.

    Parameters
    ----------
    contents : EngineContents
    spike_times : ndarray of int16, shape (images, inputs)
    """
    alone = latency(replay(contents, spike_times, stream_images=1, early_exit=True))
    stream = replay(contents, spike_times, stream_images=STREAM_IMAGES, early_exit=True)
    cycles = figures(len(spike_times), between=interval(stream), alone=alone)
    return {**cycles, "lane_utilisation": busiest(stream)}
