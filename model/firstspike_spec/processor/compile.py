"""The compiler for the processor: from a layered network to its program and the contents of its memories."""

from collections.abc import Iterator

import numpy as np

from ..common.errors import InputError
from ..layered.kernels import MAX_STEPS
from ..layered.network import LayeredNetwork, check_layered
from .contents import ProcessorContents
from .instructions import Fire, Instruction
from .placement import LayerPlacement, NetworkUnits, Placement, place_network, slot_choices
from .plan import impossible, larger_sizes, needed_memory, needed_sizes
from .program import build_program
from .shape import ProcessorShape


def compile_layered(network: LayeredNetwork, shape: ProcessorShape) -> ProcessorContents:
    """Return the program and the contents of the memories with which a processor runs a network.

    Parameters
    ----------
    network : LayeredNetwork
    shape : ProcessorShape
        Of any processor with enough room; `plan_processor` gives the smallest one.

    Raises
    ------
    InputTypeError
        If ``network`` is not a layered network.
    InputError
        If the network does not fit; the message names each size that is too small. Whether all spikes of the layers fit the
        spike memory depends on the image: `ProcessorContents.may_overflow`.
    """
    check_layered(network)
    placement = _chosen_placement(network, shape)
    program = build_program(network, placement, shape)
    kernels = np.zeros(shape.kernel_words, np.uint64)
    kernels[: network.input_time_steps] = network.input_code.kernel
    kernels[MAX_STEPS : MAX_STEPS + network.time_steps] = network.kernel
    rows, columns = _coordinates(placement, shape)
    pointers, entries = _lanes(placement, shape, program)
    return ProcessorContents(
        shape=shape,
        network=network,
        instructions=program,
        program=np.concatenate([instruction.words() for instruction in program]),
        kernels=kernels,
        rows=rows,
        columns=columns,
        pointers=pointers,
        entries=entries,
        units=placement.channels_and_slots(),
    )


def _chosen_placement(network: LayeredNetwork, shape: ProcessorShape) -> Placement:
    """Return where the units go, with as many slots in each layer as make an inference shorter.

    Layers that take longest come first. Slots help a layer that has fewer channels than there are lanes, and one whose
    channels differ much in work.
    """
    units = NetworkUnits(network)
    slots = units.fewest_slots(shape.potentials)
    best = place_network(units, slots, shape.lanes, shape.potentials)
    problems = [*impossible(network, best), *_too_large(network, best, shape)]
    if problems:
        at_once = units.potentials_at_once(shape.lanes)
        if at_once > shape.potentials:
            problems.append(
                f"to run each layer at once, it needs {at_once} potentials in a lane, the processor has {shape.potentials}"
            )
        raise InputError(
            f"the network does not fit the processor: {'; '.join(problems)}; take a larger processor, or prune the network"
        )
    for index in sorted(range(len(slots)), key=lambda index: -best.layers[index].cycles):
        layer = network.layers[index]
        for more in slot_choices(layer):
            if more <= slots[index]:
                continue
            tried = [*slots[:index], more, *slots[index + 1 :]]
            found = place_network(units, tried, shape.lanes, shape.potentials)
            if found.cycles < best.cycles and not [*impossible(network, found), *_too_large(network, found, shape)]:
                best, slots = found, tried
    return best


def _too_large(network: LayeredNetwork, placement: Placement, shape: ProcessorShape) -> Iterator[str]:
    yield from larger_sizes(needed_sizes(network, placement) | needed_memory(network, placement, shape), shape)


def _coordinates(placement: Placement, shape: ProcessorShape) -> tuple[np.ndarray, np.ndarray]:
    """Return the words of the table of rows, and of the table of columns."""
    places = 1 << shape.potential_address_bits
    rows, columns = [], []
    for layer in placement.layers:
        pitch = layer.layout.pitch
        for part in layer.layout.projections:
            down, right = part.down, part.right
            rows.append(
                shape.coordinate.pack(seen=down.seen, row=down.rows * right.row_count, base=down.bases * pitch % places)
            )
            columns.append(shape.coordinate.pack(seen=right.seen, row=right.rows, base=right.bases % places))
    return np.concatenate(rows), np.concatenate(columns)


def _lanes(
    placement: Placement, shape: ProcessorShape, program: tuple[Instruction, ...]
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Return the words of the pointers, shape (lanes, rows), and the words of the entries of each lane."""
    headers = np.concatenate([_headers(layer, shape) for layer in placement.layers], axis=1)
    lanes, rows, offsets, weights = _entries(placement, shape, program)
    row_count = sum(layer.units.rows * len(layer.tiles) for layer in placement.layers)
    lengths = np.bincount(lanes * row_count + rows, minlength=shape.lanes * row_count).reshape(shape.lanes, row_count)
    starts = headers.shape[1] + np.cumsum(lengths, axis=1) - lengths
    pointers = shape.pointer.pack(start=np.where(lengths > 0, starts, 0), length=lengths)
    words = shape.entry.pack(offset=offsets, weight=weights)
    bounds = np.cumsum(lengths.sum(axis=1))[:-1]
    return pointers, tuple(
        np.concatenate([first, others]) for first, others in zip(headers, np.split(words, bounds), strict=True)
    )


def _headers(layer: LayerPlacement, shape: ProcessorShape) -> np.ndarray:
    """Return the words of the headers of all units of a layer, tile by tile: uint64, shape (lanes, words)."""
    parts = []
    for number, tile in enumerate(layer.tiles):
        channels, slots = np.moveaxis(layer.channels_and_slots(number), -1, 0)
        initial = layer.layout.layer.initial_potentials[channels]
        exists = tile >= 0
        headers = np.where(
            exists, shape.header.pack(exists=1, slot=slots * exists, channel=channels * exists, initial=initial), 0
        )
        bits = shape.entry.bits
        split = [headers >> np.uint64(bits * word) & np.uint64((1 << bits) - 1) for word in range(shape.header_words)]
        parts.append(np.stack(split, axis=-1).reshape(len(tile), -1))
    return np.concatenate(parts, axis=1)


def _entries(placement: Placement, shape: ProcessorShape, program: tuple[Instruction, ...]) -> tuple[np.ndarray, ...]:
    """Return the lane, the row, the offset and the weight of each entry, lane by lane and row by row."""
    fires = iter([instruction for instruction in program if isinstance(instruction, Fire)])
    first_row, found = 0, []
    for layer in placement.layers:
        rows, units, offsets, weights = layer.units.entries
        tiles, lanes, numbers = (part[units] for part in layer.owners())
        first = np.array([next(fires).first for _tile in layer.tiles])[tiles]
        places = first + layer.layout.lead + numbers * layer.layout.unit_places + offsets
        found.append(
            (lanes, first_row + tiles * layer.units.rows + rows, places % (1 << shape.potential_address_bits), weights)
        )
        first_row += layer.units.rows * len(layer.tiles)
    lanes, rows, places, weights = map(np.concatenate, zip(*found, strict=True))
    order = np.lexsort((places, rows, lanes))
    return lanes[order], rows[order], places[order], weights[order]
