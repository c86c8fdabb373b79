"""The sizes that a network needs of a processor, and the smallest processor that runs it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..common.checks import whole_number
from ..common.errors import InputError
from ..layered.network import LayeredNetwork, check_layered
from ..network.connections import signed_bits
from .instructions import FIRE
from .placement import NetworkUnits, Placement, place_network
from .program import build_program, firing_thresholds, program_length
from .shape import MAX_LANES, MAX_SOURCES, ProcessorShape
from .spike_memory import loses_spikes

#: Sizes of which every processor has at least so much.
_LEAST = {"potentials": 16, "potential_bits": 8, "weight_bits": 2, "rows": 16, "inputs": 16, "coordinates": 16}
_LEAST_ENTRIES, _LEAST_PROGRAM, _LEAST_SPIKES = 16, 64, 16

#: Places of the largest potential memory, and of the largest spike memory.
_MOST = 1 << 16

#: What errors call the sizes of a shape.
_PHRASES = {
    "potentials": "potentials in a lane",
    "potential_bits": "bits for a potential",
    "entries": "entries in a lane",
    "weight_bits": "bits for a weight",
    "value_bits": "bits for what a spike counts",
    "rows": "rows in a lane",
    "row_entries": "entries in a row of a lane",
    "channel_bits": "bits for a channel",
    "side_bits": "bits for a row or a column of a map",
    "inputs": "places for inputs",
    "coordinates": "words in a table of coordinates",
    "program": "words for the program",
}

#: What errors call the sizes of a FIRE.
_FIRE_PHRASES = {
    "unit_rows": "rows of places in a unit",
    "pitch": "places in a row of a unit",
    "fired_rows": "rows of spikes",
    "fired_columns": "columns of spikes",
}


def plan_processor(network: LayeredNetwork, lanes: int, *, queue_depth: int = 16) -> ProcessorShape:
    """Return the smallest processor that runs a network with so many lanes, each layer in one tile if any processor can.

    With fewer potentials, a network may still run in more tiles, but then it needs more rows. With more places for inputs, an
    image can come in while the one before is computed. Spikes can be lost only if even the largest spike memory is too small.

    Parameters
    ----------
    network : LayeredNetwork
    lanes : int
        1 .. 255.
    queue_depth : int
        Rows that can wait in each lane: 8, 16, 32 or 64.

    Raises
    ------
    InputError, InputTypeError
        If an option is out of range, or no processor with these lanes runs the network.
    """
    check_layered(network)
    whole_number(lanes, "lanes", 1, MAX_LANES)
    units = NetworkUnits(network)
    placement = place_network(units, units.fewest_slots(_MOST), lanes, _MOST)
    try:
        if problems := list(impossible(network, placement)):
            raise InputError("; ".join(problems))
        sizes = {name: max(_LEAST.get(name, 1), size) for name, size in needed_sizes(network, placement).items()}
        sizes["inputs"] = 1 << (sizes["inputs"] - 1).bit_length()
        shape = ProcessorShape(
            lanes=lanes,
            queue_depth=queue_depth,
            entries=_LEAST_ENTRIES,
            program=_LEAST_PROGRAM,
            spikes=_LEAST_SPIKES,
            **sizes,
        )
        found = needed_memory(network, placement, shape)
        return replace(
            shape,
            entries=max(_LEAST_ENTRIES, found["entries"]),
            program=max(_LEAST_PROGRAM, found["program"]),
            spikes=_fewest_spikes(network, placement, shape),
        )
    except InputError as error:
        raise InputError(
            f"no processor with {lanes} lanes runs this network: {error}; take another number of lanes, or make the network "
            "smaller"
        ) from error


def needed_sizes(network: LayeredNetwork, placement: Placement) -> dict[str, int]:
    """Return the sizes, by their names in `ProcessorShape`, that a placed network needs of any processor."""
    layers = network.layers
    parts = [part for layer in placement.layers for part in layer.layout.projections]
    weights = [part.part.row_weights for part in parts if part.part.synapses]
    shapes = [part.maps.source_shape for part in parts] + [(layers[-1].channels, 1, 1)]
    readings = sum(
        part.part.source == 0 for layer in placement.layers for part in layer.layout.projections for _tile in layer.tiles
    )
    return {
        "potentials": max(layer.layout.places(tile.shape[1]) for layer in placement.layers for tile in layer.tiles),
        "potential_bits": max(_potential_bits(network, index) for index in range(len(layers))),
        "weight_bits": max((signed_bits(int(part.min()), int(part.max())) for part in weights), default=1),
        "value_bits": max(network.highest_values).bit_length(),
        "rows": sum(layer.units.rows * len(layer.tiles) for layer in placement.layers),
        "row_entries": max(layer.row_entries for layer in placement.layers),
        "channel_bits": (max(channels for channels, _height, _width in shapes) - 1).bit_length(),
        "side_bits": (max(max(height, width) for _channels, height, width in shapes) - 1).bit_length(),
        "inputs": network.inputs + 1 if readings > 1 else 1,  # spikes that are read once make room for the next ones
        "coordinates": max(sum(part.maps.height for part in parts), sum(part.maps.width for part in parts)),
    }


def needed_memory(network: LayeredNetwork, placement: Placement, shape: ProcessorShape) -> dict[str, int]:
    """Return the sizes, by their names in `ProcessorShape`, that depend on the words of a processor."""
    return {
        "entries": placement.headers * shape.header_words + int(placement.lane_entries.max()),
        "program": program_length(build_program(network, placement, shape)),
    }


def larger_sizes(needed: Mapping[str, int], shape: ProcessorShape) -> Iterator[str]:
    """Yield each needed size that is larger than the processor's, and the processor's, in words."""
    for name, size in needed.items():
        if size > (has := getattr(shape, name)):
            yield f"it needs {size} {_PHRASES[name]}, the processor has {has}"


def impossible(network: LayeredNetwork, placement: Placement) -> Iterator[str]:
    """Yield why no processor of any size runs a placed network."""
    output = network.layers[-1]
    if output.maps.is_convolution:
        yield (
            f"its output layer is a convolution with {output.maps.positions} neurons a class; add a fully connected layer "
            "with one neuron a class"
        )
    if len(network.layers) > MAX_SOURCES:
        yield f"it has {len(network.layers)} sources of spikes, the input and the hidden layers; a processor has {MAX_SOURCES}"
    for index, layer in enumerate(placement.layers):
        for name, phrase in _FIRE_PHRASES.items():
            size = getattr(layer.layout, name)
            most = next((1 << field.bits) - 1 for word in FIRE for field in word.fields if field.name == name)
            if size > most:
                yield f"layer {index} needs {size} {phrase}, a processor has at most {most}"


def _potential_bits(network: LayeredNetwork, index: int) -> int:
    """Return the width of the narrowest number that holds a layer's potentials and its thresholds."""
    layer = network.layers[index]
    low, high = layer.potential_range(network.highest_values)
    return signed_bits(int(low.min()), max(int(high.max()), int(firing_thresholds(network, layer)[0])))


def _fewest_spikes(network: LayeredNetwork, placement: Placement, shape: ProcessorShape) -> int:
    """Return the size of the smallest spike memory that can lose no spike, or of the largest one."""
    program = build_program(network, placement, shape)
    units = placement.channels_and_slots()
    places = _LEAST_SPIKES
    while places < _MOST and loses_spikes(program, units, places):
        places *= 2
    return places
