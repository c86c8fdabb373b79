"""Options that several sub-commands share."""

from pathlib import Path
from typing import Annotated

import typer

from firstspike_spec.common.checks import whole_number
from firstspike_spec.datasets import Dataset, default_dataset, fit_dataset, load_dataset
from firstspike_spec.network.network import Network
from firstspike_spec.terminal.console import say

from ..images import doubts

NetworkArgument = Annotated[Path, typer.Argument(help="The network's file (.safetensors).", show_default=False)]
DeviceOption = Annotated[
    str,
    typer.Option(
        help="golden: the golden model in software; sim: the engine behind its link, its own RTL compiled; sim:BOARD: all of "
        "a board, bit by bit; engine: the bare engine's RTL; serial:PORT: a board."
    ),
]
LanesOption = Annotated[
    str | None,
    typer.Option(
        help="Lanes of each hidden layer of a simulated engine: one number, or one for each, as in 16,8. By default the "
        "board's; 16 if there is none.",
        show_default=False,
    ),
]
EarlyExitOption = Annotated[
    bool, typer.Option("--early-exit/--all-steps", help="End each inference after the first step with an output spike.")
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the data set, or an .npz file; your own images, too (docs/data.md). By default found or downloaded.",
        show_default=False,
    ),
]
DatasetOption = Annotated[
    str | None,
    typer.Option(help="Name of the data set; by default the one that the network was trained on, or what --data has."),
]
LimitOption = Annotated[int | None, typer.Option(help="Use only so many of the images, from the first.", show_default=False)]
SplitOption = Annotated[str, typer.Option(help="Which images of the data set: train or test.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")]


def tell(text: str) -> None:
    """Tell of something that takes a while, on standard error."""
    say(text, error=True)


def load_images_for(
    network: Network, dataset: str | None, data: Path | None, *, split: str = "test", limit: int | None = None
) -> Dataset:
    """Return images that fit the network, those that the options ask for, by default of the data set it was trained on.

    Raises
    ------
    InputError, InputTypeError
        If the split or the limit is none, or the data set cannot be had or does not fit.
    """
    if limit is not None:
        limit = whole_number(limit, "limit", 1, 1 << 31)
    found = load_dataset(dataset, split, data, usual=default_dataset(network), note=tell).first(limit)
    found = fit_dataset(found, network, tell)
    for doubt in doubts(network, found.images):
        tell(f"note: {doubt}")
    return found
