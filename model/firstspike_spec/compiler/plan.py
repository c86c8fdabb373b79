"""The smallest engine that holds a network."""

from collections.abc import Sequence

import numpy as np

from ..common.checks import whole_number
from ..common.errors import InputError
from ..common.text import quoted
from ..network.layer import Layer
from ..network.network import Network, check_network
from .engine_shape import MAX_LAYERS, EngineShape
from .placement import place
from .shapes import MAX_ADDRESS_BITS, MAX_BANK_LANES, MAX_LANES, AddressTableShape, LayerShape, OutputShape, index_bits
from .sources import LaneSources, rows_and_bases

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
    refuse_impossible(network)
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
            address_table = None if layer.maps.is_flat else plan_address_table(layer, sources, lane_bits)
            shapes.append(_plan_layer(layer, source_bits, address_table, count, bank_lanes))
        except InputError as error:
            raise InputError(
                f"no engine holds layer {index} ({layer.targets:,} neurons, {layer.synapses:,} connections) with {count} "
                f"lanes: {error}; take another number of lanes, or make the layer smaller"
            ) from error
        source_bits, lane_bits = shapes[-1].address_bits, shapes[-1].lane_bits
        sources = LaneSources.of(layer, shapes[-1].lanes)
    address_table = None if last.maps.is_flat else plan_address_table(last, sources, lane_bits)
    output = OutputShape(source_bits, last.targets, last.weight_bits, last.potential_bits, address_table)
    return EngineShape(tuple(shapes), output, spikes_per_token, network.time_steps, queue_depth)


def plan_address_table(layer: Layer, sources: LaneSources, lane_bits: int) -> AddressTableShape:
    """Return the smallest address table that leads to a layer's rows."""
    rows, bases = rows_and_bases(layer, sources)
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


def refuse_impossible(network: Network) -> None:
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
