"""The compiler: from a network to the shape of an engine, and to the contents of its memories."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .checks import whole_number
from .engine import MAX_LANES, EngineShape, LayerShape, index_bits
from .errors import InputError
from .network import Layer, Network
from .words import LOAD_WORD, Memory


@dataclass(frozen=True, eq=False)
class LaneImage:
    """Contents of one lane's memories, packed.

    Attributes
    ----------
    pointers : ndarray of uint64, shape (sources,)
        `LayerShape.pointer` words; a source without connections here has length 0.
    entries : ndarray of uint64, shape (entries,)
        `LayerShape.entry` words, as many as the lane holds connections.
    start_potentials : ndarray of int64, shape (lane_neurons,)
        Start potential minus threshold; the lowest number of the potential's width where there is no neuron.
    """

    pointers: np.ndarray
    entries: np.ndarray
    start_potentials: np.ndarray


@dataclass(frozen=True, eq=False)
class MemoryImage:
    """What one memory holds, from its first address on.

    Attributes
    ----------
    layer, lane : int
    memory : Memory
    bits : int
        Width of a word.
    words : ndarray of uint64
    """

    layer: int
    lane: int
    memory: Memory
    bits: int
    words: np.ndarray


@dataclass(frozen=True, eq=False)
class EngineImage:
    """A network as an engine of a given shape holds it.

    Attributes
    ----------
    shape : EngineShape
    network : Network
    lanes : tuple of tuple of LaneImage
        By layer, then lane.
    addresses : tuple of ndarray of int64
        The address of each neuron of each layer (`LayerShape.address_bits`).
    """

    shape: EngineShape
    network: Network
    lanes: tuple[tuple[LaneImage, ...], ...]
    addresses: tuple[np.ndarray, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the network and of how this engine holds it, in hexadecimal."""
        digest = hashlib.sha256(bytes.fromhex(self.network.digest) + self.shape.digest.encode())
        digest.update(self.load_words().astype("<u8").tobytes())
        return digest.hexdigest()

    def load_words(self) -> np.ndarray:
        """Return the stream for the engine's load port, `LOAD_WORD` words, uint64."""
        parts = [
            LOAD_WORD.pack(
                data=part.words, address=np.arange(len(part.words)), memory=part.memory, lane=part.lane, layer=part.layer
            )
            for part in self.memories()
        ]
        return np.concatenate(parts)

    def memories(self) -> Iterator["MemoryImage"]:
        """Yield what each memory holds: ``T`` first, then lane by lane."""
        yield MemoryImage(0, 0, Memory.TIME_STEPS, 16, np.array([self.network.time_steps], np.uint64))
        for layer, (shape, lanes) in enumerate(zip(self.shape.layers, self.lanes, strict=True)):
            for lane, image in enumerate(lanes):
                starts = (image.start_potentials & ((1 << shape.potential_bits) - 1)).astype(np.uint64)
                for memory, bits, words in (
                    (Memory.POINTERS, shape.pointer.bits, image.pointers),
                    (Memory.ENTRIES, shape.entry.bits, image.entries),
                    (Memory.START_POTENTIALS, shape.potential_bits, starts),
                ):
                    yield MemoryImage(layer, lane, memory, bits, words)


#: Lanes of each layer where nobody says otherwise.
DEFAULT_LANES = 16


