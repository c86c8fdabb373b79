"""Options that several sub-commands share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from firstspike_spec.network import Network

from ..accelerator import Accelerator
from ..progress import working_on

NetworkArgument = Annotated[Path, typer.Argument(help="The network's file (.safetensors).", show_default=False)]
DeviceOption = Annotated[str, typer.Option(help="golden: the golden model in software; sim: the engine's own RTL, compiled.")]
LanesOption = Annotated[int, typer.Option(help="Lanes of each layer of the simulated engine, 1 .. 256.")]
EarlyExitOption = Annotated[
    bool, typer.Option("--early-exit/--all-steps", help="End each inference after the first step with an output spike.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")]


@contextmanager
def opened(device: str, network: Network, lanes: int) -> Iterator[Accelerator]:
    """Open an accelerator, saying so: the first time, a simulated engine is compiled."""
    with working_on(f"opening {device} (a simulated engine is compiled when it is new, about a minute)"):
        accelerator = Accelerator.open(device, network=network, lanes=lanes)
    with accelerator:
        yield accelerator
