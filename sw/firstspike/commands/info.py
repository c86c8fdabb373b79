"""The sub-command ``firstspike info``."""

import json as json_format

from rich.table import Table

from firstspike_spec.common.text import printable
from firstspike_spec.network.artefact import load_network
from firstspike_spec.terminal.console import SafeConsole
from firstspike_spec.terminal.options import JsonOption, NetworkArgument

#: Characters of a fact about the network's origin that are shown; ``--json`` has all.
SHOWN = 500


def info(network: NetworkArgument, json: JsonOption = False) -> None:
    """Show what a network is: its layers, its size, and where it comes from."""
    summary = load_network(network).summary()
    if json:
        print(json_format.dumps(summary))
        return
    console = SafeConsole()
    console.print(f"{network}", style="bold")
    shape = " x ".join(map(str, summary["input_shape"]))
    thresholds = ", ".join(map(str, summary["encoder_thresholds"]))
    console.print(f"{shape} pixels, {summary['time_steps']} time steps; a pixel spikes when it reaches {thresholds}")
    table = Table()
    for title in ("layer", "neurons", "synapses", "connectivity", "weight bits", "potential bits", "threshold"):
        table.add_column(title, justify="right")
    for index, layer in enumerate(summary["layers"]):
        table.add_row(
            str(index),
            f"{layer['neurons']:,}",
            f"{layer['synapses']:,}",
            f"{layer['connectivity']:.2%}",
            *(f"{layer[name]}" for name in ("weight_bits", "potential_bits", "threshold")),
        )
    table.add_section()
    table.add_row("all", "", f"{summary['synapses']:,}", f"{summary['connectivity']:.2%}", "", "", "")
    console.print(table)
    for index, layer in enumerate(summary["layers"]):
        if layer["maps"]:
            console.print(f"layer {index}: {_window(layer['maps'])}")
    console.print(_activity(summary))
    console.print(f"classes: {', '.join(summary['class_names'])}")
    console.print(f"digest: {summary['digest']}")
    for name, value in summary["provenance"].items():
        console.print(printable(f"{name}: {value}", SHOWN))


def _window(maps: dict[str, int]) -> str:
    """Return what of its source maps each neuron of a layer sees."""
    window = (
        f"{maps['kernel_height']} x {maps['kernel_width']} of {maps['channels']} x {maps['height']} x {maps['width']} sources"
    )
    parts = [("pooled by", maps["pooling"], 1), ("stride", maps["stride"], 1), ("padding", maps["padding"], 0)]
    return ", ".join([window, *(f"{name} {number}" for name, number, usual in parts if number != usual)])


def _activity(summary: dict) -> str:
    operations = [layer["expected_operations"] for layer in summary["layers"]]
    if None in operations:
        return "activity: not measured; firstspike profile NETWORK does, and lanes then share the work better"
    return f"activity: {sum(operations):,.0f} synaptic operations an image, on training images with early exit"
