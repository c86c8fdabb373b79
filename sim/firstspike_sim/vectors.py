"""Stimulus and expected values, computed by the PyTorch golden model in the process that runs pytest."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from amaranth.hdl import Shape
from amaranth.lib import data

from firstspike_hw.lane import Lane
from firstspike_hw.layouts import lane_output_layout, layer_output_layout, token_layout
from firstspike_model.golden import infer_spikes
from firstspike_spec import Comparison, LatencyEncoder, Network
from firstspike_spec.compiler import EngineImage, compile_network
from firstspike_spec.encoder import SPIKE_TIME_TYPE
from firstspike_spec.engine import EngineShape
from firstspike_spec.results import Results, compare_results, with_hidden_spikes
from firstspike_spec.streams import input_tokens, read_results, spike_times_of_tokens
from firstspike_spec.words import Field, Word

from .handover import Vectors


def word_of(layout: data.StructLayout) -> Word:
    """Return a structure of the gateware as a word of fields."""
    shapes = {name: Shape.cast(shape) for name, shape in layout.members.items()}
    return Word(tuple(Field(name, shape.width, shape.signed) for name, shape in shapes.items()))


def layer_vectors(
    rng: np.random.Generator,
    network: Network,
    shape: EngineShape,
    spike_times: np.ndarray,
    *,
    reports: bool,
    load: bool,
    lane: Lane | None = None,
) -> Vectors:
    """Return the vectors for a network of one layer, in an engine shape of one layer.

    Each image also comes cut off after every number of steps from 2 on, so that the potentials after each step are seen.
    Spikes of a step come in any order, as those of a layer before would.

    Parameters
    ----------
    rng : Generator
    network : Network
    shape : EngineShape
    spike_times : ndarray of int16, shape (batch, inputs)
    reports : bool
        The layer reports potentials.
    load : bool
        The bench loads the network. Otherwise the design was built with it.
    lane : Lane, optional
        The bench is of this bare lane, and checks its documented latencies.
    """
    layer, layer_shape = network.layers[0], shape.layers[0]
    image = compile_network(network, shape)
    places = _places(image, 0)
    tokens_in = word_of(token_layout(layer_shape.source_bits))
    output_layout = (lane_output_layout if lane else layer_output_layout)(layer_shape, reports=reports)

    tokens, steps, times, potentials, operations = [], [], [], [], 0
    for length in range(2, network.time_steps + 1):
        shorter = replace(network, encoder=LatencyEncoder.linear(length))
        cut = np.where(spike_times < length, spike_times, length).astype(SPIKE_TIME_TYPE)
        golden = infer_spikes(shorter, cut, early_exit=False)
        tokens += [_shuffled_tokens(rng, tokens_in, image_times, length) for image_times in cut]
        steps += [length] * len(cut)
        times.append(_padded(golden.latencies, len(places), length))
        lowest = -(1 << (layer_shape.potential_bits - 1))
        potentials.append(_padded(golden.potentials[0].astype(np.int64) - layer.threshold, len(places), lowest))
        operations += int(golden.synaptic_operations.sum())
    order = rng.permutation(len(steps))
    arrays = {
        "tokens": np.concatenate([tokens[at] for at in order]),
        "steps": np.array(steps)[order],
        "times": np.concatenate(times)[order],
        "addresses": places,
        "load_words": image.load_words() if load else np.zeros(0, np.uint64),
        "row_lengths": layer.row_lengths,
    }
    if reports:
        arrays["potentials"] = np.concatenate(potentials)[order]
    settings = {
        "token": _fields(tokens_in),
        "output": _fields(word_of(output_layout)),
        "synaptic_operations": operations,
    }
    if lane:
        settings |= {"barrier": lane.barrier, "latency": lane.latency}
    return Vectors(settings, arrays)


def engine_vectors(image: EngineImage, spike_times: np.ndarray, *, load: bool) -> Vectors:
    """Return the vectors for a batch of inferences of one network on an engine, with and without early exit.

    Parameters
    ----------
    image : EngineImage
    spike_times : ndarray of int16, shape (batch, inputs)
    load : bool
        The bench loads the network. Otherwise the engine was built with it.
    """
    network, shape = image.network, image.shape
    steps = network.time_steps
    # One end a step, and the image's spikes.
    lengths = steps + np.count_nonzero(spike_times < steps, axis=1)
    settings = {
        "time_steps": steps,
        "layers": len(shape.layers),
        "batch": len(spike_times),
        "first_tokens": (np.cumsum(lengths) - lengths).tolist(),
        **{f"tap_{index}": _fields(word_of(token_layout(layer.source_bits))) for index, layer in enumerate(shape.layers)},
    }
    arrays = {
        "load_words": image.load_words() if load else np.zeros(0, np.uint64),
        "tokens": input_tokens(shape, spike_times, steps),
        "places_0": np.arange(network.inputs),
        **{f"places_{index + 1}": _places(image, index) for index in range(len(network.layers))},
    }
    lowest = -(1 << (shape.layers[-1].potential_bits - 1))
    for early_exit in (False, True):
        golden = infer_spikes(network, spike_times, early_exit=early_exit)
        key = "early" if early_exit else "full"
        for index, times in enumerate(golden.spike_times):
            arrays[f"{key}_times_{index}"] = _padded(times, len(arrays[f"places_{index}"]), network.time_steps)
        potentials = golden.potentials[-1].astype(np.int64) - network.layers[-1].threshold
        arrays[f"{key}_potentials"] = _padded(potentials, len(arrays[f"places_{len(network.layers)}"]), lowest)
        for name in ("classes", "decision_steps", "spikes", "synaptic_operations"):
            arrays[f"{key}_{name}"] = getattr(golden, name)
    return Vectors(settings, arrays)


def _fields(word: Word) -> list[tuple[str, int, bool]]:
    return [(field.name, field.bits, field.signed) for field in word.fields]


def _places(image: EngineImage, layer: int) -> np.ndarray:
    """Return the addresses of a layer's neurons, and then those of the places that the network leaves empty."""
    shape, used = image.shape.layers[layer], image.addresses[layer]
    every = [number << shape.lane_bits | lane for number in range(shape.lane_neurons) for lane in range(shape.lanes)]
    return np.concatenate([used, np.setdiff1d(every, used)]).astype(np.int64)


