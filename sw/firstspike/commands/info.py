"""The sub-command ``firstspike info``."""

import json as json_format
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from firstspike_spec.artefact.files import load_network
from firstspike_spec.common.text import printable
from firstspike_spec.layered.network import LayeredNetwork
from firstspike_spec.terminal.console import SafeConsole
from firstspike_spec.terminal.options import JsonOption, NetworkArgument
from firstspike_spec.terminal.tables import FoldedTable

from ..network_tables import show_layered, window
from ..plots.runs import is_share

#: Characters shown of one line about the network's origin; ``--json`` has all of them.
SHOWN = 500

#: Facts within facts are shown this deep.
DEPTH = 4


def info(
    network: NetworkArgument,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Also show each layer's bits and window, and all facts about the origin.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show what a network is: its layers, its size, and where it comes from."""
    loaded = load_network(network)
    summary = loaded.summary()
    if json:
        print(json_format.dumps(summary))
        return
    console = SafeConsole()
    console.print(f"{network}", style="bold")
    show = show_layered if isinstance(loaded, LayeredNetwork) else _show_step_by_step
    show(console, summary, verbose=verbose)
    console.print(f"classes: {', '.join(summary['class_names'])}")
    console.print(f"digest: {summary['digest']}")
    facts = summary["provenance"]
    shown = facts if verbose else {name: fact for name, fact in facts.items() if not _has_parts(fact)}
    for line in _facts(shown):
        console.print(line)
    if len(shown) < len(facts):
        hidden = ", ".join(name for name in facts if name not in shown)
        console.print(printable(f"--verbose also shows: {hidden}", SHOWN))


def _show_step_by_step(console: SafeConsole, summary: dict[str, Any], *, verbose: bool) -> None:
    shape = " x ".join(map(str, summary["input_shape"]))
    thresholds = ", ".join(map(str, summary["encoder_thresholds"]))
    console.print(f"{shape} pixels, {summary['time_steps']} time steps; a pixel spikes when it reaches {thresholds}")
    console.print(_layers(summary))
    for index, layer in enumerate(summary["layers"]):
        details = [window(layer["maps"])] if layer["maps"] else []
        if verbose:
            details.append(f"{layer['weight_bits']}-bit weights, {layer['potential_bits']}-bit potentials")
        if details:
            console.print(f"layer {index}: {'; '.join(details)}")
    console.print(_activity(summary))


def _layers(summary: dict[str, Any]) -> FoldedTable:
    table = FoldedTable()
    for title in ("layer", "neurons", "synapses", "connectivity", "weight bits", "threshold"):
        table.add_column(title, justify="right")
    for index, layer in enumerate(summary["layers"]):
        table.add_row(
            str(index),
            f"{layer['neurons']:,}",
            f"{layer['synapses']:,}",
            f"{layer['connectivity']:.2%}",
            f"{layer['weight_bits']}",
            f"{layer['threshold']:,}",
        )
    table.add_section()
    table.add_row("all", "", f"{summary['synapses']:,}", f"{summary['connectivity']:.2%}", "", "")
    return table


def _activity(summary: dict[str, Any]) -> str:
    operations = [layer["expected_operations"] for layer in summary["layers"]]
    if None in operations:
        return "activity: not measured; firstspike profile NETWORK measures it, so that lanes share the work better"
    return f"activity: {sum(operations):,.0f} synaptic operations per image (training images, early exit)"


def _has_parts(fact: Any) -> bool:
    """Return whether a fact takes more than a line: it has names of its own, or is a list of such."""
    return isinstance(fact, dict) or (isinstance(fact, list) and any(isinstance(part, dict | list) for part in fact))


def _facts(facts: dict[str, Any], depth: int = 0) -> Iterator[str]:
    """Yield a line for each fact about the origin, those within another one indented."""
    for name, fact in facts.items():
        head = f"{'  ' * depth}{name.replace('_', ' ')}:"
        if not _has_parts(fact) or depth == DEPTH:
            yield printable(f"{head} {_value(name, fact)}", SHOWN)
            continue
        yield printable(head, SHOWN)
        yield from _facts(fact if isinstance(fact, dict) else {str(place): part for place, part in enumerate(fact)}, depth + 1)


def _value(name: str, fact: Any) -> str:
    if isinstance(fact, list):
        return ", ".join(_value(name, part) for part in fact) or "none"
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    if isinstance(fact, int):
        return f"{fact:,}" if name != "seed" else str(fact)
    if isinstance(fact, float):
        return f"{fact:.2%}" if is_share(name) else f"{fact:,.6g}"
    return "none" if fact is None else str(fact)
