"""Stimulus and expected values, computed by the PyTorch golden model in the process that runs pytest."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.hdl import Shape
from amaranth.lib import data

from firstspike_hw.lib.layouts import lane_layout, token_layout, verdict_layout
from firstspike_model.inference.golden import infer_spikes
from firstspike_spec import Comparison, LatencyEncoder, Network
from firstspike_spec.common.words import LOAD_WORD, Field, Memory, Word
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.contents import EngineContents
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.tokens import input_tokens, spike_times_of_tokens, token_ports
from firstspike_spec.inference.results import Results, compare_results, with_hidden_spikes
from firstspike_spec.network.encoder import SPIKE_TIME_TYPE
from firstspike_spec.protocol.result_words import read_results

from .handover import Vectors
from .networks import as_hidden


def word_of(layout: data.StructLayout) -> Word:
    """Return a structure of the gateware as a word of fields."""
    shapes = {name: Shape.cast(shape) for name, shape in layout.members.items()}
    return Word(tuple(Field(name, shape.width, shape.signed) for name, shape in shapes.items()))


def fields_of(word: Word) -> list[tuple[str, int, bool]]:
    """Return the fields of a word for the settings of vectors (`Vectors.word`)."""
    return [(field.name, field.bits, field.signed) for field in word.fields]


def layer_vectors(
    rng: np.random.Generator,
    network: Network,
    shape: EngineShape,
    spike_times: np.ndarray,
    *,
    load: bool,
    lanes: bool = False,
) -> Vectors:
    """Return the vectors for a network of one layer, as the first hidden layer of an engine.

    Each image also comes cut off after every number of steps from 2 on, so that it is seen what each step leaves.

    Parameters
    ----------
    rng : Generator
    network : Network
    shape : EngineShape
        Of an engine that holds it as a hidden layer (`as_hidden`).
    spike_times : ndarray of int16, shape (batch, inputs)
    load : bool
        The bench loads the network. Otherwise the design was built with it.
    lanes : bool
        For a lane group alone: what is seen are the streams of the lanes, and each image begins with the start token.
    """
    layer, image = shape.layers[0], compile_network(as_hidden(network), shape)
    places, words = _places(image, 0), image.load_words()
    outputs = [("o", None, np.arange(len(places)), places)]
    token = word_of(token_layout(layer.source_bits, shape.spikes_per_token))
    if lanes:
        columns = [np.flatnonzero(places % (1 << layer.lane_bits) == lane) for lane in range(layer.lanes)]
        outputs = [(f"lanes__{lane}", lane, mine, places[mine] >> layer.lane_bits) for lane, mine in enumerate(columns)]
    return _cut_vectors(
        rng,
        network,
        spike_times,
        token=token,
        start=_start_token(token, layer.start_row) if lanes else np.zeros(0, np.uint64),
        output=word_of(lane_layout(layer.neuron_bits) if lanes else token_layout(layer.address_bits, shape.spikes_per_token)),
        outputs=outputs,
        load_words=words[LOAD_WORD.unpack(words)["layer"] == 0] if load else words[:0],
        lowest=None,
    )


def output_vectors(
    rng: np.random.Generator, network: Network, shape: EngineShape, spike_times: np.ndarray, *, load: bool
) -> Vectors:
    """Return the vectors for a network of one layer, as the output layer of an engine without hidden ones.

    The parameters are those of `layer_vectors`. Potentials are seen too.
    """
    image = compile_network(network, shape)
    places = _places(image, 0)
    return _cut_vectors(
        rng,
        network,
        spike_times,
        token=word_of(token_layout(shape.source_bits, shape.spikes_per_token)),
        start=np.zeros(0, np.uint64),
        output=word_of(verdict_layout(shape.output.address_bits, shape.output.potential_bits)),
        outputs=[("o", None, np.arange(len(places)), places)],
        load_words=image.load_words() if load else np.zeros(0, np.uint64),
        lowest=-(1 << (shape.output.potential_bits - 1)),
    )


def _start_token(word: Word, row: int) -> np.ndarray:
    """Return the token of a spike of the start row, in an array."""
    return word.pack(**{field.name: [0] for field in word.fields} | {"address_0": [row], "valid_0": [1]})


def _cut_vectors(
    rng: np.random.Generator,
    network: Network,
    spike_times: np.ndarray,
    *,
    token: Word,
    start: np.ndarray,
    output: Word,
    outputs: Sequence[tuple[str, int | None, np.ndarray, np.ndarray]],
    load_words: np.ndarray,
    lowest: int | None,
) -> Vectors:
    """Return the vectors for a network of one layer.

    Parameters
    ----------
    rng, network, spike_times
        As for `layer_vectors`.
    token, output : Word
        Of the streams.
    start : ndarray of uint64
        What stands before each image's tokens.
    outputs : sequence of (str, int or None, ndarray of int, ndarray of int)
        Name of each port, its lane, which places are seen there, and the addresses that they have there.
    load_words : ndarray of uint64
    lowest : int or None
        The potential of a place without a neuron; None if potentials are not seen.
    """
    (layer,), places = network.layers, sum(len(columns) for *_, columns, _ in outputs)
    tokens, steps, times, potentials, operations = [], [], [], [], 0
    for length in range(2, network.time_steps + 1):
        shorter = replace(network, encoder=LatencyEncoder.linear(length))
        cut = np.where(spike_times < length, spike_times, length).astype(SPIKE_TIME_TYPE)
        golden = infer_spikes(shorter, cut, early_exit=False)
        tokens += [np.concatenate([start, shuffled_tokens(rng, token, times, length)]) for times in cut]
        steps += [length] * len(cut)
        times.append(_padded(golden.latencies, places, length))
        potentials.append(_padded(golden.potentials[0].astype(np.int64) - layer.threshold, places, lowest or 0))
        operations += int(golden.synaptic_operations.sum())
    order = rng.permutation(len(steps))
    arrays = {
        "tokens": np.concatenate([tokens[at] for at in order]),
        "steps": np.array(steps)[order],
        "times": np.concatenate(times)[order],
        "load_words": load_words,
        "row_lengths": layer.row_lengths,
    }
    if lowest is not None:
        arrays["potentials"] = np.concatenate(potentials)[order]
    for at, (_name, _lane, columns, addresses) in enumerate(outputs):
        arrays |= {f"neurons_{at}": columns, f"addresses_{at}": addresses}
    settings = {
        "token": fields_of(token),
        "output": fields_of(output),
        "outputs": [(name, lane) for name, lane, *_ in outputs],
        "synaptic_operations": operations,
    }
    return Vectors(settings, arrays)


def engine_vectors(
    image: EngineContents, spike_times: np.ndarray, *, load: bool, rng: np.random.Generator | None = None
) -> Vectors:
    """Return the vectors for a batch of inferences of one network on an engine, with and without early exit.

    Parameters
    ----------
    image : EngineContents
    spike_times : ndarray of int16, shape (batch, inputs)
    load : bool
        The bench loads the network. Otherwise the engine was built with it.
    rng : Generator, optional
        Send every other image by `shuffled_tokens`. By default all come as the host sends them.
    """
    network, shape, words = image.network, image.shape, image.load_words()
    steps = network.time_steps
    tokens = [input_tokens(shape, times[None], steps) for times in spike_times]
    for at in range(0, len(tokens), 2) if rng else ():
        tokens[at] = shuffled_tokens(rng, shape.input_word, spike_times[at], steps)
    lengths = np.array([len(part) for part in tokens])
    sources = [layer.source_bits for layer in (*shape.layers, shape.output)]
    settings: dict[str, Any] = {
        "time_steps": steps,
        "layers": len(network.layers),
        "batch": len(spike_times),
        "first_tokens": (np.cumsum(lengths) - lengths).tolist(),
        "input": fields_of(shape.input_word),
        **{f"probe_{at}": fields_of(word_of(token_layout(bits, shape.spikes_per_token))) for at, bits in enumerate(sources)},
    }
    arrays = {
        "load_words": words if load else words[:0],
        "peek_words": words[LOAD_WORD.unpack(words)["memory"] != Memory.TIME_STEPS],
        "tokens": np.concatenate(tokens),
        "places_0": np.arange(network.inputs),
        **{f"places_{index + 1}": _places(image, index) for index in range(len(network.layers))},
    }
    lowest = -(1 << (shape.output.potential_bits - 1))
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


def _places(image: EngineContents, layer: int) -> np.ndarray:
    """Return the addresses of a layer's neurons, and then those of the places that the network leaves empty."""
    used = image.addresses[layer]
    if layer == len(image.shape.layers):
        every = range(image.shape.output.neurons)
    else:
        shape = image.shape.layers[layer]
        every = [number << shape.lane_bits | lane for number in range(shape.lane_neurons) for lane in range(shape.lanes)]
    return np.concatenate([used, np.setdiff1d(every, used)]).astype(np.int64)


