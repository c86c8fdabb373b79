"""The sub-command ``firstspike profile``."""

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from firstspike_spec import profile as profiled
from firstspike_spec.artefact.files import load_network, save_network
from firstspike_spec.common.checks import whole_number
from firstspike_spec.common.errors import InputError
from firstspike_spec.common.files import check_writable
from firstspike_spec.inference.profiling import PROFILE_IMAGES
from firstspike_spec.layered.network import LayeredNetwork
from firstspike_spec.terminal.console import SafeConsole, say
from firstspike_spec.terminal.options import DataOption, DatasetOption, JsonOption, NetworkArgument
from firstspike_spec.terminal.tables import FoldedTable

from ..network_tables import connections
from ..progress import progress_of
from .dataset import load_images_for


def profile(
    network: NetworkArgument,
    data: DataOption = None,
    dataset: DatasetOption = None,
    images: Annotated[int, typer.Option(metavar="N", help="Measure on the first N training images.")] = PROFILE_IMAGES,
    output: Annotated[
        Path | None, typer.Option(help="Write the network here. By default its own file is overwritten.", show_default=False)
    ] = None,
    json: JsonOption = False,
) -> None:
    """Measure how often each neuron spikes on training images, and write it into the network's file.

    Lanes then share the expected work, not only the connections. Results and digest stay the same. Without --output, the
    network's file is overwritten.
    """
    output = network if output is None else output
    if output.suffix != ".safetensors":
        raise InputError(f"cannot write {output}: a network's file name ends with .safetensors")
    count = whole_number(images, "images", 1, 1 << 31)
    loaded = load_network(network)
    check_writable(output)
    training = load_images_for(loaded, dataset, data, split="train", limit=count)
    with progress_of(f"profiling {network}", len(training.images)) as progress:
        measured = profiled(loaded, training.images, progress=progress)
    save_network(measured, output)
    is_layered = isinstance(measured, LayeredNetwork)
    layers = [
        {
            **(cells if is_layered else {}),
            "sources": group.sources,
            "silent_sources": 0 if group.activity is None else int((group.activity == 0).sum()),
            "expected_operations": group.expected_operations,
        }
        for cells, _, group in connections(measured)
    ]
    report = {
        "network": str(network),
        "file": str(output),
        "digest": measured.digest,
        "dataset": training.name,
        "images": len(training.images),
        "layers": layers,
    }
    if json:
        print(json_format.dumps(report))
        return
    table = FoldedTable()
    for title in ("layer", "sources", "sources that never spiked", "operations per image"):
        table.add_column(title, justify="right")
    for index, layer in enumerate(layers):
        silent, operations = layer["silent_sources"], layer["expected_operations"]
        name = f"{layer['layer']} from {layer['source']}" if is_layered else str(index)
        table.add_row(name, f"{layer['sources']:,}", f"{silent:,}", f"{operations:,.1f}")
    console = SafeConsole()
    origin = "golden model" if is_layered else "golden model, early exit"
    head = f"{network}: {len(training.images):,} training images of {training.name} ({origin})"
    console.print(head, style="bold")
    console.print(table)
    say(f"wrote {output}")
