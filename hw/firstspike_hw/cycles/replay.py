"""Replay of images, cycle by cycle, without the RTL."""

from dataclasses import dataclass

import numpy as np

from firstspike_spec.compiler.contents import EngineContents
from firstspike_spec.compiler.engine_shape import EngineShape

from ..lane.parameters import place_bits
from .input_gate import InputGate
from .items import NOTHING, sources
from .layer import Layer
from .output_layer import OutputLayer

#: Bytes that the streams of a replay may take at once.
STREAMS_BYTES = 1 << 30


@dataclass(frozen=True, eq=False)
class Replay:
    """What an engine does with independent streams of images.

    Cycle 0 of a stream is that in which the idle engine takes its first token, or the first one after a reset. Arrays by
    image have -1 where a stream has fewer images than the longest one.

    Attributes
    ----------
    lanes : tuple of int
        Of each hidden layer.
    cycles : ndarray of int64, shape (streams, images)
        From an image's first token to its decision, as in the engine's results.
    starts, decisions : ndarray of int64, shape (streams, images)
        The cycles in which an image's first token is taken, and in which its decision is offered.
    total_cycles : ndarray of int64, shape (streams,)
        The first cycle in which the engine is idle again.
    busy_cycles, stall_cycles, spikes, synaptic_operations : ndarray of int64, shape (streams,)
        As the engine's counters count.
    operations, work_cycles : ndarray of int64, shape (hidden layers, streams)
        Synaptic operations of each layer, and cycles in which some lane of it has a row waiting or under way.
    """

    lanes: tuple[int, ...]
    cycles: np.ndarray
    starts: np.ndarray
    decisions: np.ndarray
    total_cycles: np.ndarray
    busy_cycles: np.ndarray
    stall_cycles: np.ndarray
    spikes: np.ndarray
    synaptic_operations: np.ndarray
    operations: np.ndarray
    work_cycles: np.ndarray


def replay(
    contents: EngineContents, spike_times: np.ndarray, *, stream_images: int, early_exit: bool, after_reset: bool = False
) -> Replay:
    """Return what an engine does with images, cycle by cycle, without its RTL.

    Parameters
    ----------
    contents : EngineContents
    spike_times : ndarray of int16, shape (images, inputs)
    stream_images : int
        Images of each stream, back to back: the first ones are the first stream, and so on. The last stream may be shorter.
    early_exit : bool
    after_reset : bool
        The first token is on offer in the first cycle after a reset, not to an engine that has been idle for a while.
    """
    most = max(1, STREAMS_BYTES // _stream_bytes(contents.shape)) * stream_images
    parts = [
        _replay(contents, spike_times[first : first + most], stream_images, early_exit=early_exit, after_reset=after_reset)
        for first in range(0, max(1, len(spike_times)), most)
    ]
    return parts[0] if len(parts) == 1 else _joined(parts)


def _stream_bytes(shape: EngineShape) -> int:
    """Return about how many bytes a stream takes: the neurons' states and the fire queues."""
    return sum(20 * layer.lanes * (layer.lane_neurons + (1 << place_bits(layer.lane_neurons))) for layer in shape.layers) + 1


def _joined(parts: list[Replay]) -> Replay:
    """Return the replay of all streams; only the last part can have streams of fewer images."""
    images = parts[0].cycles.shape[1]

    def by_image(values: np.ndarray) -> np.ndarray:
        return np.pad(values, ((0, 0), (0, images - values.shape[1])), constant_values=-1)

    joined: dict[str, np.ndarray] = {}
    for name in ("cycles", "starts", "decisions"):
        joined[name] = np.concatenate([by_image(getattr(part, name)) for part in parts])
    for name in ("total_cycles", "busy_cycles", "stall_cycles", "spikes", "synaptic_operations"):
        joined[name] = np.concatenate([getattr(part, name) for part in parts])
    for name in ("operations", "work_cycles"):
        joined[name] = np.concatenate([getattr(part, name) for part in parts], axis=1)
    return Replay(lanes=parts[0].lanes, **joined)


def _replay(
    contents: EngineContents, spike_times: np.ndarray, stream_images: int, *, early_exit: bool, after_reset: bool
) -> Replay:
    """Return what an engine does with some streams, as `replay`."""
    shape = contents.shape
    count = -(-len(spike_times) // stream_images)
    images = np.full(count, stream_images)
    images[-1:] -= count * stream_images - len(spike_times)
    ports = range(shape.spikes_per_token)

    input_gate = InputGate(shape, spike_times, images, time_steps=contents.network.time_steps, after_reset=after_reset)
    layers = [
        Layer(
            part,
            banks,
            table,
            spikes_per_token=shape.spikes_per_token,
            queue_depth=shape.queue_depth,
            streams=count,
            after_reset=after_reset,
        )
        for part, banks, table in zip(shape.layers, contents.banks, contents.address_tables[:-1], strict=True)
    ]
    output = OutputLayer(contents, images, early_exit=early_exit)

    total, busy, spikes = (np.zeros(count, np.int64) for _ in range(3))
    cycle = 0
    while True:
        is_busy = input_gate.started != output.finished
        under_way = is_busy | input_gate.offers
        if not under_way.any():
            break
        total += under_way
        busy += is_busy

        # What is on offer between the parts in this cycle, and whether it is taken.
        offered = [input_gate.out, *(layer.out for layer in layers)]
        taken = [*(layer.ready for layer in layers), output.ready(cycle, offered[-1])]
        finished, decided = output.finished, output.decided
        for tokens, takes in zip(offered, taken, strict=True):
            for port in ports:
                spikes += takes & (sources(tokens, port) != NOTHING)
        input_gate.step(cycle, taken[0], finished, decided)
        for layer, tokens, takes in zip(layers, offered, taken[1:], strict=False):
            layer.step(cycle, tokens, takes)
        output.step(cycle, offered[-1])
        cycle += 1

    there = np.arange(input_gate.start_times.shape[1]) < images[:, None]
    starts, decisions = (np.where(there, times, -1) for times in (input_gate.start_times, output.decision_times))
    operations = np.array([layer.operations for layer in layers]).reshape(len(layers), count)
    return Replay(
        lanes=tuple(part.lanes for part in shape.layers),
        cycles=np.where(there, decisions - starts, -1),
        starts=starts,
        decisions=decisions,
        total_cycles=total,
        busy_cycles=busy,
        stall_cycles=input_gate.stall_cycles,
        spikes=spikes + output.spikes,
        synaptic_operations=operations.sum(axis=0) + output.operations,
        operations=operations,
        work_cycles=np.array([layer.work_cycles for layer in layers]).reshape(len(layers), count),
    )
