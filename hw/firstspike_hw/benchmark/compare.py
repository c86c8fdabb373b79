"""Compares designs of the engine on real spikes, for the tables of ``docs/engine-design.md``.

Run it as ``python -m firstspike_hw.benchmark.compare``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from firstspike_spec import Network, infer_spikes, load_dataset, load_step_network
from firstspike_spec.common.errors import InputError
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.engine_shape import QUEUE_DEPTHS, EngineShape
from firstspike_spec.compiler.placement import place
from firstspike_spec.compiler.plan import plan

from ..cycles.figures import STREAM_IMAGES
from ..cycles.replay import Replay, replay
from ..cycles.summary import Distribution, interval, latency, utilisation


@dataclass(frozen=True)
class Figures:
    """The figures of a design.

    Attributes
    ----------
    design : str
    interval : float
        Mean cycles from image to image.
    latency : Distribution
        Cycles from an image's first token to its decision, in an idle engine.
    utilisation : float
        Synaptic operations of the first hidden layer by lane and cycle of work.
    kilobits : float
        Memory for the pointers and entries of the hidden layers.
    """

    design: str
    interval: float
    latency: Distribution
    utilisation: float
    kilobits: float


def alone(network: Network, shape: EngineShape, spike_times: np.ndarray) -> Replay:
    """Return the replay of images that each find the engine idle."""
    return replay(compile_network(network, shape), spike_times, stream_images=1, early_exit=True)


def back_to_back(network: Network, shape: EngineShape, spike_times: np.ndarray) -> Replay:
    """Return the replay of images without a pause."""
    return replay(compile_network(network, shape), spike_times, stream_images=STREAM_IMAGES, early_exit=True)


def own_queues(network: Network, spike_times: np.ndarray, lanes: int, *, spikes_per_token: int) -> Figures:
    """Return the figures of this engine: each lane with its own queue and rows, ``spikes_per_token`` spikes a token."""
    shape = plan(network, lanes, spikes_per_token=spikes_per_token)
    stream = back_to_back(network, shape, spike_times)
    name = f"own queues, {('one spike', 'two spikes')[spikes_per_token - 1]} a cycle"
    return Figures(
        name, interval(stream).mean, latency(alone(network, shape, spike_times)), utilisation(stream)[0], kilobits(shape)
    )


def several_engines(network: Network, spike_times: np.ndarray, lanes: int, *, engines: int) -> Figures:
    """Return the figures of engines that share the lanes, if each always has its next image."""
    shape = plan(network, lanes // engines)
    stream = back_to_back(network, shape, spike_times)
    return Figures(
        f"{engines} engines of {lanes // engines} lanes",
        interval(stream).mean / engines,
        latency(alone(network, shape, spike_times)),
        utilisation(stream)[0],
        engines * kilobits(shape),
    )


def lock_step(network: Network, spike_times: np.ndarray, lanes: int) -> Figures:
    """Return bounds of the figures of an engine that reads words with one entry for each lane, one word a cycle.

    A source takes as many words as its longest row in any lane, and at least a cycle; so do the start row and the end of a
    step. This counts the first hidden layer only; pipelines and further layers take no time.
    """
    layer, shape = network.layers[0], plan(network, lanes)
    hidden = shape.layers[0]
    rows = place(layer, hidden.lanes)
    if not layer.maps.is_flat:
        raise InputError("the designs are compared on networks without maps; name another network")
    lengths = np.zeros((layer.sources + 1, hidden.lanes), np.int64)
    np.add.at(lengths, (rows.rows, rows.entry_lanes), 1)
    words = lengths.max(axis=1)

    inference = infer_spikes(network, spike_times, early_exit=True)
    fires = inference.spike_times[0] < network.time_steps  # nothing is sent after the decision
    rows_read = fires @ np.maximum(words[:-1], 1) + max(1, words[-1])
    operations = fires @ layer.row_lengths
    decisions = rows_read + inference.decision_steps + 1
    all_steps = rows_read + network.time_steps
    pointers = hidden.rows * ((int(words.sum()) - 1).bit_length() + int(words.max()).bit_length())
    return Figures(
        "lock step, wide words (at best)",
        float(all_steps.mean()),
        Distribution.of(decisions),
        float(operations.sum() / (all_steps.sum() * hidden.lanes)),
        (pointers + int(words.sum()) * hidden.lanes * hidden.entry.bits) / 1000,
    )


def kilobits(shape: EngineShape) -> float:
    """Return the memory of the hidden layers' pointers and entries."""
    return (
        sum(layer.banks * (layer.rows * layer.pointer.bits + layer.bank_entries * layer.entry.bits) for layer in shape.layers)
        / 1000
    )


def designs(network: Network, spike_times: np.ndarray, lanes: int) -> Iterator[Figures]:
    """Yield the figures of all designs."""
    yield own_queues(network, spike_times, lanes, spikes_per_token=1)
    yield lock_step(network, spike_times, lanes)
    yield own_queues(network, spike_times, lanes, spikes_per_token=2)
    for engines in (2, 4):
        yield several_engines(network, spike_times, lanes, engines=engines)


def main(
    networks: list[Path],
    lanes: Annotated[list[int] | None, typer.Option(help="Lanes of a hidden layer; 16 and 32 by default.")] = None,
    dataset: Annotated[str, typer.Option(help="Test images of this data set.")] = "mnist",
    limit: Annotated[int, typer.Option(help="Use the first N test images.", metavar="N")] = 1000,
) -> None:
    """Compare designs of the engine on real images, in Markdown."""
    data = load_dataset(dataset, "test").first(limit)
    loaded = {path.stem: load_step_network(path) for path in networks}
    spike_times = {name: network.spike_times(data.images) for name, network in loaded.items()}
    lanes = lanes or [16, 32]

    print("| network | lanes | design | cycles from image to image | latency: mean | median | 99 % | lanes busy | kbit |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, network in loaded.items():
        for count in lanes:
            for row in designs(network, spike_times[name], count):
                print(
                    f"| {name} | {count} | {row.design} | {row.interval:.1f} | {_three(row.latency)} | {row.utilisation:.1%} "
                    f"| {row.kilobits:.0f} |"
                )

    print("\n| network | lanes | queue | image to image: mean | median | 99 % | latency: mean | median | 99 % | lanes busy |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, network in loaded.items():
        for count in lanes:
            for depth in QUEUE_DEPTHS:
                stream = back_to_back(network, plan(network, count, queue_depth=depth), spike_times[name])
                print(
                    f"| {name} | {count} | {depth} | {_three(interval(stream))} | {_three(latency(stream))} "
                    f"| {utilisation(stream)[0]:.1%} |"
                )


def _three(cycles: Distribution) -> str:
    return f"{cycles.mean:.1f} | {cycles.median:.0f} | {cycles.high:.0f}"


if __name__ == "__main__":
    typer.run(main)
