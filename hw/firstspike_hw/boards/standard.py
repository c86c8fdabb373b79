"""The standard processors: one for each board. Its bitstream is built once, and runs any layered network that fits it."""

from dataclasses import replace

from firstspike_spec.common.errors import InputError
from firstspike_spec.processor.shape import ProcessorShape

from .board import Board

#: Its lanes have 4 block RAMs each: 2 for entries, 1 for potentials, 1 for row pointers.
_ECP5_85 = ProcessorShape(
    lanes=48,
    potentials=1024,
    potential_bits=16,
    entries=2048,
    weight_bits=8,
    value_bits=5,
    rows=1024,
    row_entries=63,
    queue_depth=32,
    channel_bits=8,
    side_bits=5,
    spikes=8192,
    inputs=64,
    coordinates=128,
    program=256,
)

#: Its lanes have 6 block RAMs each, 4 of them for entries: 30,000 connections fit into few lanes.
_ECP5_25 = replace(_ECP5_85, lanes=8, entries=4096, spikes=2048)

#: Its lanes have 9 block RAMs each, 5 of them for entries.
_GW1NR_9 = ProcessorShape(
    lanes=2,
    potentials=2048,
    potential_bits=16,
    entries=5120,
    weight_bits=7,
    value_bits=4,
    rows=1024,
    row_entries=255,
    queue_depth=16,
    channel_bits=6,
    side_bits=5,
    spikes=2048,
    inputs=16,
    coordinates=64,
    program=128,
)

#: By the name of the board.
STANDARD_PROCESSORS: dict[str, ProcessorShape] = {
    "ulx3s-85f": _ECP5_85,
    "ulx3s-45f": replace(_ECP5_85, lanes=22, potentials=1024, spikes=8192),
    "ulx3s-25f": _ECP5_25,
    "ulx3s-12f": _ECP5_25,
    "colorlight-i5": _ECP5_25,
    "tang-nano-9k": _GW1NR_9,
}


def standard_processor(board: Board) -> ProcessorShape:
    """Return the processor of a board's standard bitstream.

    Raises
    ------
    InputError
        If the board has none.
    """
    if board.name not in STANDARD_PROCESSORS:
        raise InputError(
            f"{board.name} has no standard processor, which layered networks need; "
            f"name one of {', '.join(STANDARD_PROCESSORS)}"
        )
    return STANDARD_PROCESSORS[board.name]
