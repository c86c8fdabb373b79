"""The sub-command ``firstspike demo``."""

import json as json_format
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from firstspike_spec.artefact.files import load_network
from firstspike_spec.artefact.shipped import shipped_network
from firstspike_spec.common.checks import whole_number
from firstspike_spec.common.errors import InputError
from firstspike_spec.common.files import check_writable_folder
from firstspike_spec.datasets import Dataset, default_dataset, fit_dataset, load_dataset, read_idx
from firstspike_spec.inference.results import Results
from firstspike_spec.terminal.console import SafeConsole, note, say
from firstspike_spec.terminal.lanes import parse_lanes
from firstspike_spec.terminal.options import DataOption, DeviceOption, JsonOption, LanesOption

from ..accelerator import Accelerator
from ..command_line import WRONG_RESULTS
from ..devices.kinds import AnyNetwork, check_takes_images
from ..pictures import draw_gallery, draw_inferences
from ..progress import progress_of
from ..tables import results_table
from .run import write_csv

#: The network and the folder for results that are used by default.
NETWORK, FOLDER = "mnist-mlp", Path("build/demo")
DIGITS_PICTURE, TABLE = "digits.png", "results.csv"

#: The data set whose digits come with firstspike, and how many images of others are shown.
DIGITS, IMAGES = "mnist", 32


def demo(
    network: Annotated[
        Path | None,
        typer.Argument(help="The network.", show_default="mnist-mlp, which comes with firstspike"),
    ] = None,
    data: DataOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the picture and the table.",
            show_default="build/demo, or a temporary folder where that cannot be written",
        ),
    ] = None,
    device: DeviceOption = "sim",
    lanes: LanesOption = None,
    rows: Annotated[int, typer.Option(help="Most images shown in the table.")] = 20,
    json: JsonOption = False,
) -> None:
    """Classify real test images, and compare every value with the golden model.

    A network for MNIST gets the 256 digits that come with firstspike. Another one gets 32 images of the data set that it was
    trained on.
    """
    network = shipped_network(NETWORK) if network is None else network
    loaded = load_network(network)
    check_takes_images(loaded)
    whole_number(rows, "rows", 0, 1 << 31)
    out = _folder() if out is None else out
    check_writable_folder(out)
    shown = _images(loaded, data)
    loaded.check_images(shown.images)

    with Accelerator.open(device, network=loaded, lanes=parse_lanes(lanes), note=note) as accelerator:
        with progress_of(f"running on {device}", len(shown.images)) as progress:
            validation = accelerator.validate(shown.images, shown.labels, progress=progress)
        full = accelerator.run(shown.images, early_exit=False)
    results = validation.results
    if shown.name == DIGITS:
        picture = out / DIGITS_PICTURE
        draw_inferences(picture, loaded, shown.images, shown.labels, full, chosen=_worth_seeing(full, shown.labels))
    else:
        picture = out / f"{shown.name}.png"
        draw_gallery(picture, loaded, shown.images, shown.labels, full)
    write_csv(loaded, results, out / TABLE, labels=shown.labels)

    facts = {"device": device, "network": str(network), "dataset": shown.name}
    summary = {**facts, **validation.summary(), "picture": str(picture)}
    if json:
        print(json_format.dumps(summary))
    else:
        console = SafeConsole()
        console.print(results_table(loaded, results, shown=rows, labels=shown.labels))
        for line in _sentences(summary, out):
            say(line)
    if not validation.passed:
        raise typer.Exit(WRONG_RESULTS)


def _folder() -> Path:
    """Return a folder that can be written to: in the current folder if possible."""
    try:
        check_writable_folder(FOLDER)
        return FOLDER
    except InputError as error:
        try:
            return Path(tempfile.mkdtemp(prefix="firstspike-demo-"))
        except OSError:
            raise error from None


def _images(network: AnyNetwork, data: Path | None) -> Dataset:
    """Return the digits that come with firstspike, or the first test images of another data set."""
    usual = default_dataset(network)
    if data is None and usual in (None, DIGITS):
        return load_digits()
    found = load_dataset(None, "test", data, usual=usual, note=note).first(IMAGES)
    return fit_dataset(found, network, note)


def load_digits() -> Dataset:
    """Return the test digits that come with firstspike."""
    folder = files("firstspike") / "demo"
    images, labels = (
        read_idx((folder / name).read_bytes(), name) for name in ("digits-images-idx3-ubyte.gz", "digits-labels-idx1-ubyte.gz")
    )
    return Dataset(DIGITS, images, labels)


def _worth_seeing(results: Results, labels: np.ndarray) -> list[int]:
    """Return the numbers of a few interesting images: the first ones, late decisions, and a mistake."""
    wrong = np.flatnonzero(results.classes != labels)
    late = np.argsort(-results.decision_steps, kind="stable")
    chosen = dict.fromkeys([0, 1, 2, *map(int, late[:2]), *map(int, wrong[:1])])
    return list(chosen)


def _sentences(summary: dict, out: Path) -> list[str]:
    images, dataset = summary["images"], summary["dataset"]
    name = "MNIST test digits" if dataset == DIGITS else f"test images of {dataset}"
    lines = [
        f"{images} real {name} on {summary['device']}: accuracy {summary['accuracy']:.1%} by first spike, "
        f"mean decision step {summary['decision_step_mean']:.2f}",
        "nothing was compared: the golden model is the reference"
        if summary["reference"] is None
        else f"{summary['compared_values']:,} values compared with {summary['reference']}, {summary['mismatches']} mismatches",
    ]
    if summary["cycles_mean"] is not None:
        lines.append(
            f"mean cycles per image {summary['cycles_mean']:.1f} from the first token to the decision (simulated), "
            f"{summary['cycles_between_images']:.1f} from image to image"
        )
    lines.append(f"wrote {summary['picture']} and {out / TABLE}")
    return lines + summary["first_mismatches"]
