"""Words of bit fields: the words in the engine's memories and streams.

The gateware, the compiler and the host all use these layouts.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from .errors import InputError


@dataclass(frozen=True)
class Field:
    """One field of a word.

    Attributes
    ----------
    name : str
    bits : int
    signed : bool
        Two's complement.
    """

    name: str
    bits: int
    signed: bool = False

    @property
    def range(self) -> tuple[int, int]:
        """Smallest and largest value."""
        return (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1) if self.signed else (0, (1 << self.bits) - 1)


@dataclass(frozen=True)
class Word:
    """A word of up to 64 bits, the first field in the least significant bits."""

    fields: tuple[Field, ...]

    @property
    def bits(self) -> int:
        """Width of the word."""
        return sum(field.bits for field in self.fields)

    def width(self, name: str) -> int:
        """Return the width of the field of a name."""
        return next(field.bits for field in self.fields if field.name == name)

    def pack(self, **values: int | np.ndarray) -> np.ndarray:
        """Return the words for given field values.

        Parameters
        ----------
        **values : int or ndarray of int
            One per field: arrays of one shape, or numbers that apply to all words.

        Returns
        -------
        ndarray of uint64

        Raises
        ------
        InputError
            If a value does not fit in its field.
        TypeError, KeyError
            If there is a value too many or too few.
        """
        words: np.ndarray = np.zeros((), np.uint64)
        shift = 0
        for field in self.fields:
            array = np.asarray(values.pop(field.name), np.int64)
            low, high = field.range
            if array.size and (array.min() < low or array.max() > high):
                raise InputError(f"{field.name} must be in {low} .. {high}, not {array.min()} .. {array.max()}")
            mask = np.uint64((1 << field.bits) - 1)
            words = np.asarray(words | ((array.astype(np.uint64) & mask) << np.uint64(shift)))
            shift += field.bits
        if values:
            raise TypeError(f"no such fields: {', '.join(values)}")
        return words

    def unpack(self, words: np.ndarray) -> dict[str, np.ndarray]:
        """Return the fields of words as arrays of int64."""
        words = np.asarray(words, np.uint64)
        values, shift = {}, 0
        for field in self.fields:
            bits = ((words >> np.uint64(shift)) & np.uint64((1 << field.bits) - 1)).astype(np.int64)
            if field.signed:
                bits = np.where(bits > field.range[1], bits - (1 << field.bits), bits)
            values[field.name] = bits
            shift += field.bits
        return values


class Memory(IntEnum):
    """The memory that a load word writes."""

    #: Of a bank, by row address: where the row begins, and how long it is. Under the number after a layer's last bank or
    #: slice: its address table, by a source's number within its lane.
    POINTERS = 0
    ENTRIES = 1  #: Of a bank: the rows one after the other, each entry (neuron minus the source's base, weight).
    INITIAL_POTENTIALS = 2  #: Of a lane, by neuron: the initial potential minus the threshold.
    TIME_STEPS = 3  #: Of the engine: ``T`` (layer, lane and address are ignored).


#: One word of a network being loaded into an engine.
LOAD_WORD = Word((Field("data", 32), Field("address", 18), Field("memory", 2), Field("lane", 8), Field("layer", 4)))

#: One result of an engine. A *report* says that an output neuron spiked at ``step`` (``fired`` = 1), or that it had not spiked
#: after the last step (0); its ``value`` is the potential minus the threshold. A *decision* gives the class in ``neuron``,
#: whether an output spiked, the decision step, and in ``value`` the cycles from the image's first token to the decision.
RESULT_WORD = Word(
    (Field("value", 32, signed=True), Field("neuron", 16), Field("step", 8), Field("fired", 1), Field("decision", 1))
)
