"""What the program of a loaded network means for the lanes, and what an image's spikes add to it.

A spike is the number of its neuron, channel by channel and row by row, plus 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from firstspike_spec.network.base import image_maps
from firstspike_spec.processor.contents import ProcessorContents
from firstspike_spec.processor.instructions import End, Fire, Instruction, Integrate, Wait

from .fire_sequencer import steps_of


@dataclass(frozen=True, eq=False)
class Integration:
    """An INTEGRATE.

    Attributes
    ----------
    layer, source : int
    release : bool
    words : int
        Of the program.
    rows : list of int
        The row of each spike of the source plus 1; 0 if no neuron sees it.
    """

    layer: int
    source: int
    release: bool
    words: int
    rows: list[int]


@dataclass(frozen=True, eq=False)
class Firing:
    """A FIRE.

    Attributes
    ----------
    layer, source : int
    opens, closes : bool
        The spikes of the source begin, or have all been written afterwards. The output layer has none.
    output : bool
    words : int
        Of the program.
    steps : list of int
        As of `fire_sequencer.steps_of`.
    windows : ndarray of int64, shape (windows, lanes)
        The spike that each lane fires for each window, in their order, if its neuron does; 0 if there is none.
    """

    layer: int
    source: int
    opens: bool
    closes: bool
    output: bool
    words: int
    steps: list[int]
    windows: np.ndarray


class Work:
    """The work of a loaded network.

    Parameters
    ----------
    contents : ProcessorContents

    Attributes
    ----------
    program : tuple of Integration, Firing, Wait or End
    lengths : ndarray of int64, shape (rows, lanes)
        Entries of each row of each lane.
    """

    def __init__(self, contents: ProcessorContents):
        network, shape = contents.network, contents.shape
        self._contents = contents
        self._maps = [image_maps(network.input_shape), *(layer.spike_shape for layer in network.layers)]
        self._down, self._right = (shape.coordinate.unpack(words) for words in (contents.rows, contents.columns))
        self.lengths = np.ascontiguousarray(shape.pointer.unpack(contents.pointers)["length"].T)
        self.program = tuple(self._instructions())

    def _instructions(self) -> Iterator[Integration | Firing | Wait | End]:
        layer, units = 0, iter(self._contents.units)
        for instruction in self._contents.instructions:
            if isinstance(instruction, Integrate):
                yield self._integration(instruction, layer)
            elif isinstance(instruction, Fire):
                yield self._firing(instruction, layer, next(units))
                layer += instruction.closes
            else:
                yield instruction

    def _integration(self, instruction: Integrate, layer: int) -> Integration:
        channels, height, width = self._maps[instruction.source]
        down, right = (
            {name: values[first : first + side] for name, values in table.items()}
            for table, first, side in (
                (self._down, instruction.rows, height),
                (self._right, instruction.columns, width),
            )
        )
        seen = (down["seen"][:, None] & right["seen"]) == 1
        places = down["row"][:, None] + right["row"]
        first_rows = instruction.row + np.arange(channels) * instruction.channel_rows
        rows = (first_rows[:, None, None] + places) % (1 << self._contents.shape.row_bits)
        return Integration(
            layer=layer,
            source=instruction.source,
            release=instruction.release,
            words=_words(instruction),
            rows=np.where(seen, rows + 1, 0).reshape(-1).tolist(),
        )

    def _firing(self, fire: Fire, layer: int, units: np.ndarray) -> Firing:
        _channels, height, width = self._maps[layer + 1]
        channel, slot = np.moveaxis(units, -1, 0)[..., None, None]
        x, row = np.arange(-(-fire.pitch // fire.pooling))[:, None], np.arange(-(-fire.unit_rows // fire.pooling))
        y = (row << fire.slots_log2) + slot
        exists = (channel >= 0) & (y < fire.fired_rows) & (x < fire.fired_columns)
        windows = np.where(exists, (channel * height + y) * width + x + 1, 0)
        return Firing(
            layer=layer,
            source=fire.source,
            opens=fire.opens and not fire.output,
            closes=fire.closes and not fire.output,
            output=fire.output,
            words=_words(fire),
            steps=steps_of(fire, self._contents.shape),
            windows=np.ascontiguousarray(windows.reshape(len(windows), -1).T),
        )


def _words(instruction: Instruction) -> int:
    return len(instruction.words())
