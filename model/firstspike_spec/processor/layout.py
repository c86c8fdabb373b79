"""Where the neurons of a layer lie in a lane of the processor, and how its sources and its weights lead there.

A lane's *units* lie one after the other. A unit is the neurons of a target channel, or those of one *slot* of it: with ``s``
slots, slot ``n`` has the rows ``r`` of max-pooling windows with ``r % s == n``, and columns are never dealt out. A unit's
neurons lie row by row, as `instructions.Fire` reads them. Where kernels reach beyond the map's edge, and where neurons belong
to no window, there are places that never fire. They lie between rows and between units, as in
`firstspike_spec.network.map_layout`. The place that a weight goes to is the sum of the *base* of the source's row and column,
and of the *offset* of the weight's tap and unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..layered.layer import LayeredLayer
from ..layered.projection import Projection
from ..network.connections import FULL_ACTIVITY
from ..network.maps import Maps


class Reaches(NamedTuple):
    """Where the taps of each row of an axis lead: arrays of int64 of one length."""

    rows: np.ndarray
    taps: np.ndarray
    slots: np.ndarray
    offsets: np.ndarray


@dataclass(frozen=True)
class Axis:
    """One direction of a projection's maps: which row of entries a source reads, and where that row's taps lead.

    Place ``p`` and tap ``d`` belong to neuron ``t = (p + padding - d) / stride``, if that is an integer. It is in window
    ``t // window``, so in slot ``t // window % slots``, where its number is ``t // window // slots * window + t % window``. As
    all of this repeats with the period ``stride * window * slots``, each remainder of ``p + padding`` has a row of its own.

    Parameters
    ----------
    side : int
        Sources in this direction.
    kernel, pooling, stride, padding : int
        As in `Maps`.
    shared : bool
        Whether several neurons share the weights of a tap. If not, the only neuron sees each place through its own tap.
    window : int
        Side of the windows that are dealt to the slots; 1 if there is one slot.
    slots : int
    """

    side: int
    kernel: int
    pooling: int
    stride: int
    padding: int
    shared: bool
    window: int = 1
    slots: int = 1

    @property
    def _positions(self) -> np.ndarray:
        return np.arange(self.side) // self.pooling + self.padding

    @property
    def _period(self) -> int:
        return self.stride * self.window * self.slots

    @property
    def _phases(self) -> np.ndarray:
        return self._positions % self._period if self.shared else self._positions

    @cached_property
    def seen(self) -> np.ndarray:
        """Whether any neuron sees each source, or could if the map went on; bool, shape (side,)."""
        return (self._positions % self.stride if self.shared else self._positions) < self.kernel

    @cached_property
    def _rows_of_phases(self) -> np.ndarray:
        """The phase of each row. A phase that no source has needs no row."""
        return np.unique(self._phases[self.seen])

    @property
    def row_count(self) -> int:
        """Number of rows."""
        return len(self._rows_of_phases)

    @cached_property
    def rows(self) -> np.ndarray:
        """The row of each source, 0 for one that is not seen; int64, shape (side,)."""
        return np.where(self.seen, np.searchsorted(self._rows_of_phases, self._phases), 0)

    @cached_property
    def bases(self) -> np.ndarray:
        """The base of each source, 0 for one that is not seen; int64, shape (side,)."""
        bases = self._positions // self._period * self.window
        return np.where(self.seen, bases, 0) if self.shared else np.zeros(self.side, np.int64)

    @cached_property
    def reaches(self) -> Reaches:
        """Where each tap of each row leads: a slot, and a neuron's number there, less the base."""
        phases = self._rows_of_phases
        if not self.shared:
            none = np.zeros(len(phases), np.int64)
            return Reaches(np.arange(len(phases)), phases, none, none)
        distances = phases[:, None] - np.arange(self.kernel)
        rows, taps = np.nonzero(distances % self.stride == 0)
        neurons = distances[rows, taps] // self.stride
        windows, within = np.divmod(neurons, self.window)
        rounds, slots = np.divmod(windows, self.slots)
        return Reaches(rows, taps, slots, rounds * self.window + within)

    @cached_property
    def ends(self) -> tuple[int, int]:
        """The lowest and the highest number that weights lead to in any slot, with or without a neuron."""
        found = [self.bases[self.seen & (self.rows == row)] for row in range(self.row_count)]
        lowest, highest = (np.array([pick(bases) for bases in found]) for pick in (np.min, np.max))
        rows, _taps, _slots, offsets = self.reaches
        return int((lowest[rows] + offsets).min()), int((highest[rows] + offsets).max())


class Entries(NamedTuple):
    """A projection's entries, arrays of one length: the row of each, its unit, its offset in the unit, and its weight."""

    rows: np.ndarray
    units: np.ndarray
    offsets: np.ndarray
    weights: np.ndarray


