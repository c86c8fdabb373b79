"""A model of the engine that tells its cycles without simulating its RTL.

It has the engine's parts, with all registers that can hold something up, and takes their latencies from them. But a stream
of images is one column of numpy arrays, so that many go through at once.
"""

from .figures import figures, replayed_figures
from .replay import Replay, replay
from .summary import Distribution, interval, latency, utilisation

__all__ = ["Distribution", "Replay", "figures", "interval", "latency", "replay", "replayed_figures", "utilisation"]
