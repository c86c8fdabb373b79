"""The compiler: from a network to the contents of an engine's memories."""

from collections.abc import Iterator

import numpy as np

from ..network.layer import Layer
from ..network.map_layout import MapLayout
from ..network.network import Network
from .contents import BankContents, EngineContents, SliceContents
from .engine_shape import EngineShape
from .fit import place_network
from .placement import Placement
from .shapes import LayerShape, OutputShape, SourcedShape
from .sources import LaneSources, rows_and_bases


def compile_network(network: Network, shape: EngineShape) -> EngineContents:
    """Return the contents of an engine's memories with which it runs a network.

    Parameters
    ----------
    network : Network
    shape : EngineShape
        Made for this network (`firstspike_spec.compiler.plan.plan`) or for a larger one.

    Raises
    ------
    InputError
        If the network does not fit; the message names each size that is too small.
    """
    placements = place_network(network, shape)
    *hidden, last = network.layers
    banks, address_tables, addresses = [], [], []
    source_addresses, sources = np.arange(network.inputs), LaneSources.inputs(network.inputs)
    for layer, has, placement in zip(hidden, shape.layers, placements, strict=True):
        address_tables.append(_address_table(layer, has, sources))
        row_addresses = np.append(_row_addresses(layer, has, sources, source_addresses), has.start_row)
        banks.append(tuple(_bank_contents(layer, has, placement, row_addresses)))
        source_addresses, sources = placement.numbers << has.lane_bits | placement.lanes, LaneSources.of(layer, has.lanes)
        addresses.append(source_addresses)
    address_tables.append(_address_table(last, shape.output, sources))
    output = tuple(_slice_contents(last, shape.output, _row_addresses(last, shape.output, sources, source_addresses)))
    addresses.append(np.arange(network.outputs))
    return EngineContents(shape, network, tuple(banks), output, tuple(address_tables), tuple(addresses))


def _address_table(layer: Layer, shape: SourcedShape, sources: LaneSources) -> np.ndarray:
    if shape.address_table is None:
        return np.zeros(0, np.uint64)
    rows, bases = rows_and_bases(layer, sources)
    of_places = np.zeros((3, shape.address_table.places), np.int64)
    of_places[:, sources.numbers] = rows >= 0, np.maximum(rows, 0), np.where(rows >= 0, bases, 0)
    seen, row, base = of_places
    return shape.address_table.location.pack(seen=seen, row=row, base=base)


def _row_addresses(layer: Layer, shape: SourcedShape, sources: LaneSources, source_addresses: np.ndarray) -> np.ndarray:
    """Return the address of each row of a layer; -1 for a row without sources."""
    if shape.address_table is None:
        return source_addresses
    bits = shape.address_table.lane_bits
    local = np.zeros(sources.places, np.int64)
    local[sources.numbers] = rows_and_bases(layer, sources)[0]
    lanes = source_addresses & ((1 << bits) - 1)
    layout = MapLayout(layer.maps)
    seen = layout.row_of_source >= 0
    addresses = np.full(layout.rows, -1)
    addresses[layout.row_of_source[seen]] = (local[source_addresses >> bits] << bits | lanes)[seen]
    return addresses


def _bank_contents(layer: Layer, shape: LayerShape, placement: Placement, row_addresses: np.ndarray) -> Iterator[BankContents]:
    addresses, numbers = row_addresses[placement.rows], placement.entry_numbers
    entry_banks, entry_within = np.divmod(placement.entry_lanes, shape.bank_lanes)
    order = np.lexsort((numbers, entry_within, addresses, entry_banks))
    bounds = np.searchsorted(entry_banks[order], np.arange(shape.banks + 1))
    banks, within = np.divmod(placement.lanes, shape.bank_lanes)
    potentials = layer.neuron_initial_potentials - layer.threshold
    empty = placement.empty
    for bank in range(shape.banks):
        mine = order[bounds[bank] : bounds[bank + 1]]
        cells = entry_within[mine] * shape.rows + addresses[mine]
        lengths = np.bincount(cells, minlength=shape.bank_lanes * shape.rows).reshape(shape.bank_lanes, -1)
        row = lengths.sum(axis=0)
        initial_potentials = np.full(shape.lane_neurons * shape.bank_lanes, shape.lowest_potential, np.int64)
        for lane in range(shape.bank_lanes):
            of_lane = initial_potentials[lane :: shape.bank_lanes]
            of_lane[: empty.places] = empty.initial_potentials(bank * shape.bank_lanes + lane)
        owned = banks == bank
        initial_potentials[placement.numbers[owned] * shape.bank_lanes + within[owned]] = potentials[owned]
        yield BankContents(
            shape.pointer.pack(
                start=np.where(row > 0, np.cumsum(row) - row, 0),
                **{f"length_{lane}": lengths[lane] for lane in range(shape.bank_lanes)},
            ),
            shape.entry.pack(neuron=numbers[mine], weight=placement.weights[mine]),
            initial_potentials,
        )


def _slice_contents(layer: Layer, shape: OutputShape, row_addresses: np.ndarray) -> Iterator[SliceContents]:
    per_slice = shape.slice_neurons
    weights = np.zeros((shape.slices * per_slice, shape.rows), np.int64)
    addresses = row_addresses[layer.taps_of_synapses]
    read = addresses >= 0
    weights[layer.row_targets[read], addresses[read]] = layer.row_weights[read]
    initial_potentials = np.full(shape.neurons, shape.lowest_potential, np.int64)
    initial_potentials[: layer.targets] = layer.initial_potentials.astype(np.int64) - layer.threshold
    for first in range(0, shape.neurons, per_slice):
        words = shape.weights.pack(**{f"weight_{number}": weights[first + number] for number in range(per_slice)})
        yield SliceContents(words, initial_potentials[first : first + per_slice])
