"""The items of the model's streams: one whole number each, in arrays whose last axis is the independent streams of images."""

import numpy as np

#: Nothing is on offer.
NOTHING = 0

#: The end of a step; the inference's last one also has `LAST`.
END, LAST = 1, 2
ENDS = END | LAST

#: In the bits above the ends is the address plus 1 of each spike of a token, in `PORT_BITS` bits.
SPIKE_SHIFT, PORT_BITS = 2, 17
_PORT_MASK = (1 << PORT_BITS) - 1


def spike(address: np.ndarray | int, port: int = 0) -> np.ndarray:
    """Return the item of a spike of the neuron at ``address``, in a token's ``port``."""
    return (np.asarray(address, np.int64) + 1) << (SPIKE_SHIFT + PORT_BITS * port)


def sources(tokens: np.ndarray, port: int) -> np.ndarray:
    """Return the address plus 1 of the spike in ``port`` of each token; 0 where it has none."""
    return (tokens >> (SPIKE_SHIFT + PORT_BITS * port)) & _PORT_MASK


class SkidBuffer:
    """Skid buffers side by side (`firstspike_hw.lib.skid_buffer.SkidBuffer`).

    Attributes
    ----------
    out : ndarray of int
        On offer.
    """

    def __init__(self, shape: tuple[int, ...], kind: type):
        self.out: np.ndarray = np.zeros(shape, kind)
        self._kept: np.ndarray = np.zeros(shape, kind)

    @property
    def ready(self) -> np.ndarray:
        """Whether what is on offer to each skid buffer is taken in this cycle."""
        return self._kept == NOTHING

    def step(self, offered: np.ndarray, taken: np.ndarray) -> None:
        """Go through a clock edge; ``taken`` is the ready of what follows."""
        came = np.where(self.ready, offered, self._kept)
        free = taken | (self.out == NOTHING)
        self.out, self._kept = np.where(free, came, self.out), np.where(free, 0, came)


class StartRowInserter:
    """Start row inserters side by side (`firstspike_hw.layer.start_row_inserter.StartRowInserter`); as `SkidBuffer`."""

    def __init__(self, streams: int, start_token: int):
        self._start_token = start_token
        self._starts = np.ones(streams, bool)
        self._kept = np.zeros(streams, np.int64)
        self.out = np.zeros(streams, np.int64)

    @property
    def ready(self) -> np.ndarray:
        """Whether what is on offer to each skid buffer is taken in this cycle."""
        return self._kept == NOTHING

    def step(self, offered: np.ndarray, taken: np.ndarray) -> None:
        """Go through a clock edge; ``taken`` is the ready of what follows."""
        came = np.where(self.ready, offered, self._kept)
        free = taken | (self.out == NOTHING)
        begins = free & self._starts & (came != NOTHING)
        self.out = np.where(free, np.where(begins, self._start_token, came), self.out)
        self._starts = np.where(free & (came != NOTHING), ~begins & (came & ENDS == ENDS), self._starts)
        self._kept = np.where(free & ~begins, NOTHING, came)


class LaneStage:
    """Stages of lanes' streams side by side (`firstspike_hw.lane.lane_stage.LaneStage`); as `SkidBuffer`."""

    def __init__(self, shape: tuple[int, ...], kind: type):
        self.out: np.ndarray = np.zeros(shape, kind)

    @property
    def ready(self) -> np.ndarray:
        """Whether what is on offer to each skid buffer is taken in this cycle."""
        return self.out == NOTHING

    def step(self, offered: np.ndarray, taken: np.ndarray) -> None:
        """Go through a clock edge; ``taken`` is the ready of what follows."""
        self.out = np.where(self.ready, offered, np.where(taken, NOTHING, self.out))