def plan(network: Network, lanes: int | Sequence[int] = DEFAULT_LANES, *, queue_depth: int = 8) -> EngineShape:
    """Return the smallest engine that holds a network.

    Parameters
    ----------
    network : Network
    lanes : int or sequence of int
        Lanes of each layer; one number stands for all layers. No layer gets more lanes than it has neurons.
    queue_depth : int
        Tokens that wait before each lane.

    Raises
    ------
    InputError, InputTypeError
        If the number of lanes is out of range, or the network is larger than any engine.
    """
    counts = [lanes] * len(network.layers) if isinstance(lanes, int | np.integer) else list(lanes)
    if len(counts) != len(network.layers):
        raise InputError(f"lanes must be one number or one for each of the {len(network.layers)} layers, not {counts}")
    shapes = []
    source_bits = index_bits(network.inputs)
    for index, (layer, count) in enumerate(zip(network.layers, counts, strict=True)):
        count = min(whole_number(count, "lanes", 1, MAX_LANES), layer.targets)
        lane_neurons = -(-layer.targets // count)
        owners = _assign(layer, count, lane_neurons, in_order=_is_last(network, index)) % count
        entries = np.bincount(owners[layer.row_targets], minlength=count).max()
        shapes.append(
            LayerShape(
                source_bits=source_bits,
                lanes=count,
                lane_neurons=lane_neurons,
                lane_entries=max(1, int(entries)),
                weight_bits=layer.weight_bits,
                potential_bits=layer.potential_bits,
            )
        )
        source_bits = shapes[-1].address_bits
    return EngineShape(tuple(shapes), queue_depth)


def compile_network(network: Network, shape: EngineShape) -> EngineImage:
    """Return the contents of an engine's memories that make it run a network.

    Parameters
    ----------
    network : Network
    shape : EngineShape
        Made for this network (`plan`) or for a larger one.

    Raises
    ------
    InputError
        If the network does not fit; the message names each size that does not.
    """
    _check_fit(network, shape)
    lanes, addresses = [], []
    source_addresses = np.arange(network.inputs)
    for index, (layer, layer_shape) in enumerate(zip(network.layers, shape.layers, strict=True)):
        places = _assign(layer, layer_shape.lanes, layer_shape.lane_neurons, in_order=_is_last(network, index))
        owners, numbers = places % layer_shape.lanes, places // layer_shape.lanes
        lanes.append(tuple(_lane_images(layer, layer_shape, owners, numbers, source_addresses)))
        source_addresses = numbers << layer_shape.lane_bits | owners
        addresses.append(source_addresses)
    _check_entries(lanes, shape)
    return EngineImage(shape, network, tuple(lanes), tuple(addresses))


def _is_last(network: Network, index: int) -> bool:
    # By number: two layers may be one and the same object.
    return index == len(network.layers) - 1


def _assign(layer: Layer, lanes: int, lane_neurons: int, *, in_order: bool) -> np.ndarray:
    """Return the place of each neuron: number within the lane times ``lanes``, plus the lane.

    A lane's work is the number of its connections, so the neurons with most connections are handed out first, each to the
    lane that has least so far and still has room. Output neurons are dealt out in turn instead: then a lower class has a
    lower address, and the read-out need not know classes to settle ties.
    """
    if in_order:
        return np.arange(layer.targets)
    work = np.bincount(layer.row_targets, minlength=layer.targets)
    load, used = np.zeros(lanes, np.int64), np.zeros(lanes, np.int64)
    places = np.empty(layer.targets, np.int64)
    for neuron in np.argsort(-work, kind="stable"):
        lane = int(np.argmin(np.where(used < lane_neurons, load, np.iinfo(np.int64).max)))
        places[neuron] = used[lane] * lanes + lane
        used[lane] += 1
        load[lane] += work[neuron]
    return places


def _lane_images(
    layer: Layer, shape: LayerShape, owners: np.ndarray, numbers: np.ndarray, source_addresses: np.ndarray
) -> Iterator[LaneImage]:
    sources = source_addresses[layer.sources_of_synapses]
    for lane in range(shape.lanes):
        mine = np.flatnonzero(owners[layer.row_targets] == lane)
        mine = mine[np.lexsort((numbers[layer.row_targets[mine]], sources[mine]))]
        lengths = np.bincount(sources[mine], minlength=shape.sources)
        starts = np.where(lengths > 0, np.cumsum(lengths) - lengths, 0)
        start_potentials = np.full(shape.lane_neurons, -(1 << (shape.potential_bits - 1)), np.int64)
        owned = owners == lane
        start_potentials[numbers[owned]] = layer.start_potentials[owned].astype(np.int64) - layer.threshold
        yield LaneImage(
            # Starts beyond the memory are caught by `_check_entries`, with a message of its own.
            shape.pointer.pack(start=np.minimum(starts, shape.pointer.fields[0].range[1]), length=lengths),
            shape.entry.pack(neuron=numbers[layer.row_targets[mine]], weight=layer.row_weights[mine]),
            start_potentials,
        )


def _check_fit(network: Network, shape: EngineShape) -> None:
    problems = []
    if len(network.layers) != len(shape.layers):
        problems.append(f"it has {len(network.layers)} layers, the engine {len(shape.layers)}")
    else:
        if network.inputs > shape.layers[0].sources:
            problems.append(f"it has {network.inputs} inputs, the engine {shape.layers[0].sources}")
        for index, (layer, has) in enumerate(zip(network.layers, shape.layers, strict=True)):
            for what, wanted, found in (
                ("neurons", layer.targets, has.lanes * has.lane_neurons),
                ("bits a weight", layer.weight_bits, has.weight_bits),
                ("bits a potential", layer.required_potential_bits, has.potential_bits),
            ):
                if wanted > found:
                    problems.append(f"layer {index} has {wanted} {what}, the engine's {found}")
    _refuse(problems)


def _check_entries(lanes: list[tuple[LaneImage, ...]], shape: EngineShape) -> None:
    problems = []
    for index, (images, has) in enumerate(zip(lanes, shape.layers, strict=True)):
        most = max(len(image.entries) for image in images)
        if most > has.lane_entries:
            problems.append(f"a lane of layer {index} would hold {most} connections, the engine's {has.lane_entries}")
    _refuse(problems)


def _refuse(problems: list[str]) -> None:
    if problems:
        raise InputError(f"the network does not fit the engine: {'; '.join(problems)}; build a larger engine or prune more")