def _padded(values: np.ndarray, columns: int, fill: int) -> np.ndarray:
    """Return the values with further columns, for the places that the network leaves empty."""
    padding = np.full((len(values), columns - values.shape[1]), fill, np.int64)
    return np.concatenate([values.astype(np.int64), padding], axis=1)


def shuffled_tokens(rng: np.random.Generator, word: Word, times: np.ndarray, steps: int) -> np.ndarray:
    """Return the tokens of one image, as unlike those of the host as the format allows.

    The spikes of a step come in any order and at any port, some ends without a spike, and some tokens are without anything.
    The address at a port without a spike is random.

    Parameters
    ----------
    rng : Generator
    word : Word
        Of a token, with ``last`` or without.
    times : ndarray of int, shape (inputs,)
    steps : int
    """
    names, bits = [field.name for field in word.fields], word.fields[0].bits
    width = sum(name.startswith("valid_") for name in names)
    tokens: list[dict[str, int]] = []
    for step in range(steps):
        spikes = rng.permutation(np.flatnonzero(times == step)).tolist()
        parts, at = [], 0
        while at < len(spikes):
            count = int(rng.integers(0 if rng.random() < 0.1 else 1, width + 1))
            parts.append(spikes[at : at + count])
            at += count
        if not parts or rng.random() < 0.5:
            parts.append([])
        for number, part in enumerate(parts):
            token = {"end": int(number == len(parts) - 1)}
            token["last"] = token["end"] * int(step == steps - 1)
            ports = [*((address, 1) for address in part), *((int(rng.integers(1 << bits)), 0) for _ in range(width))]
            for port, chosen in enumerate(rng.permutation(width)):
                token[f"address_{port}"], token[f"valid_{port}"] = ports[chosen]
            tokens.append(token)
    return word.pack(**{name: np.array([token[name] for token in tokens]) for name in names})


