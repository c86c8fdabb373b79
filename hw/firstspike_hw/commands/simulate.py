"""The sub-command ``firstspike simulate``. Amaranth is imported only when it runs."""

import json as json_format
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from firstspike_spec.artefact.files import load_network
from firstspike_spec.common.errors import InputError, needing
from firstspike_spec.layered.network import LayeredNetwork
from firstspike_spec.processor.compile import compile_layered
from firstspike_spec.terminal.console import say
from firstspike_spec.terminal.lanes import parse_lanes
from firstspike_spec.terminal.options import BoardLanesOption, JsonOption


def simulate(
    network: Annotated[
        Path,
        typer.Argument(
            help="The network's file (.safetensors). The board has an engine for it; or, for a layered network, the board's "
            "standard processor.",
            show_default=False,
        ),
    ],
    board: Annotated[str, typer.Option(help="Name of the board (firstspike boards).")] = "ulx3s-85f",
    lanes: BoardLanesOption = None,
    json: JsonOption = False,
) -> None:
    """Run a board's whole design, bit by bit on its serial line, behind a pseudo-terminal, until Ctrl-C.

    What opens a serial port can open it: firstspike run NETWORK --device serial:PATH.
    """
    loaded, numbers = load_network(network), parse_lanes(lanes)
    with needing("boards", "Amaranth and amaranth-boards", "amaranth", "amaranth_boards", what="a simulated board"):
        from ..boards.registry import board_named
        from ..boards.standard import standard_processor
        from ..simulation.native_serial import NativeSerialPort

    chosen = board_named(board)
    if isinstance(loaded, LayeredNetwork):
        if numbers is not None:
            raise InputError(f"the standard processor of {chosen.name} has its own number of lanes; leave out --lanes")
        compile_layered(loaded, standard_processor(chosen))  # what does not fit is an error now
    shape = standard_processor(chosen) if isinstance(loaded, LayeredNetwork) else chosen.plan(loaded, numbers)
    with NativeSerialPort(chosen, shape, note=lambda text: typer.echo(text, err=True)) as port:
        report = {"port": port.path, "board": board, "baud": port.board.baud, "clock_hz": port.board.clock_hz}
        if json:
            print(json_format.dumps(report), flush=True)
        else:
            say(f"a simulated {board} is at serial:{port.path}@{port.board.baud}; Ctrl-C ends it")
        with suppress(KeyboardInterrupt):
            port.wait()
        cycles, seconds = port.cycles, port.seconds
    typer.echo(f"{cycles:,} cycles, {seconds:.3f} s of the board's time", err=True)
