"""Whether a network fits an engine: the shape that it needs in the engine's lanes, compared with the engine's shape."""

from collections.abc import Iterator
from dataclasses import fields

from ..common.errors import InputError
from ..network.network import Network
from .engine_shape import EngineShape
from .placement import Placement, place
from .plan import refuse_impossible, smallest_layer, smallest_output
from .shapes import AddressTableShape, LayerShape, OutputShape
from .sources import LaneSources, smallest_address_table

#: What errors call the sizes of a shape.
_SIZES = {
    "source_bits": "bits per source address",
    "lanes": "lanes",
    "bank_lanes": "lanes per bank",
    "lane_neurons": "neurons per lane",
    "bank_entries": "connections per bank",
    "row_entries": "connections per row of a lane",
    "neurons": "neurons",
    "weight_bits": "bits per weight",
    "potential_bits": "bits per potential",
    "places": "address table entries per source lane",
    "lane_bits": "bits per lane number",
    "row_bits": "bits per row number",
    "base_bits": "bits per base",
}


def place_network(network: Network, shape: EngineShape) -> list[Placement]:
    """Return where the neurons of each hidden layer go in an engine.

    Raises
    ------
    InputError
        If the network does not fit; the message names each size that is too small.
    """
    refuse_impossible(network)
    layers, inputs = shape.all_layers, (1 << shape.source_bits) - 1
    problems: list[str] = []
    if network.inputs > inputs:
        problems.append(f"it has {network.inputs} inputs, the engine {inputs}")
    if network.time_steps > shape.time_steps:
        problems.append(f"it has {network.time_steps} time steps, the engine {shape.time_steps}")
    placements: list[Placement] = []
    if len(network.layers) != len(layers):
        problems.append(f"it has {len(network.layers)} layers, the engine {len(layers)}")
    else:
        placements = [place(layer, has.lanes) for layer, has in zip(network.layers[:-1], shape.layers, strict=True)]
        for index, has in enumerate(layers):
            try:
                needed = _needed(network, shape, placements, index)
            except InputError as error:  # larger than any engine
                problems.append(f"layer {index}: {error}")
            else:
                problems += [f"layer {index} needs {difference}" for difference in _larger(needed, has)]
    if problems:
        raise InputError(f"the network does not fit the engine: {'; '.join(problems)}; build a larger engine or prune more")
    return placements


def _needed(network: Network, shape: EngineShape, placements: list[Placement], index: int) -> LayerShape | OutputShape:
    """Return the smallest shape of a layer that reads the engine's addresses, in the engine's lanes."""
    layer = network.layers[index]
    before = LaneSources.of(network.layers[index - 1], shape.layers[index - 1].lanes) if index else None
    sources = before or LaneSources.inputs(network.inputs)
    has = shape.all_layers[index]
    table = None if layer.maps.is_flat and has.address_table is None else smallest_address_table(layer, sources)
    if isinstance(has, LayerShape):
        return smallest_layer(layer, placements[index], has.source_bits, table, has.lanes, has.bank_lanes)
    return smallest_output(layer, has.source_bits, table)


def _larger(
    needed: LayerShape | OutputShape | AddressTableShape, has: LayerShape | OutputShape | AddressTableShape
) -> Iterator[str]:
    """Yield each size that is larger than the engine's, and the engine's, in words."""
    for field in fields(needed):
        wanted, found = getattr(needed, field.name), getattr(has, field.name)
        if isinstance(wanted, AddressTableShape):
            if found is None:
                yield "an address table for its source maps, the engine has none"
            else:
                yield from _larger(wanted, found)
        elif wanted is not None and wanted > found:
            yield f"{wanted} {_SIZES[field.name]}, the engine has {found}"
