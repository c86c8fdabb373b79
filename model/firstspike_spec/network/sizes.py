"""The largest networks that are possible: limits for all layers together."""

from collections.abc import Iterable
from typing import NamedTuple, Self

from ..common.checks import whole_number
from ..common.errors import InputError
from .connections import MAX_CONNECTIONS
from .maps import MAX_WINDOWS, Maps

#: Limits of a network, for all its layers together. They bound the memory that loading and running take.
MAX_LAYERS = 256
MAX_TOTALS = {
    "neurons": 1 << 20,
    "connections": 1 << 24,
    "possible connections": MAX_CONNECTIONS,
    "taps of all neurons of a channel": MAX_WINDOWS,
}


class Size(NamedTuple):
    """What a layer counts for each of `MAX_TOTALS`."""

    neurons: int
    synapses: int
    possible_synapses: int
    windows: int

    @classmethod
    def of(cls, channels: int, synapses: int, maps: Maps) -> Self:
        """Return the size of connections that may not exist yet: target channels, connections kept, and maps."""
        return cls(channels * maps.positions, synapses, channels * maps.taps, maps.positions * maps.taps)


def check_sizes(layers: Iterable[Size]) -> None:
    """Refuse too many layers, or layers that are too large together. The layers themselves need not exist yet.

    Raises
    ------
    InputError
        If there are no layers, more than `MAX_LAYERS`, or they exceed one of `MAX_TOTALS`.
    """
    layers = list(layers)
    whole_number(len(layers), "number of layers", 1, MAX_LAYERS)
    totals = dict.fromkeys(MAX_TOTALS, 0)
    for index, counts in enumerate(layers):
        for name, count in zip(totals, counts, strict=True):
            totals[name] += count
            if totals[name] > MAX_TOTALS[name]:
                raise InputError(
                    f"the network has too many {name}: {totals[name]:,} up to layer {index}, at most {MAX_TOTALS[name]:,} are "
                    "possible in all layers together; make it smaller"
                )
