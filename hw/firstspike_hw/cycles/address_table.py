"""The address tables of layers with maps."""

from collections import deque

import numpy as np

from firstspike_spec.compiler.shapes import AddressTableShape, LayerShape, OutputShape

from ..layer.address_table import AddressTable as Gateware
from .items import NOTHING


class AddressTable:
    """Models the timing of `firstspike_hw.layer.address_table.AddressTable`; the model's tokens keep the sources' addresses.

    Parameters
    ----------
    streams : int
    """

    def __init__(self, streams: int):
        self._coming = deque(np.zeros(streams, np.int64) for _ in range(Gateware.latency - 1))
        self._queue = np.zeros((Gateware.places, streams), np.int64)
        self._put, self._got, self._held = (np.zeros(streams, np.int64) for _ in range(3))
        self._streams = np.arange(streams)

    @property
    def ready(self) -> np.ndarray:
        """Whether the token on offer is taken in this cycle."""
        return self._held < Gateware.places

    @property
    def out(self) -> np.ndarray:
        """Tokens on offer."""
        waiting = self._queue[self._got % Gateware.places, self._streams]
        return np.where(self._put > self._got, waiting, NOTHING)

    def step(self, tokens: np.ndarray, gone: np.ndarray) -> None:
        """Go through a clock edge: ``tokens`` are on offer; the table's own are taken where ``gone``."""
        taken = self.ready & (tokens != NOTHING)
        arrived = self._coming.popleft()
        self._coming.append(np.where(taken, tokens, NOTHING))
        comes = np.flatnonzero(arrived)
        self._queue[self._put[comes] % Gateware.places, comes] = arrived[comes]
        self._put = self._put + (arrived != NOTHING)
        self._got = self._got + gone
        self._held = self._held + taken - gone


def rows_of_sources(shape: LayerShape | OutputShape, locations: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the row address of each source address, its base, and whether the layer has synapses from it.

    Parameters
    ----------
    shape : LayerShape or OutputShape
    locations : ndarray of uint64
        `AddressTableShape.location` words; unused where there is no address table.

    Returns
    -------
    rows, bases, seen : ndarray, shape (2 ** source_bits,)
    """
    sources = np.arange(1 << shape.source_bits)
    if shape.address_table is None:
        return sources, np.zeros_like(sources), np.ones(len(sources), bool)
    address_table: AddressTableShape = shape.address_table
    words = np.zeros(max(len(locations), len(sources) >> address_table.lane_bits), np.uint64)
    words[: len(locations)] = locations
    location = address_table.location.unpack(words[sources >> address_table.lane_bits])
    lanes = sources & ((1 << address_table.lane_bits) - 1)
    return location["row"] << address_table.lane_bits | lanes, location["base"], location["seen"] == 1
