"""What the host does differently for the two kinds of hardware: the engine of a step-by-step network, and the processor."""

import numpy as np

from firstspike_spec.common.words import Memory
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.contents import EngineContents, MemoryContents
from firstspike_spec.inference.results import Results
from firstspike_spec.processor.compile import compile_layered
from firstspike_spec.processor.contents import LANES_LAYER, ProcessorContents
from firstspike_spec.processor.shape import ProcessorShape
from firstspike_spec.protocol.processor_results import read_processor_results
from firstspike_spec.protocol.result_words import read_results
from firstspike_spec.protocol.shapes import Shape

from .kinds import AnyNetwork, layered_network, step_network

AnyContents = EngineContents | ProcessorContents

#: Names of memories in messages.
_MEMORIES = {Memory.POINTERS: "row pointers", Memory.ENTRIES: "entries", Memory.INITIAL_POTENTIALS: "initial potentials"}
_SHARED = ("program", "kernels", "table of rows", "table of columns", "inputs' format")


def compile_for(shape: Shape, network: AnyNetwork, what: str) -> AnyContents:
    """Return what the memories hold for a network.

    Parameters
    ----------
    shape : EngineShape or ProcessorShape
    network : Network or LayeredNetwork
    what : str
        What has this shape, in words, such as ``"the board ulx3s-85f"``.

    Raises
    ------
    InputError
        If the network is of the other kind, or does not fit.
    """
    if isinstance(shape, ProcessorShape):
        return compile_layered(layered_network(network, what), shape)
    return compile_network(step_network(network, what), shape)


def input_steps(contents: AnyContents) -> int:
    """Return ``T`` of the inputs' spikes."""
    return contents.network.input_time_steps if isinstance(contents, ProcessorContents) else contents.network.time_steps


def results_of(contents: AnyContents, words: np.ndarray, *, batch: int, early_exit: bool) -> Results:
    """Return the results in result words; the errors are those of `read_results` and `read_processor_results`."""
    if isinstance(contents, ProcessorContents):
        return read_processor_results(contents.network, words, batch=batch)
    return read_results(contents, words, batch=batch, early_exit=early_exit)


def memory_name(shape: Shape, part: MemoryContents) -> str:
    """Return what messages call a memory."""
    memory = _MEMORIES.get(part.memory, "")
    if isinstance(shape, ProcessorShape):
        return f"lane {part.lane}, {memory}" if part.layer == LANES_LAYER else _SHARED[part.lane]
    is_hidden = part.layer < len(shape.layers)
    parts = shape.layers[part.layer].banks if is_hidden else shape.output.slices
    name = "address table" if part.lane == parts else f"{'bank' if is_hidden else 'slice'} {part.lane}, {memory}"
    return f"layer {part.layer}, {name}"
