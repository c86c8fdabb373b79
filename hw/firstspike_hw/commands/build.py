"""The sub-command ``firstspike build``. Amaranth is imported only when it runs."""

import json as json_format
from pathlib import Path
from typing import Annotated, Any

import typer

from firstspike_spec.artefact.files import load_network
from firstspike_spec.common.errors import InputError, needing
from firstspike_spec.layered.network import LayeredNetwork
from firstspike_spec.terminal.console import say
from firstspike_spec.terminal.lanes import parse_lanes
from firstspike_spec.terminal.options import BoardLanesOption

from ..flow.tools import YOWASP


def build(
    board: Annotated[str, typer.Option(help="The board; `firstspike boards` lists them.", show_default=False)],
    network: Annotated[
        Path | None,
        typer.Argument(
            help="A step-by-step network's file (.safetensors): the bitstream has an engine for it. Without one, the "
            "bitstream has the board's standard processor, which runs any layered network that fits it.",
            show_default=False,
        ),
    ] = None,
    lanes: BoardLanesOption = None,
    seed: Annotated[int, typer.Option(help="Seed of place-and-route.", min=0)] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the bitstream; by default build/NETWORK-BOARD, or build/processor-BOARD.", show_default=False
        ),
    ] = None,
    toolchain: Annotated[str, typer.Option(help="yowasp: from Python packages; native: the system's programs.")] = YOWASP,
    json: Annotated[bool, typer.Option("--json", help="Print the report to standard output, as JSON.")] = False,
) -> None:
    """Build a bitstream: the engine for a network, or the board's processor, behind a board's serial line.

    Beside it come report.json, with the clock and what the design uses, and the programs' logs. The same call again
    answers at once. A design that misses the board's clock is an error.
    """
    loaded = None if network is None else load_network(network)
    if isinstance(loaded, LayeredNetwork):
        raise InputError(
            f"{network} is a layered network, which needs no bitstream of its own: build the board's processor without a "
            f"network (firstspike build --board {board}), then load the network into it"
        )
    with needing("boards", "amaranth-boards", "amaranth", "amaranth_boards", what="a bitstream"):
        from ..boards.registry import board_named
        from ..boards.standard import standard_processor
        from ..flow.bitstream import build_bitstream

    chosen, asked = board_named(board), parse_lanes(lanes)
    if loaded is None and asked is not None:
        raise InputError(f"the standard processor of {chosen.name} has its own number of lanes; leave out --lanes")
    name = "processor" if network is None else network.stem
    folder = out if out is not None else Path("build") / f"{name}-{chosen.name}"
    report = build_bitstream(
        chosen,
        standard_processor(chosen) if loaded is None else chosen.plan(loaded, asked),
        folder,
        network=loaded,
        name=name,
        seed=seed,
        toolchain=toolchain,
        note=lambda text: say(text, error=True),
    )
    if json:
        print(json_format.dumps({"folder": str(folder), **report}))
    else:
        _show(folder, report)


def _show(folder: Path, report: dict[str, Any]) -> None:
    clock, bitstream = report["clock_mhz"], report["bitstream"]
    used = ", ".join(
        f"{count['used']:,} of {count['of']:,} {name.replace('_', ' ')}"
        for name, count in report["utilisation"].items()
        if name in ("logic", "flip_flops", "block_rams")
    )
    say(f"{folder / bitstream['file']}: {bitstream['bytes']:,} bytes")
    say(f"clock: {clock['achieved']:g} MHz reached in place-and-route, {clock['wanted']:g} MHz wanted")
    say(f"uses {used}")
    say(f"next: firstspike flash {folder}")
