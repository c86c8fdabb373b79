"""A model of the engine that gives its exact cycles without simulating its RTL.

It has the engine's parts, with every register that can delay something, and takes their latencies from the gateware. A stream
of images is one column of numpy arrays, so many streams go through at once.
"""

from .figures import STREAM_IMAGES, cycle_figures, figures, replayed_figures
from .replay import Replay, replay
from .summary import Distribution, busiest, interval, latency, utilisation

__all__ = [
    "STREAM_IMAGES",
    "Distribution",
    "Replay",
    "busiest",
    "cycle_figures",
    "figures",
    "interval",
    "latency",
    "replay",
    "replayed_figures",
    "utilisation",
]