def compare_seen(
    run_folder: Path, number: int, image: EngineContents, spike_times: np.ndarray, *, early_exit: bool
) -> Comparison:
    """Compare what a bench saw, read by the decoders that the host uses, with the golden model.

    Parameters
    ----------
    run_folder : Path
    number : int
        Of the batch in the run.
    image : EngineContents
    spike_times : ndarray of int16, shape (batch, inputs)
    early_exit : bool
    """
    network, shape, batch = image.network, image.shape, len(spike_times)
    addresses = (np.arange(network.inputs), *image.addresses)
    with np.load(run_folder / f"seen-{number}-{int(early_exit)}.npz") as file:
        words = dict(file)
    times = []
    for index, layer in enumerate((*shape.layers, shape.output)):
        fields = word_of(token_layout(layer.source_bits, shape.spikes_per_token)).unpack(words[f"probe_{index}"])
        sizes = {"batch": batch, "time_steps": network.time_steps, "addresses": addresses[index]}
        times.append(spike_times_of_tokens(*token_ports(fields), fields["end"], **sizes))
    got = with_hidden_spikes(
        read_results(image, words["results"], batch=batch, early_exit=early_exit),
        tuple(times),
        early_exit=early_exit,
        time_steps=network.time_steps,
    )
    golden = infer_spikes(network, spike_times, early_exit=early_exit)
    return compare_results(Results.from_inference(golden, early_exit=early_exit), got)
