"""The input of a layered network: what its spikes count, and how images become spikes."""

from dataclasses import dataclass

import numpy as np

from ..common.checks import array_of
from ..common.errors import InputError, InputTypeError
from ..network.encoder import SPIKE_TIME_TYPE, LatencyEncoder, check_pixels
from .kernels import checked_kernel

TAKES_SPIKE_TIMES = "the network takes spike times and no images: it has no thresholds for pixels; use infer_spikes"


@dataclass(frozen=True, eq=False)
class InputCode:
    """The kernel of the input's spikes, and for images the thresholds of each channel.

    Parameters
    ----------
    kernel : array_like of int, shape (T,)
        What a spike at each step counts: 2 .. 32 numbers in 1 .. 65535, each below the one before. The input may have another
        number of steps than the layers.
    thresholds : array_like of int, shape (channels, T), optional
        A pixel ``p`` of channel ``c`` spikes at the first step ``t`` with ``p >= thresholds[c, t]``. Each channel's thresholds
        are as those of a `firstspike_spec.LatencyEncoder`. Without them, the input is spike times.

    Raises
    ------
    InputTypeError, InputError
        If the tables are of the wrong kind, size or range.
    """

    kernel: np.ndarray
    thresholds: np.ndarray | None = None

    def __post_init__(self) -> None:
        kernel = checked_kernel(self.kernel, "input kernel")
        object.__setattr__(self, "kernel", kernel)
        if self.thresholds is None:
            return
        tables = array_of(self.thresholds, "input thresholds")
        if tables.dtype.kind not in "iu":
            raise InputTypeError(f"input thresholds must be integers, not an array of type {tables.dtype}")
        if tables.ndim != 2 or not len(tables) or tables.shape[1] != len(kernel):
            raise InputError(
                f"input thresholds must have the shape (channels, {len(kernel)}), one for each step of the input kernel, "
                f"not {tables.shape}"
            )
        checked = []
        for channel, table in enumerate(tables):
            try:
                checked.append(LatencyEncoder(table).thresholds)
            except InputError as error:
                raise InputError(f"channel {channel} of the input: {error}") from error
        together = np.stack(checked)
        together.setflags(write=False)
        object.__setattr__(self, "thresholds", together)

    @property
    def time_steps(self) -> int:
        """Number of steps of the input's spikes; it means *no spike* in arrays of spike times."""
        return len(self.kernel)

    @property
    def channels(self) -> int | None:
        """Number of channels of an image, or ``None`` if the input is spike times."""
        return None if self.thresholds is None else len(self.thresholds)

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        """Return the spike time of every pixel.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (batch, channels, values)

        Returns
        -------
        ndarray of int16, same shape
            Steps ``0 .. T - 1``, or ``T`` for no spike.

        Raises
        ------
        InputTypeError, InputError
            If the pixels are not ``uint8`` or have another number of channels, or the input is spike times.
        """
        if self.thresholds is None:
            raise InputError(TAKES_SPIKE_TIMES)
        check_pixels(pixels)
        if pixels.ndim != 3 or pixels.shape[1] != len(self.thresholds):
            raise InputError(f"pixels must have the shape (batch, {len(self.thresholds)}, values), not {pixels.shape}")
        times = np.empty(pixels.shape, SPIKE_TIME_TYPE)
        for channel, thresholds in enumerate(self.thresholds):
            times[:, channel] = LatencyEncoder(thresholds).table[pixels[:, channel]]
        return times
