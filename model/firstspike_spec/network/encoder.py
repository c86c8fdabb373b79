"""The latency encoder: a brighter pixel spikes earlier."""

from dataclasses import dataclass

import numpy as np

from ..common.checks import whole_array, whole_number
from ..common.errors import InputError, InputTypeError

MIN_TIME_STEPS = 2
MAX_TIME_STEPS = 256

#: Spike times are steps ``0 .. T - 1``, and ``T`` for *no spike*.
SPIKE_TIME_TYPE = np.int16


@dataclass(frozen=True, eq=False)
class LatencyEncoder:
    """Pixel values to spike times, by a table of thresholds.

    A pixel ``p`` spikes at the first step ``t`` with ``p >= thresholds[t]``, or never if there is none. Linear, logarithmic
    and learned codes are all tables of integers, so no two programs can round differently.

    Parameters
    ----------
    thresholds : array_like of int, shape (T,)
        Each in 1 .. 256 and no higher than the one before, the last at most 255. No pixel spikes at a step whose threshold
        is 256 or equals the one before.

    Raises
    ------
    InputTypeError, InputError
        If the table is not a list of 2 .. 256 such integers.
    """

    thresholds: np.ndarray

    def __post_init__(self) -> None:
        thresholds = whole_array(self.thresholds, "encoder thresholds", 1, 256, np.int16)
        whole_number(len(thresholds), "number of encoder thresholds (time steps)", MIN_TIME_STEPS, MAX_TIME_STEPS)
        rising = np.flatnonzero(np.diff(thresholds) > 0)
        if len(rising):
            at = int(rising[0])
            raise InputError(
                f"encoder thresholds must not rise, but thresholds[{at}] = {thresholds[at]} "
                f"is followed by {thresholds[at + 1]}"
            )
        whole_number(thresholds[-1], "the last encoder threshold", 1, 255)
        object.__setattr__(self, "thresholds", thresholds)

    @classmethod
    def linear(cls, time_steps: int, dimmest: int = 1) -> "LatencyEncoder":
        """Return the encoder whose thresholds divide ``dimmest .. 256`` evenly.

        Parameters
        ----------
        time_steps : int
            ``T``, 2 .. 256.
        dimmest : int
            The smallest pixel value that spikes (at the last step), 1 .. 257 - T.

        Raises
        ------
        InputTypeError, InputError
            If a value is out of range.
        """
        time_steps = whole_number(time_steps, "time_steps", MIN_TIME_STEPS, MAX_TIME_STEPS)
        dimmest = whole_number(dimmest, "dimmest", 1, 257 - time_steps)
        steps = np.arange(1, time_steps + 1)
        return cls(256 - (256 - dimmest) * steps // time_steps)

    @property
    def time_steps(self) -> int:
        """``T``, the number of time steps."""
        return len(self.thresholds)

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        """Return the spike time of every pixel.

        Parameters
        ----------
        pixels : ndarray of uint8, any shape

        Returns
        -------
        ndarray of int16, same shape
            Steps ``0 .. T - 1``, or ``T`` for no spike.

        Raises
        ------
        InputTypeError
            If the pixels are not ``uint8``.
        """
        check_pixels(pixels)
        return self.table[pixels]

    @property
    def table(self) -> np.ndarray:
        """The spike time of each of the 256 pixel values, shape (256,)."""
        reached = np.arange(256)[:, None] >= self.thresholds[None, :]
        return (self.time_steps - reached.sum(axis=1)).astype(SPIKE_TIME_TYPE)


#: How to convert pixels of another type, by numpy's letter for its kind.
_CONVERSIONS = {
    "b": "make false and true 0 and 255 with (images * 255).astype(numpy.uint8)",
    "f": "multiply them by 255 if they are 0 .. 1, then convert them with images.round().astype(numpy.uint8)",
    "iu": "convert values in 0 .. 255 with images.astype(numpy.uint8)",
}


def check_pixels(pixels: np.ndarray, name: str = "images") -> None:
    """Raise `InputTypeError` unless ``pixels`` are an array of ``uint8``; the error calls them ``name``."""
    if isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8:
        return
    kind = getattr(pixels, "dtype", None)
    letter = getattr(kind, "kind", "")
    advice = next((words for letters, words in _CONVERSIONS.items() if letter and letter in letters), "scale and convert them")
    given = type(pixels).__name__ if kind is None else kind
    raise InputTypeError(f"{name} must be an array of uint8 (0 .. 255), not of {given}; {advice}")
