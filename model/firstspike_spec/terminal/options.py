"""Arguments and options that several sub-commands share."""

from pathlib import Path
from typing import Annotated

import typer

NetworkArgument = Annotated[Path, typer.Argument(help="The network's file (.safetensors).", show_default=False)]
DeviceOption = Annotated[
    str,
    typer.Option(
        help="golden: the golden model in software; sim: the compiled RTL and its link; sim:BOARD: a whole "
        "board, bit by bit; engine: the compiled RTL without a link; serial:PORT: a real board."
    ),
]
LanesOption = Annotated[
    str | None,
    typer.Option(
        help="Lanes of each hidden layer of a simulated engine: one number, or one for each layer, as in 16,8. By default as "
        "many as the board has; 16 without a board.",
        show_default=False,
    ),
]
BoardLanesOption = Annotated[
    str | None,
    typer.Option(
        help="Lanes of each hidden layer: one number, or one for each, as in 16,8. By default the board's.",
        show_default=False,
    ),
]
EarlyExitOption = Annotated[
    bool, typer.Option("--early-exit/--all-steps", help="End each inference after the first step with an output spike.")
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the data set, or an .npz file; also your own images (docs/data.md). By default found or downloaded.",
        show_default=False,
    ),
]
DatasetOption = Annotated[
    str | None,
    typer.Option(
        help="Name of the data set; by default that of the recipe or network, or what --data has.", show_default=False
    ),
]
LimitOption = Annotated[int | None, typer.Option(help="Use only the first N images.", metavar="N", show_default=False)]
SplitOption = Annotated[str, typer.Option(help="Which images of the data set: train or test.")]
AllFiguresOption = Annotated[bool, typer.Option("--verbose", help="Show all figures.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")]
