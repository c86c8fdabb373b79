"""Where maps lie in an engine: the places of their neurons within a lane, and the rows and bases of their sources.

The neurons of a target channel lie side by side in a lane, row by row. Where a kernel reaches beyond the map's edge, there
are places without a neuron, so that nobody has to look: a row's end is followed by as many of them as the kernel reaches over
the left or the right edge, the last row by as many rows as it reaches over the top or the bottom. So the place that a weight
goes to is a sum: the *base* of the source's position, and the *offset* of the weight's tap and channel.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .maps import Maps


@dataclass(frozen=True)
class _Axis:
    """One direction of a window: which neuron sees which place, through which tap.

    Place ``p`` and tap ``d`` belong to neuron ``(p + padding - d) / stride``, where that is whole. With ``q`` and ``m`` the
    whole parts of ``(p + padding) / stride`` and ``d / stride``, it is ``q - m`` if both have the same rest, the *phase*.
    """

    places: int
    kernel: int
    stride: int
    padding: int
    neurons: int

    @property
    def phases(self) -> np.ndarray:
        """That of each place."""
        return (np.arange(self.places) + self.padding) % self.stride

    @property
    def bases(self) -> np.ndarray:
        """``q`` of each place, less the lowest one of its phase."""
        return self._quotients - self._lowest[self.phases]

    @property
    def offsets(self) -> np.ndarray:
        """``-m`` of each tap, and the lowest ``q`` of its phase: with the base of a place, the neuron."""
        taps = np.arange(self.kernel)
        return self._lowest[taps % self.stride] - taps // self.stride

    @property
    def before(self) -> int:
        """How many neurons more there would be in front of the first one."""
        return max(0, -self._ends[0])

    @property
    def behind(self) -> int:
        """How many neurons more there would be behind the last one."""
        return max(0, self._ends[1] - (self.neurons - 1))

    @property
    def _quotients(self) -> np.ndarray:
        return (np.arange(self.places) + self.padding) // self.stride

    @cached_property
    def _lowest(self) -> np.ndarray:
        """The lowest ``q`` of each phase; where no place has it, high enough for its taps."""
        found = [self._quotients[self.phases == phase] for phase in range(self.stride)]
        return np.array([quotients.min(initial=self.kernel + self.padding + self.places) for quotients in found])

    @cached_property
    def _ends(self) -> tuple[int, int]:
        lowest, highest = self.padding - (self.kernel - 1), self.padding + self.places - 1  # of a place less a tap
        return min(0, -(-lowest // self.stride)), max(0, highest // self.stride)


@dataclass(frozen=True)
class MapLayout:
    """Where the neurons of one target channel lie, and how sources and taps lead there.

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
        return self.maps.target_width + (max(self._right.before, self._right.behind) if self.maps.is_convolution else 0)

    @property
    def channel_places(self) -> int:
        """Places from a target channel's first neuron to that of the next channel in its lane."""
        if not self.maps.is_convolution:
            return 1
        return (self.maps.target_height + max(self._down.before, self._down.behind)) * self.pitch

    @property
    def origin(self) -> int:
        """Places in front of a lane's first neuron."""
        return self._down.before * self.pitch + self._right.before if self.maps.is_convolution else 0

    def lane_places(self, channels: int) -> int:
        """Return the places of a lane that has so many target channels."""
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
        """Rows of a source channel: one a phase in a convolution, else one a tap."""
        return self.maps.stride**2 if self.maps.is_convolution else self.maps.taps // self.maps.channels

    @cached_property
    def row_of_place(self) -> np.ndarray:
        """The row, within those of its channel, of each place of a pooled source map; -1 if nobody sees it.

        Shape (pooled_height * pooled_width,).
        """
        maps = self.maps
        if self.maps.is_convolution:
            rows = self._down.phases[:, None] * maps.stride + self._right.phases
            # A phase that no tap has is seen by nobody.
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
        """Return the row of each source of some channels, -1 if nobody sees it, and its base.

        Returns
        -------
        rows, bases : ndarray of int64, shape (channels * height * width,)
        """
        rows, bases = (of_place[self.place_of_position] for of_place in (self.row_of_place, self.base_of_place))
        first = np.arange(channels)[:, None] * self.rows_of_channel
        return np.where(rows < 0, -1, first + rows).reshape(-1), np.tile(bases, channels)

    @cached_property
    def row_of_source(self) -> np.ndarray:
        """The row of each source, -1 if nobody sees it; shape (sources,)."""
        return self.rows_and_bases(self.maps.channels)[0]

    @cached_property
    def base_of_source(self) -> np.ndarray:
        """The base of each source, shape (sources,)."""
        return self.rows_and_bases(self.maps.channels)[1]

    @cached_property
    def row_of_tap(self) -> np.ndarray:
        """The row of each tap: that of its source channel and phase, or its own. Shape (taps,)."""
        maps = self.maps
        if not self.maps.is_convolution:
            return np.arange(maps.taps)
        channel, down, right = np.indices((maps.channels, maps.kernel_height, maps.kernel_width)).reshape(3, -1)
        return channel * self.rows_of_channel + (down % maps.stride) * maps.stride + right % maps.stride

    @cached_property
    def offset_of_tap(self) -> np.ndarray:
        """The offset of each tap in a lane's first channel, shape (taps,)."""
        maps = self.maps
        if not self.maps.is_convolution:
            return np.zeros(maps.taps, np.int64)
        _channel, down, right = np.indices((maps.channels, maps.kernel_height, maps.kernel_width)).reshape(3, -1)
        return self.origin + self._down.offsets[down] * self.pitch + self._right.offsets[right]
