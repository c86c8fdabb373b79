"""What the memories of an engine hold for a network."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..common.words import LOAD_WORD, Memory
from ..network.network import Network
from .engine_shape import EngineShape
from .shapes import SourcedShape


@dataclass(frozen=True, eq=False)
class BankContents:
    """Contents of the memories of one bank of a hidden layer, packed.

    Attributes
    ----------
    pointers : ndarray of uint64, shape (rows,)
        `LayerShape.pointer` words, by row address; a row without connections here has lengths 0.
    entries : ndarray of uint64, shape (entries,)
        `LayerShape.entry` words: the connections of the bank, and its neurons of the start row.
    initial_potentials : ndarray of int64, shape (lane_neurons * bank_lanes,)
        Initial potential minus threshold of neuron ``n`` of lane ``l`` of the bank at ``n * bank_lanes + l``. Places without
        a neuron start so low that they never fire, in most cases at `SourcedShape.lowest_potential`.
    """

    pointers: np.ndarray
    entries: np.ndarray
    initial_potentials: np.ndarray


@dataclass(frozen=True, eq=False)
class SliceContents:
    """Contents of one slice of the output layer, packed.

    Attributes
    ----------
    weights : ndarray of uint64, shape (rows,)
        `OutputShape.weights` words, by row address; weight 0 where there is no connection, no source or no neuron.
    initial_potentials : ndarray of int64, shape (neurons of this slice,)
        Initial potential minus threshold; `SourcedShape.lowest_potential` where the network has no neuron.
    """

    weights: np.ndarray
    initial_potentials: np.ndarray


@dataclass(frozen=True, eq=False)
class MemoryContents:
    """What one memory holds, from its first address on.

    Attributes
    ----------
    layer : int
    lane : int
        The number of the bank in a hidden layer, or of the slice in the output layer. The number after the last one is that of
        the layer's address table.
    memory : Memory
    bits : int
        Width of a word.
    words : ndarray of uint64
    """

    layer: int
    lane: int
    memory: Memory
    bits: int
    words: np.ndarray


class _Digested(Protocol):
    """A network, or the shape of what runs it."""

    @property
    def digest(self) -> str: ...


class Contents(ABC):
    """What the memories of an engine or a processor of a given shape hold for a network; a base class."""

    shape: _Digested
    network: _Digested

    @abstractmethod
    def memories(self) -> Iterator[MemoryContents]:
        """Yield what each memory holds."""

    @property
    def digest(self) -> str:
        """SHA-256 of the network, the shape and the contents, in hexadecimal."""
        digest = hashlib.sha256(bytes.fromhex(self.network.digest) + self.shape.digest.encode())
        digest.update(self.load_words().astype("<u8").tobytes())
        return digest.hexdigest()

    def load_words(self) -> np.ndarray:
        """Return the stream for the load port, `LOAD_WORD` words, uint64."""
        parts = [
            LOAD_WORD.pack(
                data=part.words, address=np.arange(len(part.words)), memory=part.memory, lane=part.lane, layer=part.layer
            )
            for part in self.memories()
        ]
        return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class EngineContents(Contents):
    """What the memories of an engine of a given shape hold for a network.

    Attributes
    ----------
    shape : EngineShape
    network : Network
    banks : tuple of tuple of BankContents
        By hidden layer, then bank.
    output : tuple of SliceContents
        By slice.
    address_tables : tuple of ndarray of uint64
        By layer, `AddressTableShape.location` words by a source's number within its lane; empty without an address table.
    addresses : tuple of ndarray of int64
        The address of each neuron of each layer; an output neuron's is its number.
    """

    shape: EngineShape
    network: Network
    banks: tuple[tuple[BankContents, ...], ...]
    output: tuple[SliceContents, ...]
    address_tables: tuple[np.ndarray, ...]
    addresses: tuple[np.ndarray, ...]

    def memories(self) -> Iterator[MemoryContents]:
        """Yield what each memory holds: ``T`` first, then layer by layer, bank by bank, and the output's slices last.

        A layer's address table follows its banks or slices.
        """
        yield MemoryContents(0, 0, Memory.TIME_STEPS, 16, np.array([self.network.time_steps], np.uint64))
        for layer, (shape, banks) in enumerate(zip(self.shape.layers, self.banks, strict=True)):
            for lane, bank in enumerate(banks):
                yield MemoryContents(layer, lane, Memory.POINTERS, shape.pointer.bits, bank.pointers)
                yield MemoryContents(layer, lane, Memory.ENTRIES, shape.entry.bits, bank.entries)
                yield _initial_potentials(layer, lane, shape, bank.initial_potentials)
            yield from self._address_table(layer, shape.banks, shape)
        layer, output = len(self.shape.layers), self.shape.output
        for lane, part in enumerate(self.output):
            yield MemoryContents(layer, lane, Memory.ENTRIES, output.weights.bits, part.weights)
            yield _initial_potentials(layer, lane, output, part.initial_potentials)
        yield from self._address_table(layer, output.slices, output)

    def _address_table(self, layer: int, lane: int, shape: SourcedShape) -> Iterator[MemoryContents]:
        if shape.address_table:
            bits = shape.address_table.location.bits
            yield MemoryContents(layer, lane, Memory.POINTERS, bits, self.address_tables[layer])


def _initial_potentials(layer: int, lane: int, shape: SourcedShape, potentials: np.ndarray) -> MemoryContents:
    words = (potentials & ((1 << shape.potential_bits) - 1)).astype(np.uint64)
    return MemoryContents(layer, lane, Memory.INITIAL_POTENTIALS, shape.potential_bits, words)
