"""A network's connections by name, and what a layered network is, in words and a table for a person."""

from itertools import groupby
from typing import Any

from firstspike_spec.layered.network import LayeredNetwork
from firstspike_spec.network.connections import Connections
from firstspike_spec.network.network import Network
from firstspike_spec.terminal.console import SafeConsole
from firstspike_spec.terminal.tables import FoldedTable


def connections(network: Network | LayeredNetwork) -> list[tuple[dict[str, Any], str, Connections]]:
    """Return all groups of connections, each with the cells and the words that name it.

    A step-by-step layer has one group. A layered one has a group for each of its projections.
    """
    if isinstance(network, Network):
        return [({"layer": index}, f"layer {index}", layer) for index, layer in enumerate(network.layers)]
    return [
        ({"layer": index, "source": source_name(part.source)}, f"layer {index} from {source_name(part.source)}", part)
        for index, layer in enumerate(network.layers)
        for part in layer.projections
    ]


def show_layered(console: SafeConsole, summary: dict[str, Any], *, verbose: bool) -> None:
    """Print the input code, the kernel and the layers of a layered network.

    Parameters
    ----------
    console : SafeConsole
    summary : dict
        Of `firstspike_spec.LayeredNetwork.summary`.
    verbose : bool
        Also print each layer's width of potentials.
    """
    shape = " x ".join(map(str, summary["input_shape"]))
    thresholds = summary["encoder_thresholds"]
    console.print(f"layered network, {shape} {'spike times' if thresholds is None else 'pixels'}")
    kernel = summary["input_kernel"]
    console.print(f"input: {len(kernel)} time steps, in which a spike counts {_listed(kernel)}")
    for first, last, table in _equal_tables(thresholds or []):
        channels = "" if first == 0 and last == len(thresholds) - 1 else f" of channel {first}"
        channels = channels if first == last or not channels else f" of channels {first} to {last}"
        console.print(f"a pixel{channels} spikes when it reaches {_listed(table)}")
    console.print(f"layers: {summary['time_steps']} time steps, in which a spike counts {_listed(summary['kernel'])}")
    console.print(_layers(summary))
    for index, layer in enumerate(summary["layers"]):
        for line in _details(layer, verbose=verbose):
            console.print(f"layer {index}: {line}")
    operations = [part["expected_operations"] for layer in summary["layers"] for part in layer["projections"]]
    if None not in operations:
        console.print(f"activity: {sum(operations):,.0f} synaptic operations per image (training images)")


def window(maps: dict[str, int]) -> str:
    """Return which part of its source maps each neuron of a layer sees."""
    window = (
        f"{maps['kernel_height']} x {maps['kernel_width']} of {maps['channels']} x {maps['height']} x {maps['width']} sources"
    )
    parts = [("pooled by", maps["pooling"], 1), ("stride", maps["stride"], 1), ("padding", maps["padding"], 0)]
    return ", ".join([window, *(f"{name} {number}" for name, number, usual in parts if number != usual)])


def source_name(source: int) -> str:
    """Return the name of a projection's source: 0 is the input, ``n`` is layer ``n - 1``."""
    return "input" if source == 0 else f"layer {source - 1}"


def _equal_tables(tables: list[list[int]]) -> list[tuple[int, int, list[int]]]:
    """Return the first and the last of neighbouring channels with equal thresholds, and these."""
    groups = (list(group) for _, group in groupby(enumerate(tables), key=lambda numbered: numbered[1]))
    return [(group[0][0], group[-1][0], group[0][1]) for group in groups]


def _layers(summary: dict[str, Any]) -> FoldedTable:
    """Return the table of layers, with a row for each projection."""
    table = FoldedTable()
    for title in ("layer", "neurons", "reads", "synapses", "connectivity", "weight bits"):
        table.add_column(title, justify="right")
    for index, layer in enumerate(summary["layers"]):
        for place, part in enumerate(layer["projections"]):
            table.add_row(
                str(index) if place == 0 else "",
                f"{layer['neurons']:,}" if place == 0 else "",
                source_name(part["source"]),
                f"{part['synapses']:,}",
                f"{part['connectivity']:.2%}",
                f"{part['weight_bits']}",
            )
    table.add_section()
    table.add_row("all", "", "", f"{summary['synapses']:,}", f"{summary['connectivity']:.2%}", "")
    return table


def _details(layer: dict[str, Any], *, verbose: bool) -> list[str]:
    """Return lines about a layer: what its projections see, its max pooling, and its thresholds."""
    parts = layer["projections"]
    lines = [
        (f"of {source_name(part['source'])}: " if len(parts) > 1 else "") + window(part["maps"])
        for part in parts
        if part["maps"]
    ]
    if layer["max_pooling"] > 1:
        spikes = " x ".join(map(str, layer["spike_shape"]))
        lines.append(f"max pooling by {layer['max_pooling']}: {spikes} spikes at most")
    if verbose:
        lines.append(f"{layer['potential_bits']}-bit potentials")
    return [*lines, f"thresholds {_listed(layer['thresholds'])}"]


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
