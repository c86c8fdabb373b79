"""The smallest engine that holds a network."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..common.checks import whole_number
from ..common.errors import InputError
from ..common.text import quoted
from ..network.layer import Layer
from ..network.network import Network, check_network
from .engine_shape import MAX_LAYERS, EngineShape
from .placement import Placement, place
from .shapes import MAX_ADDRESS_BITS, MAX_BANK_LANES, MAX_LANES, AddressTableShape, LayerShape, OutputShape, index_bits
from .sources import LaneSources, smallest_address_table

#: Lanes of each hidden layer by default.
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
        Lanes of each hidden layer, 1 .. 256; one number applies to all of them. A layer gets no more lanes than its neurons
        (or target channels) fill, rounded up to whole banks.
    spikes_per_token : int
        Spikes that a token has room for, 1 or 2.
    bank_lanes : int, optional
        Lanes that share their memories, 1 or 2. By default 2 in each layer with an even number of lanes, else 1.
    queue_depth : int
        Rows that can wait before each lane: 8, 16, 32 or 64.

    Raises
    ------
    InputError, InputTypeError
        If an option is out of range, or no engine with these lanes can hold the network.
    """
    refuse_impossible(network)
    *hidden, last = network.layers
    counts = _lanes_of_layers(lanes, len(hidden))
    if bank_lanes is not None:
        whole_number(bank_lanes, "bank_lanes", 1, MAX_BANK_LANES)
    shapes: list[LayerShape] = []
    source_bits, sources = index_bits(network.inputs + 1), LaneSources.inputs(network.inputs)  # no source has the last address
    for index, (layer, count) in enumerate(zip(hidden, counts, strict=True)):
        try:
            table = None if layer.maps.is_flat else smallest_address_table(layer, sources)
            shapes.append(_plan_layer(layer, source_bits, table, count, bank_lanes))
        except InputError as error:
            raise InputError(
                f"no engine holds layer {index} ({layer.targets:,} neurons, {layer.synapses:,} connections) with {count} "
                f"lanes: {error}; take another number of lanes, or make the layer smaller"
            ) from error
        source_bits, sources = shapes[-1].address_bits, LaneSources.of(layer, shapes[-1].lanes)
    table = None if last.maps.is_flat else smallest_address_table(last, sources)
    output = smallest_output(last, source_bits, table)
    output = replace(output, potential_bits=last.potential_bits)
    return EngineShape(tuple(shapes), output, spikes_per_token, network.time_steps, queue_depth)


def _lanes_of_layers(lanes: int | Sequence[int], layers: int) -> list[int]:
    if isinstance(lanes, Sequence | np.ndarray) and not isinstance(lanes, str | bytes):
        counts = [whole_number(count, "lanes", 1, MAX_LANES) for count in lanes]
    else:
        counts = [whole_number(lanes, "lanes", 1, MAX_LANES)] * layers
    if len(counts) != layers:
        raise InputError(f"lanes must be one number or one for each of the {layers} hidden layers, not {quoted(counts)}")
    return counts


def _plan_layer(
    layer: Layer, source_bits: int, table: AddressTableShape | None, lanes: int, bank_lanes: int | None
) -> LayerShape:
    if bank_lanes is None:
        lanes = min(lanes, layer.channels)
        bank_lanes = 1 if lanes % 2 else 2
    else:
        lanes = min(lanes, -(-layer.channels // bank_lanes) * bank_lanes)
    shape = smallest_layer(layer, place(layer, lanes), source_bits, table, lanes, bank_lanes)
    return replace(shape, potential_bits=max(shape.potential_bits, layer.potential_bits))


def smallest_layer(
    layer: Layer, placement: Placement, source_bits: int, table: AddressTableShape | None, lanes: int, bank_lanes: int
) -> LayerShape:
    """Return the smallest shape that holds a hidden layer.

    Parameters
    ----------
    layer : Layer
    placement : Placement
        Of the layer in ``lanes`` lanes.
    source_bits, table, lanes, bank_lanes
        As the fields of `LayerShape`.

    Raises
    ------
    InputError
        If no engine can hold the layer in this way.
    """
    return LayerShape(
        source_bits=source_bits,
        lanes=lanes,
        bank_lanes=bank_lanes,
        lane_neurons=LaneSources.of(layer, lanes).places,
        bank_entries=max(1, placement.bank_entries(bank_lanes)),
        row_entries=max(1, placement.row_entries()),
        weight_bits=layer.weight_bits,
        potential_bits=max(layer.required_potential_bits, placement.empty.potential_bits),
        address_table=table,
    )


def smallest_output(layer: Layer, source_bits: int, table: AddressTableShape | None) -> OutputShape:
    """Return the smallest shape that holds an output layer; the parameters are as for `smallest_layer`."""
    return OutputShape(source_bits, layer.targets, layer.weight_bits, layer.required_potential_bits, table)


def refuse_impossible(network: Network) -> None:
    """Raise `InputError` for a network that no engine of any size can hold, `InputTypeError` for what is not a network."""
    check_network(network)
    last = network.layers[-1]
    if last.maps.is_convolution:
        raise InputError(
            f"no engine holds this network: its output layer is a convolution with {last.maps.positions:,} neurons a class; "
            "add a fully connected layer with one neuron a class"
        )
    most = (1 << MAX_ADDRESS_BITS) - 1
    if network.inputs > most:
        raise InputError(
            f"no engine holds this network: it has {network.inputs:,} inputs, an engine at most {most:,}; "
            "crop or scale the images, and train it for those"
        )
    if len(network.layers) > MAX_LAYERS:
        raise InputError(f"no engine holds this network: it has {len(network.layers)} layers, an engine at most {MAX_LAYERS}")
