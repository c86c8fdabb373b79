"""A model of the engine that tells its cycles without simulating its RTL.

It has the engine's parts, with all registers that can hold something up, and takes their latencies from them. But a stream
of images is one column of numpy arrays, so that many go through at once.
"""

from .figures import STREAM_IMAGES, figures, replayed_figures
from .replay import Replay, replay
from .summary import Distribution, busiest, interval, latency, utilisation

__all__ = [
    "STREAM_IMAGES",
    "Distribution",
    "Replay",
    "busiest",
    "figures",
    "interval",
    "latency",
    "replay",
    "replayed_figures",
    "utilisation",
]
