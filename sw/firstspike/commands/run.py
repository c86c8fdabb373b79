"""The sub-command ``firstspike run``."""

import csv
import io
import json as json_format
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from firstspike_spec.artefact.files import load_network
from firstspike_spec.common.errors import DeviceError, InputError
from firstspike_spec.common.files import check_writable, whole_file, write_file
from firstspike_spec.inference.results import Results
from firstspike_spec.network.base import BaseNetwork
from firstspike_spec.terminal.console import SafeConsole, note, say
from firstspike_spec.terminal.lanes import parse_lanes
from firstspike_spec.terminal.options import DeviceOption, EarlyExitOption, JsonOption, LanesOption, NetworkArgument

from ..accelerator import Accelerator
from ..images import doubts, load_images
from ..progress import progress_of
from ..tables import results_table

#: Most images shown in the table.
SHOWN = 20


def run(
    network: NetworkArgument,
    input: Annotated[
        Path,
        typer.Option(
            help="Images: a .npy or .npz file of uint8, shape (batch, ...), a picture, or a folder of pictures. Bright pixels "
            "spike early, black ones never. Colour becomes grey, 0.299 R + 0.587 G + 0.114 B (ITU-R 601), unless the network "
            "takes three channels. Each page of a picture is an image.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None, typer.Option(help="Write the results to this .csv or .npz file.", show_default=False)
    ] = None,
    invert: Annotated[
        bool, typer.Option("--invert", help="Make bright pixels dark and dark ones bright, such as for ink on white paper.")
    ] = False,
    background: Annotated[
        str | None, typer.Option(help="Colour behind transparent pixels: black or white.", show_default=False)
    ] = None,
    device: DeviceOption = "golden",
    lanes: LanesOption = None,
    early_exit: EarlyExitOption = True,
    json: JsonOption = False,
) -> None:
    """Classify images: class, decision step, first-spike latencies and cycles of each.

    If the device fails, the results that had arrived before are written.
    """
    loaded = load_network(network)
    if output is not None:
        if output.suffix not in _WRITERS:
            raise InputError(f"cannot write {output}: the output's name must end with {' or '.join(_WRITERS)}")
        check_writable(output)
    notes: list[str] = []
    images, names = load_images(input, loaded, background=background, note=notes.append)
    images = 255 - images if invert else images
    notes += doubts(loaded, images)
    for text in notes:
        note(f"note: {text}")
    with (
        Accelerator.open(device, network=loaded, lanes=parse_lanes(lanes), note=note) as accelerator,
        progress_of(f"running on {device}", len(images)) as progress,
    ):
        try:
            results = accelerator.run(images, early_exit=early_exit, progress=progress)
        except DeviceError as error:
            if output is None or not isinstance(error.results, Results):
                raise
            _WRITERS[output.suffix](loaded, error.results, output, names=names)
            raise DeviceError(
                f"{error}; {output} has the first {len(error.results.classes)} of {len(images)} images"
            ) from error
    if output is not None:
        _WRITERS[output.suffix](loaded, results, output, names=names)
    if json:
        report = {"device": device, "network": str(network), "notes": notes, "images": rows(loaded, results, names)}
        print(json_format.dumps(report))
        return
    console = SafeConsole()
    console.print(results_table(loaded, results, shown=SHOWN, names=names))
    if len(images) > SHOWN:
        console.print(f"{SHOWN} of {len(images)} images are shown{'' if output else '; --output writes all'}")
    if output is not None:
        say(f"wrote {output}")


def rows(network: BaseNetwork, results: Results, names: Sequence[str] | None = None) -> list[dict]:
    """Return one dictionary for each image, ready for JSON. A latency of ``None`` is *no spike*."""
    return [
        {
            "image": index if names is None else names[index],
            "class": network.class_names[results.classes[index]],
            "decision_step": int(results.decision_steps[index]),
            "cycles": None if results.cycles is None else int(results.cycles[index]),
            "latencies": [None if time == network.time_steps else int(time) for time in results.latencies[index]],
            "potentials": [
                int(value) if known else None
                for value, known in zip(results.potentials[index], results.reported[index], strict=True)
            ],
        }
        for index in range(len(results.classes))
    ]


def write_csv(
    network: BaseNetwork,
    results: Results,
    path: Path,
    *,
    labels: np.ndarray | None = None,
    names: Sequence[str] | None = None,
) -> None:
    """Write one line for each image. An empty cell is *no spike*, or a potential that is not known.

    Parameters
    ----------
    network : BaseNetwork
    results : Results
    path : path
    labels : ndarray of int, optional
        The true classes, for a column of their own.
    names : sequence of str, optional
        Names of the images, instead of numbers.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    head = ["image", "class", "decision_step", "cycles"]
    truth = [] if labels is None else ["true"]
    classes = network.class_names
    writer.writerow(head + truth + [f"{what}_{name}" for what in ("latency", "potential") for name in classes])
    for index, row in enumerate(rows(network, results, names)):
        true = [] if labels is None else [classes[labels[index]]]
        cells = [*(row[name] for name in head), *true, *row["latencies"], *row["potentials"]]
        writer.writerow(["" if cell is None else cell for cell in cells])
    write_file(path, text.getvalue())


def _write_npz(network: BaseNetwork, results: Results, path: Path, *, names: Sequence[str] | None = None) -> None:
    arrays = {name: getattr(results, name) for name in ("latencies", "potentials", "reported", "classes", "decision_steps")}
    if results.cycles is not None:
        arrays["cycles"] = results.cycles
    if names is not None:
        arrays["names"] = np.array(names)
    with whole_file(path) as temporary:
        np.savez_compressed(temporary, time_steps=network.time_steps, class_names=network.class_names, **arrays)


_WRITERS = {".csv": write_csv, ".npz": _write_npz}
