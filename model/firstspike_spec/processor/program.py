"""The program of a network: which spikes are integrated where, in which order, and which neurons then fire."""

from collections.abc import Iterator, Sequence

import numpy as np

from ..layered.layer import LayeredLayer
from ..layered.network import LayeredNetwork
from .instructions import FIRE, INTEGRATE, End, Fire, Instruction, Integrate, Wait
from .placement import LayerPlacement, Placement
from .shape import ProcessorShape


def build_program(network: LayeredNetwork, placement: Placement, shape: ProcessorShape) -> tuple[Instruction, ...]:
    """Return the program that runs a network.

    Parameters
    ----------
    network : LayeredNetwork
    placement : Placement
    shape : ProcessorShape

    Returns
    -------
    tuple of Instruction
        For each layer and each of its tiles an INTEGRATE for each projection, then a FIRE. Each tile has rows of its own; the
        tables of rows and columns are shared by all tiles.
    """
    program: list[Instruction] = []
    releases = _releases(placement)
    tiles = [(index, number) for index, layer in enumerate(placement.layers) for number in range(len(layer.tiles))]
    regions = _regions([_places(placement.layers[index], number) for index, number in tiles], shape.potentials)
    row = header = 0
    tables = _first_coordinates(placement)
    for (index, number), (first, wait) in zip(tiles, regions, strict=True):
        layer = placement.layers[index]
        if wait:
            program.append(Wait())
        for part, first_row, (rows, columns) in zip(
            layer.layout.projections, layer.units.first_rows, tables[index], strict=True
        ):
            channel_rows = part.channel_rows % (1 << INTEGRATE[1].width("channel_rows"))  # of 65536, there is only one channel
            program.append(Integrate(part.part.source, next(releases), row + first_row, channel_rows, rows, columns))
        program.append(_fire(network, placement, index, number, first, header))
        row += layer.units.rows
        header += layer.tiles[number].shape[1] * shape.header_words
    return (*program, End())


def program_length(program: Sequence[Instruction]) -> int:
    """Return the number of words that a program takes."""
    lengths = {Integrate: len(INTEGRATE), Fire: len(FIRE), Wait: 1, End: 1}
    thresholds = sum(len(instruction.thresholds) for instruction in program if isinstance(instruction, Fire))
    return sum(lengths[type(instruction)] for instruction in program) + thresholds


def firing_thresholds(network: LayeredNetwork, layer: LayeredLayer) -> np.ndarray:
    """Return a layer's thresholds, where those that no potential reaches are the least such number; int64, shape (T,)."""
    highest = int(layer.potential_range(network.highest_values)[1].max())
    return np.minimum(layer.thresholds.astype(np.int64), max(1, highest + 1))


def _places(layer: LayerPlacement, number: int) -> int:
    """Return the places that a tile of a layer takes in each lane."""
    return layer.layout.places(layer.tiles[number].shape[1])


def _regions(sizes: Sequence[int], potentials: int) -> list[tuple[int, bool]]:
    """Return the first place of each tile, and whether to wait for the FIRE before it.

    While a tile's neurons fire, the next tile is integrated already. So tiles lie at the low and the high end in turn, and if
    two of them are too large together, the second one waits.
    """
    regions = []
    for number, size in enumerate(sizes):
        first = potentials - size if number % 2 else 0
        regions.append((first, number > 0 and sizes[number - 1] + size > potentials))
    return regions


def _first_coordinates(placement: Placement) -> list[list[tuple[int, int]]]:
    """Return where the tables of rows and of columns have the coordinates of each projection of each layer."""
    rows = columns = 0
    found = []
    for layer in placement.layers:
        of_layer = []
        for part in layer.layout.projections:
            of_layer.append((rows, columns))
            rows, columns = rows + part.maps.height, columns + part.maps.width
        found.append(of_layer)
    return found


def _releases(placement: Placement) -> Iterator[bool]:
    """Yield for each INTEGRATE whether nobody reads its spikes, or older ones of the same memory, afterwards."""
    reads = [part.part.source for layer in placement.layers for _tile in layer.tiles for part in layer.layout.projections]
    last = {source: at for at, source in enumerate(reads)}
    for at, source in enumerate(reads):
        yield last[source] == at and all(last[older] < at for older in range(1, source))


def _fire(network: LayeredNetwork, placement: Placement, index: int, number: int, first: int, header: int) -> Fire:
    layer, layout = placement.layers[index], placement.layers[index].layout
    output = index == len(placement.layers) - 1
    return Fire(
        source=0 if output else index + 1,
        opens=number == 0,
        closes=number == len(layer.tiles) - 1,
        output=output,
        thresholds=tuple(firing_thresholds(network, layout.layer).tolist()),
        units=layer.tiles[number].shape[1],
        header=header,
        first=first,
        lead=layout.lead,
        pitch=layout.pitch,
        unit_rows=layout.unit_rows,
        pooling=layout.layer.max_pooling,
        slots_log2=layout.slots.bit_length() - 1,
        fired_rows=layout.fired_rows,
        fired_columns=layout.fired_columns,
    )
