"""The figures of an engine's cycles that the bench and the planner tell."""

import numpy as np

from firstspike_spec.compiler.contents import EngineContents

from .replay import replay
from .summary import Distribution, busiest, interval, latency

#: Images of each stream that the rate is told from.
STREAM_IMAGES = 20


def figures(images: int, *, between: Distribution, alone: Distribution) -> dict[str, float]:
    """Return by name the cycles of images back to back, from one decision to the next, and of images that come alone."""
    return {
        "images": images,
        "cycles_mean": between.mean,
        "cycles_p99": between.high,
        "latency_cycles_median": alone.median,
        "latency_cycles_p99": alone.high,
    }


def replayed_figures(image: EngineContents, spike_times: np.ndarray) -> dict[str, float]:
    """Return the figures by replay, and ``lane_utilisation``, that of the busiest layer.

    Parameters
    ----------
    image : EngineContents
    spike_times : ndarray of int16, shape (images, inputs)
    """
    alone = latency(replay(image, spike_times, stream_images=1, early_exit=True))
    stream = replay(image, spike_times, stream_images=STREAM_IMAGES, early_exit=True)
    cycles = figures(len(spike_times), between=interval(stream), alone=alone)
    return {**cycles, "lane_utilisation": busiest(stream)}
