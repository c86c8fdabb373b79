"""What the memories of an engine hold for a network."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..common.words import LOAD_WORD, Memory
from ..network.network import Network
from .engine_shape import EngineShape


@dataclass(frozen=True, eq=False)
class BankContents:
    """Contents of the memories of one bank of a hidden layer, packed.

    Attributes
    ----------
    pointers : ndarray of uint64, shape (rows,)
        `LayerShape.pointer` words; a row without connections here has lengths 0.
    entries : ndarray of uint64, shape (entries,)
        `LayerShape.entry` words, as many as the bank holds connections, and neurons of the start row.
    initial_potentials : ndarray of int64, shape (lane_neurons * bank_lanes,)
        Initial potential minus threshold of neuron ``n`` of lane ``l`` of the bank at ``n * bank_lanes + l``; where there is no
        neuron, so low that nothing that comes there fires, in most places the lowest number of the potential's width.
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
        `OutputShape.weights` words; weight 0 where there is no connection, no source or no neuron.
    initial_potentials : ndarray of int64, shape (neurons of this slice,)
        Initial potential minus threshold; the lowest number of the potential's width where the network has no neuron.
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
        The number of the bank in a hidden layer, of the slice in the output layer; that behind the last one is the address table's.
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


@dataclass(frozen=True, eq=False)
class EngineContents:
    """A network as an engine of a given shape holds it.

    Attributes
    ----------
    shape : EngineShape
    network : Network
    banks : tuple of tuple of BankContents
        By hidden layer, then bank.
    output : tuple of SliceContents
        By slice.
    address_tables : tuple of ndarray of uint64
        By layer, `AddressTableShape.location` words, by a source's number within its lane; empty without an address table.
    addresses : tuple of ndarray of int64
        The address of each neuron of each layer; an output neuron's is its number.
    """

    shape: EngineShape
    network: Network
    banks: tuple[tuple[BankContents, ...], ...]
    output: tuple[SliceContents, ...]
    address_tables: tuple[np.ndarray, ...]
    addresses: tuple[np.ndarray, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the network and of how this engine holds it, in hexadecimal."""
        digest = hashlib.sha256(bytes.fromhex(self.network.digest) + self.shape.digest.encode())
        digest.update(self.load_words().astype("<u8").tobytes())
        return digest.hexdigest()

    def load_words(self) -> np.ndarray:
        """Return the stream for the engine's load port, `LOAD_WORD` words, uint64."""
        parts = [
            LOAD_WORD.pack(
                data=part.words, address=np.arange(len(part.words)), memory=part.memory, lane=part.lane, layer=part.layer
            )
            for part in self.memories()
        ]
        return np.concatenate(parts)

    def memories(self) -> Iterator[MemoryContents]:
        """Yield what each memory holds: ``T`` first, then layer by layer, bank by bank, and the output's slices last.

        A layer's locations come behind its banks or slices.
        """
        yield MemoryContents(0, 0, Memory.TIME_STEPS, 16, np.array([self.network.time_steps], np.uint64))
        for layer, (shape, banks) in enumerate(zip(self.shape.layers, self.banks, strict=True)):
            for bank, image in enumerate(banks):
                starts = _unsigned(image.initial_potentials, shape.potential_bits)
                yield MemoryContents(layer, bank, Memory.POINTERS, shape.pointer.bits, image.pointers)
                yield MemoryContents(layer, bank, Memory.ENTRIES, shape.entry.bits, image.entries)
                yield MemoryContents(layer, bank, Memory.INITIAL_POTENTIALS, shape.potential_bits, starts)
            yield from self._locations(layer, shape.banks)
        layer, shape = len(self.shape.layers), self.shape.output
        for number, image in enumerate(self.output):
            starts = _unsigned(image.initial_potentials, shape.potential_bits)
            yield MemoryContents(layer, number, Memory.ENTRIES, shape.weights.bits, image.weights)
            yield MemoryContents(layer, number, Memory.INITIAL_POTENTIALS, shape.potential_bits, starts)
        yield from self._locations(layer, shape.slices)

    def _locations(self, layer: int, behind: int) -> Iterator[MemoryContents]:
        address_table = (*self.shape.layers, self.shape.output)[layer].address_table
        if address_table:
            yield MemoryContents(layer, behind, Memory.POINTERS, address_table.location.bits, self.address_tables[layer])


def _unsigned(potentials: np.ndarray, bits: int) -> np.ndarray:
    return (potentials & ((1 << bits) - 1)).astype(np.uint64)
