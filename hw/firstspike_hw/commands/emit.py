"""The sub-command ``firstspike emit``. Amaranth is imported only when it runs."""

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from firstspike_spec.artefact.files import load_step_network
from firstspike_spec.common.errors import needing
from firstspike_spec.common.files import check_writable_folder, write_file
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.terminal.console import say
from firstspike_spec.terminal.lanes import parse_lanes
from firstspike_spec.terminal.options import JsonOption, NetworkArgument

VERILOG, DESCRIPTION, LOAD_WORDS = "engine.v", "engine.json", "network.hex"


def emit(
    network: NetworkArgument,
    out: Annotated[Path, typer.Option(help="Folder for the files.", show_default=False)],
    lanes: Annotated[
        str | None,
        typer.Option(
            help="Lanes of each hidden layer: one number, or one for each, as in 16,8. 16 by default.", show_default=False
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write the engine for a network as Verilog, with the network as initial contents.

    Beside engine.v come engine.json, which says what each address means, and network.hex, the words that load the same
    network into any engine of this shape over its load port.
    """
    loaded, numbers = load_step_network(network), parse_lanes(lanes)
    with needing("hw", "Amaranth", "amaranth", what="Verilog"):
        from ..boards.family import ECP5
        from ..chain.engine import Engine
        from ..flow.convert import to_verilog

    shape = ECP5.plan(loaded, numbers)
    image = compile_network(loaded, shape)
    check_writable_folder(out)
    summary = {
        "network": str(network),
        "network_digest": loaded.digest,
        "engine_digest": shape.digest,
        "time_steps": loaded.time_steps,
        "engine": shape.as_dict(),
    }
    description = {
        **summary,
        "neuron_addresses": [addresses.tolist() for addresses in image.addresses],
        "class_names": list(loaded.class_names),
    }
    verilog = to_verilog(Engine(shape, image), "engine")
    write_file(out / LOAD_WORDS, "".join(f"{word:016x}\n" for word in image.load_words()))
    write_file(out / DESCRIPTION, json_format.dumps(description, indent=1) + "\n")
    write_file(out / VERILOG, verilog)
    files = [str(out / name) for name in (VERILOG, DESCRIPTION, LOAD_WORDS)]
    if json:
        print(json_format.dumps({"files": files, **summary}))
    else:
        say(f"wrote {', '.join(files)}")