def _padded(values: np.ndarray, columns: int, fill: int) -> np.ndarray:
    """Return the values with further columns, for the places that the network leaves empty."""
    padding = np.full((len(values), columns - values.shape[1]), fill, np.int64)
    return np.concatenate([values.astype(np.int64), padding], axis=1)


def _shuffled_tokens(rng: np.random.Generator, word: Word, times: np.ndarray, steps: int) -> np.ndarray:
    tokens = []
    for step in range(steps):
        tokens.append(word.pack(address=rng.permutation(np.flatnonzero(times == step)), end=0, last=0))
        tokens.append(word.pack(address=[0], end=1, last=int(step == steps - 1)))
    return np.concatenate(tokens)


def compare_seen(
    run_folder: Path, number: int, image: EngineImage, spike_times: np.ndarray, *, early_exit: bool
) -> Comparison:
    """Compare what a bench saw, read by the decoders that the host uses, with the golden model.

    Parameters
    ----------
    run_folder : Path
    number : int
        Of the batch in the run.
    image : EngineImage
    spike_times : ndarray of int16, shape (batch, inputs)
    early_exit : bool
    """
    network, batch = image.network, len(spike_times)
    addresses = (np.arange(network.inputs), *image.addresses)
    with np.load(run_folder / f"seen-{number}-{int(early_exit)}.npz") as file:
        words = dict(file)
    times = []
    for index, layer in enumerate(image.shape.layers):
        fields = word_of(token_layout(layer.source_bits)).unpack(words[f"tap_{index}"])
        sizes = {"batch": batch, "time_steps": network.time_steps, "addresses": addresses[index]}
        times.append(spike_times_of_tokens(fields["address"], fields["end"], **sizes))
    got = with_hidden_spikes(
        read_results(image, words["results"], batch=batch), tuple(times), early_exit=early_exit, time_steps=network.time_steps
    )
    golden = infer_spikes(network, spike_times, early_exit=early_exit)
    return compare_results(Results.from_inference(golden, early_exit=early_exit), got)
