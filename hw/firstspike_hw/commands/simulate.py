"""The sub-command ``firstspike simulate``. Amaranth is imported only when it runs."""

import json as json_format
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from firstspike_spec.artefact.files import load_step_network
from firstspike_spec.common.errors import needing
from firstspike_spec.terminal.console import say
from firstspike_spec.terminal.lanes import parse_lanes
from firstspike_spec.terminal.options import BoardLanesOption, JsonOption


def simulate(
    network: Annotated[
        Path, typer.Argument(help="The network's file (.safetensors); the board gets an engine for it.", show_default=False)
    ],
    board: Annotated[str, typer.Option(help="Name of the board (firstspike boards).")] = "ulx3s-85f",
    lanes: BoardLanesOption = None,
    json: JsonOption = False,
) -> None:
    """Run a board's whole design, bit by bit on its serial line, behind a pseudo-terminal, until Ctrl-C.

    What opens a serial port can open it: firstspike run NETWORK --device serial:PATH.
    """
    loaded, numbers = load_step_network(network), parse_lanes(lanes)
    with needing("boards", "Amaranth and amaranth-boards", "amaranth", "amaranth_boards", what="a simulated board"):
        from ..boards.registry import board_named
        from ..simulation.native_serial import NativeSerialPort

    chosen = board_named(board)
    shape = chosen.plan(loaded, numbers)
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