class ProjectionLayout:
    """The rows of a projection's entries, and which of them a source reads.

    Parameters
    ----------
    part : Projection
    source_shape : tuple of int
        Channels, height and width of the source's spikes.
    window, slots : int
        As for the rows' `Axis`.
    """

    def __init__(self, part: Projection, source_shape: tuple[int, int, int], window: int, slots: int):
        self.part = part
        self.maps = maps = Maps.whole(*source_shape) if part.maps.is_flat else part.maps
        common = maps.pooling, maps.stride, maps.padding, maps.is_convolution
        self.down = Axis(maps.height, maps.kernel_height, *common, window, slots)
        self.right = Axis(maps.width, maps.kernel_width, *common)

    @property
    def channel_rows(self) -> int:
        """Rows of each channel of the source."""
        return self.down.row_count * self.right.row_count

    @property
    def rows(self) -> int:
        """Rows of all channels."""
        return self.maps.channels * self.channel_rows

    def entries(self, slots: int, pitch: int) -> Entries:
        """Return the entries in no particular order; their offsets count from the unit's first neuron."""
        part, maps, down, right = self.part, self.maps, self.down.reaches, self.right.reaches
        channel = np.arange(maps.channels)[:, None, None]
        shape = maps.channels, len(down.taps), len(right.taps)

        def joined(vertical: np.ndarray, horizontal: np.ndarray | int) -> np.ndarray:
            return np.broadcast_to(vertical[:, None] + horizontal, shape).reshape(-1)

        first_tap = channel * (maps.kernel_height * maps.kernel_width)
        taps = (first_tap + down.taps[:, None] * maps.kernel_width + right.taps).reshape(-1)
        rows = (channel * self.channel_rows + down.rows[:, None] * self.right.row_count + right.rows).reshape(-1)
        lengths = part.row_lengths[taps]
        places = np.repeat(part.row_starts[taps] - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())
        return Entries(
            np.repeat(rows, lengths),
            part.row_targets[places].astype(np.int64) * slots + np.repeat(joined(down.slots, 0), lengths),
            np.repeat(joined(down.offsets * pitch, right.offsets), lengths),
            part.row_weights[places].astype(np.int64),
        )

    def expected_spikes(self) -> np.ndarray:
        """Return how many spikes each row is read by in an inference, in units of 1 / `FULL_ACTIVITY`: int64, shape (rows,).

        Where the activity of a source is not known, it counts as one that always spikes.
        """
        maps, down, right = self.maps, self.down, self.right
        seen = down.seen[:, None] & right.seen
        rows = (
            np.arange(maps.channels)[:, None] * self.channel_rows + (down.rows[:, None] * right.row_count + right.rows)[seen]
        )
        spikes = np.zeros(self.rows, np.int64)
        np.add.at(spikes, rows, self.activity.reshape(maps.source_shape)[:, seen])
        return spikes

    @property
    def activity(self) -> np.ndarray:
        """The activity of each source, int64, shape (sources,)."""
        known = self.part.activity
        return np.full(self.maps.sources, FULL_ACTIVITY) if known is None else known.astype(np.int64)


class LayerLayout:
    """Where the units of a layer lie.

    Parameters
    ----------
    layer : LayeredLayer
    source_shapes : sequence of tuple of int
        Channels, height and width of the spikes of the input, and of each earlier layer.
    slots : int
        1, 2 or 4; more than 1 only in convolutions.

    Attributes
    ----------
    projections : tuple of ProjectionLayout
    fired_rows, fired_columns : int
        Windows in each direction; without max pooling, neurons.
    pitch, unit_rows, lead : int
        As in `instructions.Fire`.
    """

    def __init__(self, layer: LayeredLayer, source_shapes: Sequence[tuple[int, int, int]], slots: int):
        self.layer, self.slots = layer, slots
        side = layer.max_pooling
        window = side if slots > 1 else 1
        self.projections = tuple(
            ProjectionLayout(part, source_shapes[part.source], window, slots) for part in layer.projections
        )
        _channels, self.fired_rows, self.fired_columns = layer.spike_shape
        before, after = _beyond([part.right for part in self.projections], self.fired_columns * side)
        self.pitch = self.fired_columns * side + max(before, after)
        self.lead = before
        rows = -(-self.fired_rows // slots) * side
        before, after = _beyond([part.down for part in self.projections], rows)
        self.unit_rows = rows + max(before, after)
        self.lead += before * self.pitch

    @property
    def unit_places(self) -> int:
        """Places from a unit's first neuron to that of the next unit in its lane."""
        return self.unit_rows * self.pitch

    @property
    def units(self) -> int:
        """Units of all target channels; unit ``channel * slots + slot``."""
        return self.layer.channels * self.slots

    def places(self, units: int) -> int:
        """Return the number of places that so many units of a lane take."""
        return self.lead + units * self.unit_places


def _beyond(axes: Sequence[Axis], neurons: int) -> tuple[int, int]:
    """Return how far weights lead before the first neuron, and beyond the last one."""
    lowest, highest = zip(*(axis.ends for axis in axes), strict=True)
    return max(0, -min(lowest)), max(0, max(highest) - (neurons - 1))
