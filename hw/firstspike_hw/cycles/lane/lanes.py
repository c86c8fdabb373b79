"""The lanes of a hidden layer, side by side."""

import numpy as np

from firstspike_spec.compiler.shapes import LayerShape

from ...lane.parameters import entry_stages
from .accumulators import Accumulators
from .fire_queues import FireQueues
from .memories import Rows
from .row_readers import RowReaders


class Lanes:
    """The lanes of a hidden layer.

    Parameters
    ----------
    shape : LayerShape
    rows : Rows
    group_of_lane : ndarray of int, shape (lanes,)
    spikes_per_token, queue_depth, streams : int
    """

    def __init__(
        self,
        shape: LayerShape,
        rows: Rows,
        group_of_lane: np.ndarray,
        *,
        spikes_per_token: int,
        queue_depth: int,
        streams: int,
    ):
        sizes = {"lane_neurons": shape.lane_neurons, "lanes": shape.lanes, "streams": streams}
        self.readers = RowReaders(
            rows, group_of_lane, spikes_per_token=spikes_per_token, queue_depth=queue_depth, streams=streams
        )
        self.fire_queues = FireQueues(**sizes, late=entry_stages(shape))
        self.accumulators = Accumulators(rows, self.fire_queues, **sizes)

    def step(self, tokens: np.ndarray, taken: np.ndarray) -> None:
        """Go through a clock edge: ``tokens`` (groups, streams) come, spikes and ends are ``taken``."""
        hold = self.fire_queues.hold
        valid = self.readers.began(hold)
        pushes = self.accumulators.step(valid, self.readers.address, self.readers.end)
        self.fire_queues.step(pushes, taken)
        self.readers.step(tokens, hold)
