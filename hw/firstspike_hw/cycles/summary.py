"""Summaries of a replay: latency, cycles between images, how busy the lanes are."""

from dataclasses import dataclass

import numpy as np

from .replay import Replay


@dataclass(frozen=True)
class Distribution:
    """Distribution of a number of cycles over images.

    Attributes
    ----------
    mean, median, high : float
        ``high`` is the 99th percentile.
    """

    mean: float
    median: float
    high: float

    @classmethod
    def of(cls, cycles: np.ndarray) -> "Distribution":
        """Return that of an array of cycles, at least one."""
        return cls(float(np.mean(cycles)), float(np.median(cycles)), float(np.percentile(cycles, 99)))


def latency(replay: Replay) -> Distribution:
    """Return the distribution of the cycles from an image's first token to its decision."""
    return Distribution.of(replay.cycles[replay.starts >= 0])


def interval(replay: Replay) -> Distribution:
    """Return the distribution of the cycles from one decision to the next of the same stream.

    Raises
    ------
    ValueError
        If all streams are of one image.
    """
    following = replay.starts[:, 1:] >= 0
    if not following.any():
        raise ValueError("there are no cycles between images in streams of one image: replay longer ones")
    return Distribution.of(np.diff(replay.decisions, axis=1)[following])


def utilisation(replay: Replay) -> tuple[float, ...]:
    """Return the synaptic operations of each hidden layer by lane and cycle of work, 0 .. 1.

    A cycle of work is one in which some lane of the layer has a row waiting or under way. A layer that never works has 0.
    """
    work = replay.work_cycles.sum(axis=1) * np.array(replay.lanes, np.int64)
    return tuple((replay.operations.sum(axis=1) / np.maximum(work, 1)).tolist())


def busiest(replay: Replay) -> float:
    """Return the `utilisation` of the hidden layer that has the highest; 0 if there is none."""
    return max(utilisation(replay), default=0.0)
