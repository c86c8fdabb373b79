"""The compiler: from a network to the shape of an engine, and to the contents of its memories."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..common.checks import whole_number
from ..common.errors import InputError
from ..common.text import quoted
from ..common.words import LOAD_WORD, Memory
from ..network.layer import Layer
from ..network.map_layout import MapLayout
from ..network.network import Network, check_network
from .placement import Placement, place
from .shapes import (
    MAX_ADDRESS_BITS,
    MAX_BANK_LANES,
    MAX_LANES,
    MAX_LAYERS,
    AddressTableShape,
    EngineShape,
    LayerShape,
    OutputShape,
    index_bits,
)


@dataclass(frozen=True, eq=False)
class BankContents:
    """Contents of the memories of one bank of a hidden layer, packed.

    Attributes
    ----------
    pointers : ndarray of uint64, shape (rows,)
        `LayerShape.pointer` words; a row without connections here has lengths 0.
    entries : ndarray of uint64, shape (entries,)
        `LayerShape.entry` words, as many as the bank holds connections, and neurons of the start row.
    initial_potentials : ndarray of int64, shape (lane_neurons * bank_lanes,)
        Initial potential minus threshold of neuron ``n`` of lane ``l`` of the bank at ``n * bank_lanes + l``; where there is no
        neuron, so low that nothing that comes there fires, in most places the lowest number of the potential's width.
    """

    pointers: np.ndarray
    entries: np.ndarray
    initial_potentials: np.ndarray


@dataclass(frozen=True, eq=False)
class SliceContents:
    """Contents of one slice of the output layer, packed.

    Attributes
    ----------
    weights : ndarray of uint64, shape (rows,)
        `OutputShape.weights` words; weight 0 where there is no connection, no source or no neuron.
    initial_potentials : ndarray of int64, shape (neurons of this slice,)
        Initial potential minus threshold; the lowest number of the potential's width where the network has no neuron.
    """

    weights: np.ndarray
    initial_potentials: np.ndarray


@dataclass(frozen=True, eq=False)
class MemoryContents:
    """What one memory holds, from its first address on.

    Attributes
    ----------
    layer : int
    lane : int
        The number of the bank in a hidden layer, of the slice in the output layer; that behind the last one is the address table's.
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
class EngineContents:
    """A network as an engine of a given shape holds it.

    Attributes
    ----------
    shape : EngineShape
    network : Network
    banks : tuple of tuple of BankContents
        By hidden layer, then bank.
    output : tuple of SliceContents
        By slice.
    locations : tuple of ndarray of uint64
        By layer, `AddressTableShape.location` words, by a source's number within its lane; none where there is no address table.
    addresses : tuple of ndarray of int64
        The address of each neuron of each layer; an output neuron's is its number.
    """

    shape: EngineShape
    network: Network
    banks: tuple[tuple[BankContents, ...], ...]
    output: tuple[SliceContents, ...]
    locations: tuple[np.ndarray, ...]
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

    def memories(self) -> Iterator[MemoryContents]:
        """Yield what each memory holds: ``T`` first, then layer by layer, bank by bank, and the output's slices last.

        A layer's locations come behind its banks or slices.
        """
        yield MemoryContents(0, 0, Memory.TIME_STEPS, 16, np.array([self.network.time_steps], np.uint64))
        for layer, (shape, banks) in enumerate(zip(self.shape.layers, self.banks, strict=True)):
            for bank, image in enumerate(banks):
                starts = _unsigned(image.initial_potentials, shape.potential_bits)
                yield MemoryContents(layer, bank, Memory.POINTERS, shape.pointer.bits, image.pointers)
                yield MemoryContents(layer, bank, Memory.ENTRIES, shape.entry.bits, image.entries)
                yield MemoryContents(layer, bank, Memory.INITIAL_POTENTIALS, shape.potential_bits, starts)
            yield from self._locations(layer, shape.banks)
        layer, shape = len(self.shape.layers), self.shape.output
        for number, image in enumerate(self.output):
            starts = _unsigned(image.initial_potentials, shape.potential_bits)
            yield MemoryContents(layer, number, Memory.ENTRIES, shape.weights.bits, image.weights)
            yield MemoryContents(layer, number, Memory.INITIAL_POTENTIALS, shape.potential_bits, starts)
        yield from self._locations(layer, shape.slices)

    def _locations(self, layer: int, behind: int) -> Iterator[MemoryContents]:
        address_table = (*self.shape.layers, self.shape.output)[layer].address_table
        if address_table:
            yield MemoryContents(layer, behind, Memory.POINTERS, address_table.location.bits, self.locations[layer])


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
    _refuse_impossible(network)
    *hidden, last = network.layers
    if isinstance(lanes, Sequence | np.ndarray) and not isinstance(lanes, str | bytes):
        counts = [whole_number(count, "lanes", 1, MAX_LANES) for count in lanes]
    else:
        counts = [whole_number(lanes, "lanes", 1, MAX_LANES)] * len(hidden)
    if len(counts) != len(hidden):
        raise InputError(f"lanes must be one number or one for each of the {len(hidden)} hidden layers, not {quoted(counts)}")
    if bank_lanes is not None:
        whole_number(bank_lanes, "bank_lanes", 1, MAX_BANK_LANES)
    shapes: list[LayerShape] = []
    source_bits = index_bits(network.inputs + 1)  # the address of all ones is no source's
    lane_bits, sources = 0, LaneSources.inputs(network.inputs)
    for index, (layer, count) in enumerate(zip(hidden, counts, strict=True)):
        try:
            address_table = None if layer.maps.is_flat else _plan_address_table(layer, sources, lane_bits)
            shapes.append(_plan_layer(layer, source_bits, address_table, count, bank_lanes))
        except InputError as error:
            raise InputError(
                f"no engine holds layer {index} ({layer.targets:,} neurons, {layer.synapses:,} connections) with {count} "
                f"lanes: {error}; take another number of lanes, or make the layer smaller"
            ) from error
        source_bits, lane_bits = shapes[-1].address_bits, shapes[-1].lane_bits
        sources = LaneSources.of(layer, shapes[-1].lanes)
    address_table = None if last.maps.is_flat else _plan_address_table(last, sources, lane_bits)
    output = OutputShape(source_bits, last.targets, last.weight_bits, last.potential_bits, address_table)
    return EngineShape(tuple(shapes), output, spikes_per_token, network.time_steps, queue_depth)


