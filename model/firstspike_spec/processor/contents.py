"""What the memories of a processor hold for a network."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..common.words import Memory
from ..compiler.contents import Contents, MemoryContents
from ..layered.network import LayeredNetwork
from ..network.base import image_maps
from .instructions import PROGRAM_BITS, Instruction
from .shape import ProcessorShape
from .spike_memory import loses_spikes

#: The numbers under which load words have the lanes' memories, and what the lanes share.
LANES_LAYER, SHARED_LAYER = 0, 1

#: Which of the shared memories is which: the load word's lane.
PROGRAM, KERNELS, ROWS, COLUMNS, INPUT_FORMAT = range(5)

#: Bits of a word of the kernels, and of a number of the inputs' format.
KERNEL_BITS = FORMAT_BITS = 16

#: The words of the inputs' format, by address: the number of the last input, and the last column and row of a map.
FORMAT_WORDS = ("last_input", "last_column", "last_row")


@dataclass(frozen=True, eq=False)
class ProcessorContents(Contents):
    """What the memories of a processor of a given shape hold for a network, with only as many words as are used.

    Attributes
    ----------
    shape : ProcessorShape
    network : LayeredNetwork
    instructions : tuple of Instruction
    program : ndarray of uint64
        The instructions as words.
    kernels : ndarray of uint64, shape (64,)
        What a spike counts, by its step: that of inputs from address 0, that of layers from 32 on.
    rows, columns : ndarray of uint64
        `ProcessorShape.coordinate` words.
    pointers : ndarray of uint64, shape (lanes, rows)
        `ProcessorShape.pointer` words.
    entries : tuple of ndarray of uint64
        By lane: the headers of all units, then `ProcessorShape.entry` words.
    units : tuple of ndarray of int64, each of shape (lanes, units, 2)
        Target channel and slot of each unit of each lane, by FIRE; -1 where a lane has no such unit. No memory holds them.
    """

    shape: ProcessorShape
    network: LayeredNetwork
    instructions: tuple[Instruction, ...]
    program: np.ndarray
    kernels: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    pointers: np.ndarray
    entries: tuple[np.ndarray, ...]
    units: tuple[np.ndarray, ...]

    def memories(self) -> Iterator[MemoryContents]:
        """Yield what each memory holds: the inputs' ``T`` and what all lanes share, then each lane's pointers and entries."""
        time_steps = np.array([self.network.input_time_steps], np.uint64)
        yield MemoryContents(LANES_LAYER, 0, Memory.TIME_STEPS, FORMAT_BITS, time_steps)
        for lane, bits, words in (
            (PROGRAM, PROGRAM_BITS, self.program),
            (KERNELS, KERNEL_BITS, self.kernels),
            (ROWS, self.shape.coordinate.bits, self.rows),
            (COLUMNS, self.shape.coordinate.bits, self.columns),
            (INPUT_FORMAT, FORMAT_BITS, self._input_format),
        ):
            yield MemoryContents(SHARED_LAYER, lane, Memory.ENTRIES, bits, words)
        for lane, (pointers, entries) in enumerate(zip(self.pointers, self.entries, strict=True)):
            yield MemoryContents(LANES_LAYER, lane, Memory.POINTERS, self.shape.pointer.bits, pointers)
            yield MemoryContents(LANES_LAYER, lane, Memory.ENTRIES, self.shape.entry.bits, entries)

    @property
    def _input_format(self) -> np.ndarray:
        """The words of the inputs' format, in the order of `FORMAT_WORDS`."""
        _channels, height, width = image_maps(self.network.input_shape)
        return np.array([self.network.inputs - 1, width - 1, height - 1], np.uint64)

    @property
    def may_overflow(self) -> bool:
        """Whether the spike memory is too small if every neuron spikes."""
        return loses_spikes(self.instructions, self.units, self.shape.spikes)
