"""A hidden layer: lane groups, lanes and spike merger."""

from collections import deque

import numpy as np

from firstspike_spec.compiler.contents import BankContents
from firstspike_spec.compiler.shapes import LayerShape

from ..layer.layer import GROUP_BANKS
from .address_table import AddressTable
from .items import NOTHING, SkidBuffer, StartRowInserter, spike
from .lane.lanes import Lanes
from .lane.memories import Rows, start_address
from .latencies import POINTERS
from .spike_merger import SpikeMerger


class Layer:
    """Models `firstspike_hw.layer.layer.Layer`.

    Parameters
    ----------
    shape : LayerShape
    banks : tuple of BankContents
    table : ndarray of uint64
        What its address table holds.
    spikes_per_token, queue_depth, streams : int
    after_reset : bool
        A reset has just ended.

    Attributes
    ----------
    operations : ndarray of int64, shape (streams,)
        Synaptic operations.
    work_cycles : ndarray of int64, shape (streams,)
        Cycles in which some lane has a row waiting or under way.
    """

    def __init__(
        self,
        shape: LayerShape,
        banks: tuple[BankContents, ...],
        table: np.ndarray,
        *,
        spikes_per_token: int,
        queue_depth: int,
        streams: int,
        after_reset: bool,
    ):
        group_of_lane = np.arange(shape.lanes) // (GROUP_BANKS * shape.bank_lanes)
        self._first_lanes = np.flatnonzero(np.diff(group_of_lane, prepend=-1))
        groups = len(self._first_lanes)
        # The lanes sweep over their neurons, one a cycle and one more; the groups see the end of it a cycle later.
        self._room_from = shape.lane_neurons + 2 if after_reset else 0
        self._address_table = AddressTable(streams) if shape.address_table else None
        self._entrance = StartRowInserter(streams, int(spike(start_address(shape))))
        self._skid_buffers = SkidBuffer((groups - 1, streams), np.int64)
        self._held = np.zeros((groups, streams), bool)  # a token is on offer to the next group, and stays on offer
        self._coming = deque(np.zeros((groups, streams), np.int64) for _ in range(POINTERS))
        self._lanes = Lanes(
            shape,
            Rows.of(shape, banks, table),
            group_of_lane,
            spikes_per_token=spikes_per_token,
            queue_depth=queue_depth,
            streams=streams,
        )
        self._spike_merger = SpikeMerger(shape.lanes, spikes_per_token, streams)
        self.work_cycles = np.zeros(streams, np.int64)

    @property
    def ready(self) -> np.ndarray:
        """Whether the token on offer is taken in this cycle, shape (streams,)."""
        return (self._address_table or self._entrance).ready

    @property
    def out(self) -> np.ndarray:
        """Tokens on offer, shape (streams,)."""
        return self._spike_merger.out

    @property
    def operations(self) -> np.ndarray:
        """Synaptic operations, shape (streams,)."""
        return self._lanes.accumulators.operations

    def step(self, cycle: int, tokens: np.ndarray, taken: np.ndarray) -> None:
        """Go through a clock edge: ``tokens`` are on offer; the layer's own are ``taken``."""
        self.work_cycles += self._lanes.readers.entries > 0
        merged = self._spike_merger.step(self._lanes.fire_queues.out, taken)

        token = np.concatenate([self._entrance.out[None], self._skid_buffers.out])
        room = np.logical_and.reduceat(self._lanes.readers.room, self._first_lanes, axis=0)
        offered = (token != NOTHING) & (room | self._held) & (cycle >= self._room_from)
        goes = offered.copy()
        goes[:-1] &= self._skid_buffers.ready
        self._held = offered & ~goes

        if self._address_table:
            located = self._address_table.out
            self._address_table.step(tokens, self._entrance.ready & (located != NOTHING))
            tokens = located
        self._entrance.step(tokens, goes[0])
        self._skid_buffers.step(np.where(offered, token, NOTHING)[:-1], goes[1:])

        self._coming.append(np.where(goes, token, NOTHING))
        self._lanes.step(self._coming.popleft(), merged)
