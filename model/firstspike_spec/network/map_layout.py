"""Where maps lie in an engine: the places of their neurons within a lane, and the rows and bases of their sources.

The neurons of a target channel lie side by side in a lane, row by row. Where a kernel reaches beyond the map's edge, the lane
has places without a neuron, so that edges need no special treatment. After each row there are as many of them as the kernel
reaches beyond the left or the right edge; after the last row there are as many rows of them as it reaches beyond the top or
the bottom. So the place that a weight goes to is a sum of two terms: the *base* of the source's position, and the *offset* of
the weight's tap and channel.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .maps import Maps


@dataclass(frozen=True)
class _Axis:
    """One direction of a window: which neuron sees which place, through which tap.

    Place ``p`` and tap ``d`` belong to neuron ``(p + padding - d) / stride``, if that is an integer. With ``q`` and ``m`` the
    quotients of ``(p + padding) / stride`` and ``d / stride``, this is ``q - m`` if both have the same remainder, the *phase*.
    """

    places: int
    kernel: int
    stride: int
    padding: int
    neurons: int

    @property
    def phases(self) -> np.ndarray:
        """The phase of each place."""
        return (np.arange(self.places) + self.padding) % self.stride

    @property
    def bases(self) -> np.ndarray:
        """``q`` of each place minus the lowest ``q`` of its phase."""
        return self._quotients - self._lowest[self.phases]

    @property
    def offsets(self) -> np.ndarray:
        """The lowest ``q`` of each tap's phase minus its ``m``: added to the base of a place, it gives the neuron."""
        taps = np.arange(self.kernel)
        return self._lowest[taps % self.stride] - taps // self.stride

    @property
    def before(self) -> int:
        """Number of places without a neuron that weights can reach before the first neuron."""
        return max(0, -self._ends[0])

    @property
    def after(self) -> int:
        """Number of places without a neuron that weights can reach after the last neuron."""
        return max(0, self._ends[1] - (self.neurons - 1))

    @property
    def _quotients(self) -> np.ndarray:
        return (np.arange(self.places) + self.padding) // self.stride

    @cached_property
    def _lowest(self) -> np.ndarray:
        """The lowest ``q`` of each phase. For a phase without places, it keeps the offsets of its taps positive."""
        found = [self._quotients[self.phases == phase] for phase in range(self.stride)]
        return np.array([quotients.min(initial=self.kernel + self.padding + self.places) for quotients in found])

    @cached_property
    def _ends(self) -> tuple[int, int]:
        lowest, highest = self.padding - (self.kernel - 1), self.padding + self.places - 1  # of place minus tap
        return min(0, -(-lowest // self.stride)), max(0, highest // self.stride)


@dataclass(frozen=True)
class MapLayout:
    """Where the neurons of a target channel lie, and how sources and taps lead there.

    Parameters
    ----------
    maps : Maps
    """

    maps: Maps

    @cached_property
    def _down(self) -> _Axis:
        maps = self.maps
        return _Axis(maps.pooled_height, maps.kernel_height, maps.stride, maps.padding, maps.target_height)

    @cached_property
    def _right(self) -> _Axis:
        maps = self.maps
        return _Axis(maps.pooled_width, maps.kernel_width, maps.stride, maps.padding, maps.target_width)

    @property
    def pitch(self) -> int:
        """Places from a neuron to the one below it."""
        return self.maps.target_width + (max(self._right.before, self._right.after) if self.maps.is_convolution else 0)

    @property
    def channel_places(self) -> int:
        """Places from a target channel's first neuron to that of the next channel in its lane."""
        if not self.maps.is_convolution:
            return 1
        return (self.maps.target_height + max(self._down.before, self._down.after)) * self.pitch

    @property
    def origin(self) -> int:
        """Number of places before a lane's first neuron."""
        return self._down.before * self.pitch + self._right.before if self.maps.is_convolution else 0

    def lane_places(self, channels: int) -> int:
        """Return the number of places of a lane with ``channels`` target channels."""
        return self.origin + channels * self.channel_places

    def numbers(self, slots: np.ndarray) -> np.ndarray:
        """Return the places of the neurons of channels.

        Parameters
        ----------
        slots : ndarray of int64, shape (channels,)
            The number of each channel within its lane.

        Returns
        -------
        ndarray of int64, shape (channels * positions,)
        """
        down, right = np.divmod(np.arange(self.maps.positions), self.maps.target_width)
        return (slots[:, None] * self.channel_places + self.origin + down * self.pitch + right).reshape(-1)

    @property
    def rows_of_channel(self) -> int:
        """Rows of a source channel: one per phase in a convolution, else one per tap."""
        return self.maps.stride**2 if self.maps.is_convolution else self.maps.taps // self.maps.channels

    @cached_property
    def row_of_place(self) -> np.ndarray:
        """The row, among those of its channel, of each place of a pooled source map; -1 if no neuron sees it.

        Shape (pooled_height * pooled_width,).
        """
        maps = self.maps
        if self.maps.is_convolution:
            rows = self._down.phases[:, None] * maps.stride + self._right.phases
            # No neuron sees a phase that no tap has.
            seen = (self._down.phases < maps.kernel_height)[:, None] & (self._right.phases < maps.kernel_width)
            return np.where(seen, rows, -1).reshape(-1)
        down, right = np.arange(maps.pooled_height) + maps.padding, np.arange(maps.pooled_width) + maps.padding
        seen = (down < maps.kernel_height)[:, None] & (right < maps.kernel_width)
        return np.where(seen, down[:, None] * maps.kernel_width + right, -1).reshape(-1)

    @cached_property
    def base_of_place(self) -> np.ndarray:
        """The base of each place of a pooled source map, shape (pooled_height * pooled_width,)."""
        if not self.maps.is_convolution:
            return np.zeros(self.maps.pooled_height * self.maps.pooled_width, np.int64)
        return (self._down.bases[:, None] * self.pitch + self._right.bases).reshape(-1)

    @cached_property
    def place_of_position(self) -> np.ndarray:
        """The place in the pooled map of each position of a source map, shape (height * width,)."""
        maps = self.maps
        down, right = np.arange(maps.height) // maps.pooling, np.arange(maps.width) // maps.pooling
        return (down[:, None] * maps.pooled_width + right).reshape(-1)

    @property
    def rows(self) -> int:
        """Rows of all source channels."""
        return self.maps.channels * self.rows_of_channel

    def rows_and_bases(self, channels: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the row of each source of the first ``channels`` channels, -1 if no neuron sees it, and its base.

        Returns
        -------
        rows, bases : ndarray of int64, shape (channels * height * width,)
        """
        rows, bases = (of_place[self.place_of_position] for of_place in (self.row_of_place, self.base_of_place))
        first = np.arange(channels)[:, None] * self.rows_of_channel
        return np.where(rows < 0, -1, first + rows).reshape(-1), np.tile(bases, channels)

    @cached_property
    def row_of_source(self) -> np.ndarray:
        """The row of each source, -1 if no neuron sees it; shape (sources,)."""
        return self.rows_and_bases(self.maps.channels)[0]

    @cached_property
    def base_of_source(self) -> np.ndarray:
        """The base of each source, shape (sources,)."""
        return self.rows_and_bases(self.maps.channels)[1]

    @cached_property
    def row_of_tap(self) -> np.ndarray:
        """The row of each tap: in a convolution the row of its source channel and phase, else its own. Shape (taps,)."""
        maps = self.maps
        if not self.maps.is_convolution:
            return np.arange(maps.taps)
        channel, down, right = np.indices((maps.channels, maps.kernel_height, maps.kernel_width)).reshape(3, -1)
        return channel * self.rows_of_channel + (down % maps.stride) * maps.stride + right % maps.stride

    @cached_property
    def offset_of_tap(self) -> np.ndarray:
        """The offset of each tap for a lane's first channel, shape (taps,)."""
        maps = self.maps
        if not self.maps.is_convolution:
            return np.zeros(maps.taps, np.int64)
        _channel, down, right = np.indices((maps.channels, maps.kernel_height, maps.kernel_width)).reshape(3, -1)
        return self.origin + self._down.offsets[down] * self.pitch + self._right.offsets[right]
