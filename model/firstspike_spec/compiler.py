"""The compiler: from a network to the shape of an engine, and to the contents of its memories."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .checks import whole_number
from .engine import MAX_BANK_LANES, MAX_LANES, EngineShape, LayerShape, OutputShape, index_bits
from .errors import InputError
from .layer import Layer
from .network import Network
from .placement import Placement, place
from .words import LOAD_WORD, Memory


@dataclass(frozen=True, eq=False)
class BankImage:
    """Contents of the memories of one bank of a hidden layer, packed.

    Attributes
    ----------
    pointers : ndarray of uint64, shape (sources,)
        `LayerShape.pointer` words; a source without connections here has lengths 0.
    entries : ndarray of uint64, shape (entries,)
        `LayerShape.entry` words, as many as the bank holds connections, and neurons of the start row.
    start_potentials : ndarray of int64, shape (lane_neurons * bank_lanes,)
        Start potential minus threshold of neuron ``n`` of lane ``l`` of the bank at ``n * bank_lanes + l``; the lowest
        number of the potential's width where there is no neuron.
    """

    pointers: np.ndarray
    entries: np.ndarray
    start_potentials: np.ndarray


@dataclass(frozen=True, eq=False)
class SliceImage:
    """Contents of one slice of the output layer, packed.

    Attributes
    ----------
    weights : ndarray of uint64, shape (sources,)
        `OutputShape.weights` words; weight 0 where there is no connection, no source or no neuron.
    start_potentials : ndarray of int64, shape (neurons of this slice,)
        Start potential minus threshold; the lowest number of the potential's width where the network has no neuron.
    """

    weights: np.ndarray
    start_potentials: np.ndarray


@dataclass(frozen=True, eq=False)
class MemoryImage:
    """What one memory holds, from its first address on.

    Attributes
    ----------
    layer : int
    lane : int
        The number of the bank in a hidden layer, of the slice in the output layer.
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
    banks : tuple of tuple of BankImage
        By hidden layer, then bank.
    output : tuple of SliceImage
        By slice.
    addresses : tuple of ndarray of int64
        The address of each neuron of each layer; an output neuron's is its number.
    """

    shape: EngineShape
    network: Network
    banks: tuple[tuple[BankImage, ...], ...]
    output: tuple[SliceImage, ...]
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

    def memories(self) -> Iterator[MemoryImage]:
        """Yield what each memory holds: ``T`` first, then layer by layer, bank by bank, and the output's slices last."""
        yield MemoryImage(0, 0, Memory.TIME_STEPS, 16, np.array([self.network.time_steps], np.uint64))
        for layer, (shape, banks) in enumerate(zip(self.shape.layers, self.banks, strict=True)):
            for bank, image in enumerate(banks):
                starts = _unsigned(image.start_potentials, shape.potential_bits)
                yield MemoryImage(layer, bank, Memory.POINTERS, shape.pointer.bits, image.pointers)
                yield MemoryImage(layer, bank, Memory.ENTRIES, shape.entry.bits, image.entries)
                yield MemoryImage(layer, bank, Memory.START_POTENTIALS, shape.potential_bits, starts)
        layer, shape = len(self.shape.layers), self.shape.output
        for number, image in enumerate(self.output):
            starts = _unsigned(image.start_potentials, shape.potential_bits)
            yield MemoryImage(layer, number, Memory.ENTRIES, shape.weights.bits, image.weights)
            yield MemoryImage(layer, number, Memory.START_POTENTIALS, shape.potential_bits, starts)


#: Lanes of each hidden layer where nobody says otherwise.
DEFAULT_LANES = 16


def plan(
    network: Network,
    lanes: int | Sequence[int] = DEFAULT_LANES,
    *,
    spikes_per_token: int = 2,
    bank_lanes: int | None = None,
    queue_depth: int = 16,
) -> EngineShape:
    """Return the smallest engine that holds a network.

    Parameters
    ----------
    network : Network
    lanes : int or sequence of int
        Lanes of each hidden layer; one number stands for all of them. No layer gets more lanes than its neurons fill, but
        always whole banks.
    spikes_per_token : int
        Spikes that a token has room for, 1 or 2.
    bank_lanes : int, optional
        Lanes that share their memories, 1 or 2. By default 2 in each layer with an even number of lanes, else 1.
    queue_depth : int
        Rows that wait before each lane: 8, 16, 32 or 64.

    Raises
    ------
    InputError, InputTypeError
        If the number of lanes is out of range, or the network is larger than any engine.
    """
    *hidden, last = network.layers
    if isinstance(lanes, int | np.integer):
        counts = [whole_number(lanes, "lanes", 1, MAX_LANES)] * len(hidden)
    else:
        counts = [whole_number(count, "lanes", 1, MAX_LANES) for count in lanes]
    if len(counts) != len(hidden):
        raise InputError(f"lanes must be one number or one for each of the {len(hidden)} hidden layers, not {counts}")
    if bank_lanes is not None:
        whole_number(bank_lanes, "bank_lanes", 1, MAX_BANK_LANES)
    shapes = []
    source_bits = index_bits(network.inputs + 1)  # the address of all ones is no source's
    for layer, count in zip(hidden, counts, strict=True):
        shapes.append(_plan_layer(layer, source_bits, count, bank_lanes))
        source_bits = shapes[-1].address_bits
    output = OutputShape(source_bits, last.targets, last.weight_bits, last.potential_bits)
    return EngineShape(tuple(shapes), output, spikes_per_token, network.time_steps, queue_depth)


