"""Options that several sub-commands share."""

import sys
from pathlib import Path
from typing import Annotated

import typer

NetworkArgument = Annotated[Path, typer.Argument(help="The network's file (.safetensors).", show_default=False)]
DeviceOption = Annotated[str, typer.Option(help="golden: the golden model in software; sim: the engine's own RTL, compiled.")]
LanesOption = Annotated[int, typer.Option(help="Lanes of each layer of the simulated engine, 1 .. 256.")]
EarlyExitOption = Annotated[
    bool, typer.Option("--early-exit/--all-steps", help="End each inference after the first step with an output spike.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")]


def tell(text: str) -> None:
    """Tell of something that takes a while, on standard error."""
    print(text, file=sys.stderr, flush=True)
