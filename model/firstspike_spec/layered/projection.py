"""A projection: the connections from the input, or from one earlier layer, to a layer."""

from dataclasses import dataclass, field

from numpy.typing import ArrayLike

from ..common.checks import whole_number
from ..network.connections import Connections, rows_of
from ..network.maps import Maps
from ..network.sizes import MAX_LAYERS


@dataclass(frozen=True, eq=False, init=False)
class Projection(Connections):
    """The connections from one group of sources to a layer.

    Parameters
    ----------
    source : int
        Whose spikes these are: 0 is the input, ``n`` is layer ``n - 1``. So it is an index into `Inference.spike_times`.
    row_starts, row_targets, row_weights, channels, weight_bits, activity, maps
        As for `Connections`.

    Raises
    ------
    InputTypeError, InputError
        If a part is of the wrong kind, out of range, or does not fit the others.
    """

    channels: int = field(init=True)
    source: int

    def __init__(
        self,
        source: int,
        row_starts: ArrayLike,
        row_targets: ArrayLike,
        row_weights: ArrayLike,
        channels: int,
        weight_bits: int,
        activity: ArrayLike | None = None,
        maps: Maps | None = None,
    ) -> None:
        self._put("source", whole_number(source, "source", 0, MAX_LAYERS - 1))
        super().__init__(row_starts, row_targets, row_weights, channels, weight_bits, activity, maps)

    @classmethod
    def from_dense(
        cls,
        source: int,
        weights: ArrayLike,
        weight_bits: int,
        activity: ArrayLike | None = None,
        maps: Maps | None = None,
    ) -> "Projection":
        """Return the projection with the non-zero entries of a matrix of weights.

        Parameters
        ----------
        source : int
        weights : array_like of int, shape (channels, taps)
            ``w[j, i]``: through tap ``i`` (without maps, from source ``i``) to target channel ``j``; 0 for no connection.
        weight_bits, activity, maps
            As for `Connections`.

        Raises
        ------
        InputTypeError, InputError
            If ``weights`` are not a matrix of integers, or as for `Projection`.
        """
        rows = rows_of(weights)
        return cls(source, rows.starts, rows.targets, rows.weights, rows.channels, weight_bits, activity, maps)
