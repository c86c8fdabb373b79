"""The memories of a hidden layer's lanes, as the model reads them."""

from dataclasses import dataclass

import numpy as np

from firstspike_spec.compiler import BankImage
from firstspike_spec.engine import LayerShape

from .items import spike

#: A row is its first entry above its number of entries.
LENGTH_BITS = 20
LENGTH_MASK = (1 << LENGTH_BITS) - 1


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of all lanes of a layer.

    Attributes
    ----------
    rows : ndarray of int64, shape (lanes, 1 + sources)
        By lane and source address plus 1: the number of the first entry, and ``LENGTH_BITS`` below it that of entries; 0
        where there is no row.
    neurons, weights : ndarray, shape (entries,)
        Of each entry: the neuron's number within its lane, and the weight.
    starts : ndarray, shape (entries,)
        Start potential minus threshold of the neuron.
    spikes : ndarray, shape (entries,)
        What the layer gives when it fires.
    """

    rows: np.ndarray
    neurons: np.ndarray
    weights: np.ndarray
    starts: np.ndarray
    spikes: np.ndarray

    @classmethod
    def of(cls, shape: LayerShape, banks: tuple[BankImage, ...]) -> "Rows":
        """Return what banks hold."""
        rows = np.zeros((shape.lanes, 1 + shape.rows), np.int64)
        entries, lanes = [], []
        first = 0
        for number, bank in enumerate(banks):
            pointers, words = shape.pointer.unpack(bank.pointers), shape.entry.unpack(bank.entries)
            owners = np.zeros(len(bank.entries), np.int64)
            start = pointers["start"] + first
            for lane in range(shape.bank_lanes):
                length = pointers[f"length_{lane}"]
                rows[number * shape.bank_lanes + lane, 1:] = np.where(length > 0, start << LENGTH_BITS | length, 0)
                offset = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
                owners[np.repeat(start - first, length) + offset] = number * shape.bank_lanes + lane
                start = start + length
            entries.append(words)
            lanes.append(owners)
            first += len(bank.entries)
        lane = np.concatenate(lanes)
        neurons, weights = (np.concatenate([words[name] for words in entries]) for name in ("neuron", "weight"))
        starts = np.stack([bank.start_potentials.reshape(-1, shape.bank_lanes) for bank in banks])
        return cls(
            rows=rows,
            neurons=neurons,
            weights=weights.astype(np.int32),
            starts=starts[lane // shape.bank_lanes, neurons, lane % shape.bank_lanes].astype(np.int32),
            spikes=spike(neurons << shape.lane_bits | lane).astype(np.int32),
        )
