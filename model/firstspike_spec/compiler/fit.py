"""Whether a network fits an engine."""

from collections.abc import Iterator

from ..common.errors import InputError
from ..network.layer import Layer
from ..network.network import Network
from .engine_shape import EngineShape
from .placement import Placement
from .plan import plan_address_table, refuse_impossible
from .shapes import AddressTableShape, LayerShape
from .sources import LaneSources


def check_fit(network: Network, shape: EngineShape) -> None:
    refuse_impossible(network)
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


def _address_table_sizes(
    layer: Layer, sources: LaneSources, lane_bits: int, has: AddressTableShape | None
) -> Iterator[tuple[str, int, int]]:
    """Yield what a layer needs of an address table, and what there is."""
    if has is None:
        if not layer.maps.is_flat:
            yield "source maps", layer.maps.channels, 0
        return
    wanted = plan_address_table(layer, sources, lane_bits)
    yield "source places a lane", sources.places, has.places
    yield "bits a row's number", wanted.row_bits, has.row_bits
    yield "bits a base", wanted.base_bits, has.base_bits


def check_entries(placed: list[Placement], shape: EngineShape) -> None:
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