def _plan_layer(layer: Layer, source_bits: int, lanes: int, bank_lanes: int | None) -> LayerShape:
    if bank_lanes is None:
        lanes = min(lanes, layer.targets)
        bank_lanes = 1 if lanes % 2 else 2
    else:
        lanes = min(lanes, -(-layer.targets // bank_lanes) * bank_lanes)
    lane_neurons = -(-layer.targets // lanes)
    rows = place(layer, lanes)
    return LayerShape(
        source_bits=source_bits,
        lanes=lanes,
        bank_lanes=bank_lanes,
        lane_neurons=lane_neurons,
        bank_entries=max(1, rows.bank_entries(bank_lanes)),
        row_entries=max(1, rows.row_entries()),
        weight_bits=layer.weight_bits,
        potential_bits=layer.potential_bits,
    )


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
    *hidden, last = network.layers
    placed = [place(layer, has.lanes) for layer, has in zip(hidden, shape.layers, strict=True)]
    _check_entries(placed, shape)
    banks, addresses = [], []
    source_addresses = np.arange(network.inputs)
    for layer, has, rows in zip(hidden, shape.layers, placed, strict=True):
        banks.append(tuple(_bank_images(layer, has, rows, source_addresses)))
        source_addresses = rows.numbers << has.lane_bits | rows.lanes
        addresses.append(source_addresses)
    output = tuple(_slice_images(last, shape.output, source_addresses))
    addresses.append(np.arange(network.outputs))
    return EngineImage(shape, network, tuple(banks), output, tuple(addresses))


def _bank_images(layer: Layer, shape: LayerShape, rows: Placement, source_addresses: np.ndarray) -> Iterator[BankImage]:
    sources = np.append(source_addresses, shape.start_row)[rows.sources]
    banks, within = np.divmod(rows.lanes, shape.bank_lanes)
    numbers, weights = rows.numbers[rows.targets], rows.weights
    order = np.lexsort((numbers, within[rows.targets], sources, banks[rows.targets]))
    bounds = np.searchsorted(banks[rows.targets[order]], np.arange(shape.banks + 1))
    starts = layer.start_potentials.astype(np.int64) - layer.threshold
    for bank in range(shape.banks):
        mine = order[bounds[bank] : bounds[bank + 1]]
        cells = within[rows.targets[mine]] * shape.sources + sources[mine]
        lengths = np.bincount(cells, minlength=shape.bank_lanes * shape.sources).reshape(shape.bank_lanes, -1)
        row = lengths.sum(axis=0)
        start_potentials = np.full(shape.lane_neurons * shape.bank_lanes, _lowest(shape), np.int64)
        owned = banks == bank
        start_potentials[rows.numbers[owned] * shape.bank_lanes + within[owned]] = starts[owned]
        yield BankImage(
            shape.pointer.pack(
                start=np.where(row > 0, np.cumsum(row) - row, 0),
                **{f"length_{lane}": lengths[lane] for lane in range(shape.bank_lanes)},
            ),
            shape.entry.pack(neuron=numbers[mine], weight=weights[mine]),
            start_potentials,
        )


def _slice_images(layer: Layer, shape: OutputShape, source_addresses: np.ndarray) -> Iterator[SliceImage]:
    per_slice = shape.slice_neurons
    weights = np.zeros((shape.slices * per_slice, shape.sources), np.int64)
    weights[layer.row_targets, source_addresses[layer.taps_of_synapses]] = layer.row_weights
    start_potentials = np.full(shape.neurons, _lowest(shape), np.int64)
    start_potentials[: layer.targets] = layer.start_potentials.astype(np.int64) - layer.threshold
    for first in range(0, shape.neurons, per_slice):
        words = shape.weights.pack(**{f"weight_{number}": weights[first + number] for number in range(per_slice)})
        yield SliceImage(words, start_potentials[first : first + per_slice])


def _lowest(shape: LayerShape | OutputShape) -> int:
    """Return the lowest potential: a place without a neuron has it and never fires."""
    return -(1 << (shape.potential_bits - 1))


def _unsigned(potentials: np.ndarray, bits: int) -> np.ndarray:
    return (potentials & ((1 << bits) - 1)).astype(np.uint64)


def _check_fit(network: Network, shape: EngineShape) -> None:
    problems = []
    layers = (*shape.layers, shape.output)
    if len(network.layers) != len(layers):
        problems.append(f"it has {len(network.layers)} layers, the engine {len(layers)}")
    else:
        inputs = (1 << shape.source_bits) - 1
        if network.inputs > inputs:
            problems.append(f"it has {network.inputs} inputs, the engine {inputs}")
        rooms = [has.lanes * has.lane_neurons for has in shape.layers] + [shape.output.neurons]
        for index, (layer, has, room) in enumerate(zip(network.layers, layers, rooms, strict=True)):
            for what, wanted, found in (
                ("neurons", layer.targets, room),
                ("bits a weight", layer.weight_bits, has.weight_bits),
                ("bits a potential", layer.required_potential_bits, has.potential_bits),
            ):
                if wanted > found:
                    problems.append(f"layer {index} has {wanted} {what}, the engine's {found}")
    if network.time_steps > shape.time_steps:
        problems.append(f"it has {network.time_steps} time steps, the engine {shape.time_steps}")
    _refuse(problems)


def _check_entries(placed: list[Placement], shape: EngineShape) -> None:
    problems = []
    for index, (rows, has) in enumerate(zip(placed, shape.layers, strict=True)):
        for where, wanted, found in (
            (f"a bank of layer {index}", rows.bank_entries(has.bank_lanes), has.bank_entries),
            (f"a lane's row of layer {index}", rows.row_entries(), has.row_entries),
        ):
            if wanted > found:
                problems.append(f"{where} would hold {wanted} connections, the engine's {found}")
    _refuse(problems)


def _refuse(problems: list[str]) -> None:
    if problems:
        raise InputError(f"the network does not fit the engine: {'; '.join(problems)}; build a larger engine or prune more")
