"""The instructions of a processor's program, and their words.

A program runs once for each image. Its words have 32 bits. The first word of every instruction has its opcode in the low bits.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from ..common.words import Field, Word

#: Bits of a word of the program.
PROGRAM_BITS = 32


class Opcode(IntEnum):
    """What an instruction does."""

    END = 0  #: The image is finished; the next one starts the program again.
    INTEGRATE = 1  #: Let all spikes of a source act on the potentials.
    FIRE = 2  #: Let a layer's neurons spike, and clear their potentials. The next instruction starts at once.
    WAIT = 3  #: Until the last FIRE is finished.


#: `Opcode.INTEGRATE`: ``source`` 0 is the input, ``n`` layer ``n - 1``; with ``release``, nobody reads it afterwards. The
#: number of a row is ``row + channel * channel_rows`` plus what the two tables have for the spike's row and column.
INTEGRATE = (
    Word((Field("opcode", 2), Field("source", 5), Field("release", 1), Field("unused", 24))),
    Word((Field("row", 16), Field("channel_rows", 16))),
    Word((Field("rows", 16), Field("columns", 16))),
)

#: `Opcode.FIRE`: ``source`` is the number under which the spikes are read, of 1 .. 31 (without meaning for the output layer);
#: ``opens`` if the layer has no spikes yet, ``closes`` if it has all of them afterwards. Of the `time_steps` thresholds, which
#: follow as a word each, the first is the highest. What the geometry means is in `Fire`.
FIRE = (
    Word(
        (
            Field("opcode", 2),
            Field("source", 5),
            Field("opens", 1),
            Field("closes", 1),
            Field("output", 1),
            Field("time_steps", 6),
            Field("units", 16),
        )
    ),
    Word((Field("header", 18), Field("unused", 14))),
    Word((Field("first", 16), Field("lead", 16))),
    Word((Field("pitch", 9), Field("unit_rows", 9), Field("pooling", 4), Field("slots_log2", 2), Field("unused", 8))),
    Word((Field("fired_rows", 9), Field("fired_columns", 9), Field("unused", 14))),
)


@dataclass(frozen=True)
class Integrate:
    """Let all spikes of a source act on the potentials: for each of them, every lane adds the entries of one row.

    Attributes
    ----------
    source : int
    release : bool
        Nobody reads these spikes afterwards, and all older ones are done with: their places are free as they are read.
    row, channel_rows : int
        The first row, and rows for each channel of the source.
    rows, columns : int
        Where the tables of rows and of columns have this source's coordinates.
    """

    source: int
    release: bool
    row: int
    channel_rows: int
    rows: int
    columns: int

    def words(self) -> np.ndarray:
        """Return the instruction as words of the program, uint64."""
        first, second, third = INTEGRATE
        return np.array(
            [
                first.pack(opcode=Opcode.INTEGRATE, source=self.source, release=int(self.release), unused=0),
                second.pack(row=self.row, channel_rows=self.channel_rows),
                third.pack(rows=self.rows, columns=self.columns),
            ],
            np.uint64,
        )


@dataclass(frozen=True)
class Fire:
    """Let the neurons of a layer, or of a tile of it, spike once, and clear their potentials.

    A lane has up to ``units`` units. A unit is the neurons of one target channel, or of one *slot* of it: with ``s`` slots,
    slot ``n`` has the rows ``r`` of windows with ``r % s == n``. Its neurons lie row by row, with ``pitch`` places from row to
    row. All lanes go through the same addresses in the same cycles:

        address = first
        clear `lead` places, one after the other                      # reached by kernels only
        for each unit u:
            for window_column in 0 .. ceil(pitch / pooling) - 1:
                for window_row in 0 .. ceil(unit_rows / pooling) - 1:
                    for dy in 0 .. pooling - 1:
                        for dx in 0 .. pooling - 1:
                            row, column = window_row * pooling + dy, window_column * pooling + dx
                            if row < unit_rows and column < pitch:
                                read and clear first + lead + (u * unit_rows + row) * pitch + column

    Rows come before columns, so that spikes of different slots of the next layer, which shares out rows, follow one another.
    The potential of a window is the largest of its neurons' (their sum plus the unit's initial potential). The window is at
    row ``y = window_row * s + slot`` and column ``x = window_column``, and is dropped unless ``y < fired_rows``,
    ``x < fired_columns`` and the lane has the unit. Otherwise it spikes at the first step whose threshold its potential
    reaches.

    Attributes
    ----------
    source : int
    opens, closes, output : bool
        For the output layer, all potentials go to the read-out, whether they reach a threshold or not.
    thresholds : tuple of int
    units : int
    header : int
        Where each lane's memory of entries has the headers of its units, one after the other.
    first, lead, pitch, unit_rows, pooling, slots_log2, fired_rows, fired_columns : int
    """

    source: int
    opens: bool
    closes: bool
    output: bool
    thresholds: tuple[int, ...]
    units: int
    header: int
    first: int
    lead: int
    pitch: int
    unit_rows: int
    pooling: int
    slots_log2: int
    fired_rows: int
    fired_columns: int

    def words(self) -> np.ndarray:
        """Return the instruction as words of the program, uint64."""
        head, header, places, geometry, fired = FIRE
        return np.array(
            [
                head.pack(
                    opcode=Opcode.FIRE,
                    source=self.source,
                    opens=int(self.opens),
                    closes=int(self.closes),
                    output=int(self.output),
                    time_steps=len(self.thresholds),
                    units=self.units,
                ),
                header.pack(header=self.header, unused=0),
                places.pack(first=self.first, lead=self.lead),
                geometry.pack(
                    pitch=self.pitch, unit_rows=self.unit_rows, pooling=self.pooling, slots_log2=self.slots_log2, unused=0
                ),
                fired.pack(fired_rows=self.fired_rows, fired_columns=self.fired_columns, unused=0),
                *self.thresholds,
            ],
            np.uint64,
        )


@dataclass(frozen=True)
class Wait:
    """Wait until the last FIRE is finished."""

    def words(self) -> np.ndarray:
        """Return the instruction as words of the program, uint64."""
        return np.array([int(Opcode.WAIT)], np.uint64)


@dataclass(frozen=True)
class End:
    """The image is finished once the last FIRE is."""

    def words(self) -> np.ndarray:
        """Return the instruction as words of the program, uint64."""
        return np.array([int(Opcode.END)], np.uint64)


Instruction = Integrate | Fire | Wait | End