@dataclass(frozen=True)
class LaneSources:
    """The sources that a lane of the layer before can have, as many as the fullest one.

    Attributes
    ----------
    lanes : int
        Of the layer before.
    numbers : ndarray of int64, shape (channels * positions,)
        Of each source, by channel and position, within the lane.
    places : int
        Numbers that there are.
    """

    lanes: int
    numbers: np.ndarray
    places: int

    @classmethod
    def inputs(cls, count: int) -> "LaneSources":
        """Return the inputs, all of them in one lane."""
        return cls(1, np.arange(count), count)

    @classmethod
    def of(cls, layer: Layer, lanes: int) -> "LaneSources":
        """Return the neurons of a hidden layer that lies in so many lanes."""
        layout, channels = MapLayout(layer.maps), -(-layer.channels // lanes)
        return cls(lanes, layout.numbers(np.arange(channels)), layout.lane_places(channels))


def _plan_address_table(layer: Layer, sources: LaneSources, lane_bits: int) -> AddressTableShape:
    """Return the smallest address table that leads to a layer's rows."""
    rows, bases = _rows_and_bases(layer, sources)
    highest = max(0, int(rows.max())) << lane_bits | (sources.lanes - 1)
    row_bits = max(1, (highest + 1).bit_length() - lane_bits)  # the row of all ones is no source's
    base_bits = int(bases.max()).bit_length()
    return AddressTableShape(sources.places, lane_bits, row_bits, base_bits)


def _plan_layer(
    layer: Layer, source_bits: int, address_table: AddressTableShape | None, lanes: int, bank_lanes: int | None
) -> LayerShape:
    if bank_lanes is None:
        lanes = min(lanes, layer.channels)
        bank_lanes = 1 if lanes % 2 else 2
    else:
        lanes = min(lanes, -(-layer.channels // bank_lanes) * bank_lanes)
    rows = place(layer, lanes)
    return LayerShape(
        source_bits=source_bits,
        lanes=lanes,
        bank_lanes=bank_lanes,
        lane_neurons=LaneSources.of(layer, lanes).places,
        bank_entries=max(1, rows.bank_entries(bank_lanes)),
        row_entries=max(1, rows.row_entries()),
        weight_bits=layer.weight_bits,
        potential_bits=max(layer.potential_bits, rows.empty_bits),
        address_table=address_table,
    )


def compile_network(network: Network, shape: EngineShape) -> EngineContents:
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
    banks, locations, addresses = [], [], []
    source_addresses, sources = np.arange(network.inputs), LaneSources.inputs(network.inputs)
    for layer, has, rows in zip(hidden, shape.layers, placed, strict=True):
        locations.append(_locations(layer, has, sources))
        row_addresses = np.append(_row_addresses(layer, has, sources, source_addresses), has.start_row)
        banks.append(tuple(_bank_images(layer, has, rows, row_addresses)))
        source_addresses, sources = rows.numbers << has.lane_bits | rows.lanes, LaneSources.of(layer, has.lanes)
        addresses.append(source_addresses)
    locations.append(_locations(last, shape.output, sources))
    output = tuple(_slice_images(last, shape.output, _row_addresses(last, shape.output, sources, source_addresses)))
    addresses.append(np.arange(network.outputs))
    return EngineContents(shape, network, tuple(banks), output, tuple(locations), tuple(addresses))


def _locations(layer: Layer, shape: LayerShape | OutputShape, sources: LaneSources) -> np.ndarray:
    if shape.address_table is None:
        return np.zeros(0, np.uint64)
    rows, bases = _rows_and_bases(layer, sources)
    of_places = np.zeros((3, shape.address_table.places), np.int64)
    of_places[:, sources.numbers] = rows >= 0, np.maximum(rows, 0), np.where(rows >= 0, bases, 0)
    seen, row, base = of_places
    return shape.address_table.location.pack(seen=seen, row=row, base=base)


def _rows_and_bases(layer: Layer, sources: LaneSources) -> tuple[np.ndarray, np.ndarray]:
    """Return the row of each number of a lane of sources, within that lane, and its base."""
    if layer.maps.is_flat:
        return sources.numbers, np.zeros_like(sources.numbers)
    per_channel = layer.maps.height * layer.maps.width  # inputs may have several channels in their one lane
    return MapLayout(layer.maps).rows_and_bases(len(sources.numbers) // per_channel)


def _row_addresses(
    layer: Layer, shape: LayerShape | OutputShape, sources: LaneSources, source_addresses: np.ndarray
) -> np.ndarray:
    """Return the address of each row of a layer; -1 for a row without sources."""
    if shape.address_table is None:
        return source_addresses
    bits = shape.address_table.lane_bits
    local = np.zeros(sources.places, np.int64)
    local[sources.numbers] = _rows_and_bases(layer, sources)[0]
    lanes = source_addresses & ((1 << bits) - 1)
    layout = MapLayout(layer.maps)
    seen = layout.row_of_source >= 0
    addresses = np.full(layout.rows, -1)
    addresses[layout.row_of_source[seen]] = (local[source_addresses >> bits] << bits | lanes)[seen]
    return addresses


def _bank_images(layer: Layer, shape: LayerShape, rows: Placement, row_addresses: np.ndarray) -> Iterator[BankContents]:
    addresses, numbers = row_addresses[rows.rows], rows.entry_numbers
    entry_banks, entry_within = np.divmod(rows.entry_lanes, shape.bank_lanes)
    order = np.lexsort((numbers, entry_within, addresses, entry_banks))
    bounds = np.searchsorted(entry_banks[order], np.arange(shape.banks + 1))
    banks, within = np.divmod(rows.lanes, shape.bank_lanes)
    starts = layer.neuron_initial_potentials - layer.threshold
    empty = rows.empty
    for bank in range(shape.banks):
        mine = order[bounds[bank] : bounds[bank + 1]]
        cells = entry_within[mine] * shape.rows + addresses[mine]
        lengths = np.bincount(cells, minlength=shape.bank_lanes * shape.rows).reshape(shape.bank_lanes, -1)
        row = lengths.sum(axis=0)
        initial_potentials = np.full(shape.lane_neurons * shape.bank_lanes, _lowest(shape), np.int64)
        for lane in range(shape.bank_lanes if empty else 0):
            initial_potentials[lane :: shape.bank_lanes][: empty.places] = empty.starts(bank * shape.bank_lanes + lane)
        owned = banks == bank
        initial_potentials[rows.numbers[owned] * shape.bank_lanes + within[owned]] = starts[owned]
        yield BankContents(
            shape.pointer.pack(
                start=np.where(row > 0, np.cumsum(row) - row, 0),
                **{f"length_{lane}": lengths[lane] for lane in range(shape.bank_lanes)},
            ),
            shape.entry.pack(neuron=numbers[mine], weight=rows.weights[mine]),
            initial_potentials,
        )


def _slice_images(layer: Layer, shape: OutputShape, row_addresses: np.ndarray) -> Iterator[SliceContents]:
    per_slice = shape.slice_neurons
    weights = np.zeros((shape.slices * per_slice, shape.rows), np.int64)
    addresses = row_addresses[layer.taps_of_synapses]
    read = addresses >= 0
    weights[layer.row_targets[read], addresses[read]] = layer.row_weights[read]
    initial_potentials = np.full(shape.neurons, _lowest(shape), np.int64)
    initial_potentials[: layer.targets] = layer.initial_potentials.astype(np.int64) - layer.threshold
    for first in range(0, shape.neurons, per_slice):
        words = shape.weights.pack(**{f"weight_{number}": weights[first + number] for number in range(per_slice)})
        yield SliceContents(words, initial_potentials[first : first + per_slice])


def _lowest(shape: LayerShape | OutputShape) -> int:
    """Return the lowest potential: where there is no neuron, and nothing ever comes, it never fires."""
    return -(1 << (shape.potential_bits - 1))


def _unsigned(potentials: np.ndarray, bits: int) -> np.ndarray:
    return (potentials & ((1 << bits) - 1)).astype(np.uint64)


def _check_fit(network: Network, shape: EngineShape) -> None:
    _refuse_impossible(network)
    problems = []
    layers = (*shape.layers, shape.output)
    if len(network.layers) != len(layers):
        problems.append(f"it has {len(network.layers)} layers, the engine {len(layers)}")
    else:
        inputs = (1 << shape.source_bits) - 1
        if network.inputs > inputs:
            problems.append(f"it has {network.inputs} inputs, the engine {inputs}")
        sources, lane_bits = LaneSources.inputs(network.inputs), 0
        for index, (layer, has) in enumerate(zip(network.layers, layers, strict=True)):
            sizes = [
                ("bits a weight", layer.weight_bits, has.weight_bits),
                ("bits a potential", layer.required_potential_bits, has.potential_bits),
                *_address_table_sizes(layer, sources, lane_bits, has.address_table),
            ]
            if isinstance(has, LayerShape):
                sources, lane_bits = LaneSources.of(layer, has.lanes), has.lane_bits
                wanted = has.lanes * sources.places if layer.maps.is_convolution else layer.targets
                sizes.insert(0, ("neurons", wanted, has.lanes * has.lane_neurons))
            else:
                sizes.insert(0, ("neurons", layer.targets, has.neurons))
            problems += [
                f"layer {index} has {wanted} {what}, the engine's {found}" for what, wanted, found in sizes if wanted > found
            ]
    if network.time_steps > shape.time_steps:
        problems.append(f"it has {network.time_steps} time steps, the engine {shape.time_steps}")
    _refuse(problems)


def _refuse_impossible(network: Network) -> None:
    """Refuse a network that no engine of any size holds."""
    check_network(network)
    last = network.layers[-1]
    if last.maps.is_convolution:
        raise InputError(
            f"no engine holds this network: its output layer is a convolution with {last.maps.positions:,} neurons a class; "
            "put a fully connected layer behind it, with one neuron a class"
        )
    most = (1 << MAX_ADDRESS_BITS) - 1
    if network.inputs > most:
        raise InputError(
            f"no engine holds this network: it has {network.inputs:,} inputs, an engine at most {most:,}; "
            "crop or scale the images, and train it for those"
        )
    if len(network.layers) > MAX_LAYERS:
        raise InputError(f"no engine holds this network: it has {len(network.layers)} layers, an engine at most {MAX_LAYERS}")


def _address_table_sizes(
    layer: Layer, sources: LaneSources, lane_bits: int, has: AddressTableShape | None
) -> Iterator[tuple[str, int, int]]:
    """Yield what a layer needs of an address table, and what there is."""
    if has is None:
        if not layer.maps.is_flat:
            yield "source maps", layer.maps.channels, 0
        return
    wanted = _plan_address_table(layer, sources, lane_bits)
    yield "source places a lane", sources.places, has.places
    yield "bits a row's number", wanted.row_bits, has.row_bits
    yield "bits a base", wanted.base_bits, has.base_bits


def _check_entries(placed: list[Placement], shape: EngineShape) -> None:
    problems = []
    for index, (rows, has) in enumerate(zip(placed, shape.layers, strict=True)):
        for where, wanted, found in (
            (f"a bank of layer {index}", rows.bank_entries(has.bank_lanes), has.bank_entries),
            (f"a lane's row of layer {index}", rows.row_entries(), has.row_entries),
        ):
            if wanted > found:
                problems.append(f"{where} would hold {wanted} connections, the engine's {found}")
        bits = rows.empty_bits
        if bits > has.potential_bits:
            problems.append(f"layer {index}'s places have {bits} bits a potential, the engine's {has.potential_bits}")
    _refuse(problems)


def _refuse(problems: list[str]) -> None:
    if problems:
        raise InputError(f"the network does not fit the engine: {'; '.join(problems)}; build a larger engine or prune more")
