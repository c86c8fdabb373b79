"""The memories of a hidden layer's lanes, as the model reads them."""

from dataclasses import dataclass

import numpy as np

from firstspike_spec.compiler.contents import BankContents
from firstspike_spec.compiler.shapes import LayerShape

from ..address_table import rows_of_sources
from ..items import spike

#: Bits of a row's number of entries; the number of its first entry is in the bits above, and the source's base above that.
LENGTH_BITS, ENTRY_BITS = 20, 24
LENGTH_MASK, ENTRY_MASK = (1 << LENGTH_BITS) - 1, (1 << ENTRY_BITS) - 1


def start_address(shape: LayerShape) -> int:
    """Return the model's source address of the start row; with an address table, one that no source has."""
    return 1 << shape.source_bits if shape.address_table else shape.start_row


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of all lanes of a layer.

    Attributes
    ----------
    rows : ndarray of int64, shape (lanes, addresses + 1)
        By lane and address plus 1, of a source or the `start_address`: the base, ``ENTRY_BITS`` below it the number of the
        first entry, and ``LENGTH_BITS`` below that the number of entries; 0 where there is no row.
    neurons, weights : ndarray, shape (entries,)
        Of each entry: the neuron's number within its lane, less the base, and the weight.
    initial_potentials : ndarray, shape (lane neurons * lanes,)
        Minus the threshold, by number within the lane, then lane.
    spikes : ndarray, shape (lane neurons * lanes,)
        The item that the layer sends when that neuron fires.
    """

    rows: np.ndarray
    neurons: np.ndarray
    weights: np.ndarray
    initial_potentials: np.ndarray
    spikes: np.ndarray

    @classmethod
    def of(cls, shape: LayerShape, banks: tuple[BankContents, ...], table: np.ndarray) -> "Rows":
        """Return the rows that banks and an address table hold."""
        rows = np.zeros((shape.lanes, 1 + shape.rows), np.int64)
        entries = []
        first = 0
        for number, bank in enumerate(banks):
            pointers, words = shape.pointer.unpack(bank.pointers), shape.entry.unpack(bank.entries)
            start = pointers["start"] + first
            for lane in range(shape.bank_lanes):
                length = pointers[f"length_{lane}"]
                rows[number * shape.bank_lanes + lane, 1:] = np.where(length > 0, start << LENGTH_BITS | length, 0)
                start = start + length
            entries.append(words)
            first += len(bank.entries)
        if shape.address_table:
            row, base, seen = rows_of_sources(shape, table)
            found = rows[:, 1:][:, row]
            located = np.where(seen & (found != 0), found | base << (ENTRY_BITS + LENGTH_BITS), 0)
            rows = np.concatenate([rows[:, :1], located, rows[:, [1 + shape.start_row]]], axis=1)
        neurons, weights = (np.concatenate([words[name] for words in entries]) for name in ("neuron", "weight"))
        potentials = np.concatenate([bank.initial_potentials.reshape(-1, shape.bank_lanes) for bank in banks], axis=1)
        neuron, lane_of_neuron = np.divmod(np.arange(potentials.size), shape.lanes)
        return cls(
            rows=np.ascontiguousarray(rows),  # otherwise each `take` copies all of it
            neurons=neurons,
            weights=weights.astype(np.int32),
            initial_potentials=potentials.astype(np.int32).reshape(-1),
            spikes=spike(neuron << shape.lane_bits | lane_of_neuron).astype(np.int32),
        )
