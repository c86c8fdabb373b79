"""The sub-commands ``firstspike plot ...``: pictures of networks and of trained runs, each with the CSV behind it."""

import json as json_format
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from firstspike_spec.artefact.files import load_network
from firstspike_spec.common.checks import whole_number
from firstspike_spec.datasets import Dataset
from firstspike_spec.inference.golden import infer
from firstspike_spec.inference.inference import Inference
from firstspike_spec.layered.network import LayeredNetwork
from firstspike_spec.terminal.console import note, say
from firstspike_spec.terminal.options import (
    DataOption,
    DatasetOption,
    EarlyExitOption,
    JsonOption,
    LimitOption,
    NetworkArgument,
    SplitOption,
)

from ..accelerator import Accelerator
from ..devices.kinds import AnyNetwork, ends_early
from ..plots.curve import counted_images, curve_figures, curve_table, draw_curve
from ..plots.decisions import decisions_figures, decisions_table, draw_decisions
from ..plots.firing import draw_firing, firing_table, firing_totals
from ..plots.layered_raster import draw_layered_raster, layered_raster_table
from ..plots.maps import draw_maps, maps_table
from ..plots.one_image import image_figures
from ..plots.output import Row, check_plot, write_plot
from ..plots.raster import draw_raster, raster_table
from ..plots.runs import SEED, read_runs
from ..plots.weights import draw_weights, weights_table
from ..progress import progress_of
from .dataset import load_images_for

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Images that the golden model runs in one batch. Progress is reported after each batch.
BATCH = 500

OutOption = Annotated[
    Path | None,
    typer.Option(
        help="The picture (.png), with a .csv beside it. By default named after the input, in the current folder.",
        show_default=False,
    ),
]

plot = typer.Typer(
    help="Draw a network or many trained runs: a PNG, and the CSV behind it. Each kind has --help and --json.",
    no_args_is_help=True,
)


@plot.command()
def curve(
    results: Annotated[
        list[Path],
        typer.Argument(help="Files of firstspike sweep (.csv, .json), or networks (.safetensors).", show_default=False),
    ],
    x: Annotated[str, typer.Option(help="Column for the x axis.")] = "connectivity_as_trained",
    y: Annotated[str, typer.Option(help="Column for the y axis.")] = "test_accuracy",
    by: Annotated[
        str | None, typer.Option(help="Column whose values each get a line, such as method.", show_default=False)
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="Column that does not distinguish runs; may be repeated.", show_default=False)
    ] = None,
    out: OutOption = None,
    json: JsonOption = False,
) -> None:
    """Accuracy against connectivity, or any two columns. Runs that differ only in seed become one point."""
    out = _named(out, results[0], "curve")
    check_plot(out, results)
    runs = read_runs(results)
    rows, left_out = curve_table(runs, x, y, by, ignore or ())
    figures = curve_figures(rows, x, y) | {"left_out": left_out}
    if by != SEED:
        _hint(runs, rows)
    source = f"{figures['runs']} trained networks, {counted_images(runs, y)}"
    figure = draw_curve(rows, x, y, by=by, source=source)
    left = f", left out without a value: {left_out}" if left_out else ""
    best = figures["best"]
    words = f"{figures['runs']} runs in {figures['points']} points{left}; best {y} {best[y]:.4g} at {x} {best[x]:.4g}"
    _finish("curve", out, figure, rows, figures, words, json)


@plot.command()
def decisions(
    network: NetworkArgument,
    data: DataOption = None,
    dataset: DatasetOption = None,
    split: SplitOption = "test",
    limit: LimitOption = None,
    out: OutOption = None,
    json: JsonOption = False,
) -> None:
    """Histogram of the decision steps, with the accuracy of the images decided at each."""
    out = _named(out, network, "decisions")
    check_plot(out, [network])
    loaded, images = _open(network, dataset, data, split, limit)
    with (
        Accelerator.open("golden", network=loaded) as accelerator,
        progress_of("running on golden", len(images.images)) as progress,
    ):
        results = accelerator.run(images.images, early_exit=False, progress=progress)
    rows = decisions_table(loaded, results, images.labels)
    figures = decisions_figures(rows)
    figure = draw_decisions(rows, network.stem, _source(images, split))
    words = (
        f"{figures['images']:,} images, accuracy {figures['accuracy']:.2%}, mean decision step "
        f"{figures['decision_step_mean']:.3f}, {figures['no_output_spike']:.2%} without an output spike"
    )
    _finish("decisions", out, figure, rows, figures, words, json)


def _of_image(
    kind: str, draw: Callable[..., "Figure"], table: Callable[[AnyNetwork, Inference], list[Row]], words: str
) -> None:
    """Make a sub-command that draws a network's inference of one image."""

    @plot.command(kind, help=words)
    def command(
        network: NetworkArgument,
        image: Annotated[int, typer.Option(help="Number of the image, from 0.")] = 0,
        data: DataOption = None,
        dataset: DatasetOption = None,
        split: SplitOption = "test",
        out: OutOption = None,
        json: JsonOption = False,
    ) -> None:
        out = _named(out, network, f"{kind}-{image}")
        check_plot(out, [network])
        loaded, images = _open(network, dataset, data, split, None)
        image = whole_number(image, "image", 0, len(images.images) - 1)
        picture, label = images.images[image], int(images.labels[image])
        inference = infer(loaded, picture[None], early_exit=False)
        source = f"{images.name}, {split} split"
        figure = draw(loaded, inference, picture, image=image, label=label, name=network.stem, source=source)
        figures = {"image": image, **image_figures(loaded, inference, label)}
        text = f"image {image}, true {figures['true']}, class {figures['class']}, decided at step {figures['decision_step']}"
        _finish(kind, out, figure, table(loaded, inference), figures, text, json)


def _draw_raster(network: AnyNetwork, inference: Inference, picture: np.ndarray, **words: Any) -> "Figure":
    if isinstance(network, LayeredNetwork):
        return draw_layered_raster(network, inference, picture, **words)
    return draw_raster(network, inference, picture, **words)


def _raster_table(network: AnyNetwork, inference: Inference) -> list[Row]:
    if isinstance(network, LayeredNetwork):
        return layered_raster_table(network, inference)
    return raster_table(network, inference)


_of_image(
    "raster",
    _draw_raster,
    _raster_table,
    "All spikes of one image: the input's and each layer's spike times, and the outputs' latencies.",
)
_of_image(
    "maps",
    draw_maps,
    maps_table,
    "The maps of a convolutional network for one image, with a colour for each neuron's spike time.",
)


@plot.command()
def firing(
    network: NetworkArgument,
    data: DataOption = None,
    dataset: DatasetOption = None,
    split: SplitOption = "test",
    limit: LimitOption = None,
    early_exit: EarlyExitOption = True,
    out: OutOption = None,
    json: JsonOption = False,
) -> None:
    """Share of each layer's neurons that spike at each step, mean over images."""
    out = _named(out, network, "firing")
    check_plot(out, [network])
    loaded, images = _open(network, dataset, data, split, limit)
    early_exit = ends_early(loaded, early_exit)
    ending = "each image ends at its first output spike" if early_exit else "every image runs all steps"
    if isinstance(loaded, LayeredNetwork):
        ending += ", counted in each layer's own window; a layer's neurons are those after max pooling"
    rows, count = firing_table(loaded, _inferences(loaded, images, early_exit=early_exit))
    totals = firing_totals(rows)
    figure = draw_firing(rows, network.stem, _source(images, split), ending=ending)
    words = f"{count:,} images; " + ", ".join(f"{layer} {share:.1%}" for layer, share in totals.items()) + " of neurons spike"
    _finish("firing", out, figure, rows, {"images": count, "early_exit": early_exit, "firing": totals}, words, json)


@plot.command()
def weights(network: NetworkArgument, out: OutOption = None, json: JsonOption = False) -> None:
    """Histogram of each layer's integer weights, with its connections and connectivity."""
    out = _named(out, network, "weights")
    check_plot(out, [network])
    loaded = load_network(network)
    figures = {
        "synapses": loaded.synapses,
        "connectivity": loaded.connectivity,
        "layers": [{"synapses": layer.synapses, "connectivity": layer.connectivity} for layer in loaded.layers],
    }
    words = f"{loaded.synapses:,} connections, connectivity {loaded.connectivity:.2%}"
    _finish("weights", out, draw_weights(loaded, network.stem), weights_table(loaded), figures, words, json)


def _named(out: Path | None, source: Path, kind: str) -> Path:
    return Path(f"{source.stem}-{kind}.png") if out is None else out


def _open(network: Path, dataset: str | None, data: Path | None, split: str, limit: int | None) -> tuple[AnyNetwork, Dataset]:
    """Return a network, and images with labels that fit it."""
    loaded = load_network(network)
    return loaded, load_images_for(loaded, dataset, data, split=split, limit=limit)


def _source(images: Dataset, split: str) -> str:
    return f"{len(images.images):,} images of {images.name}, {split} split"


def _inferences(network: AnyNetwork, images: Dataset, *, early_exit: bool) -> Iterator[Inference]:
    """Run the golden model batch by batch, with a progress bar."""
    count = len(images.images)
    with progress_of("running on golden", count) as progress:
        for first in range(0, count, BATCH):
            yield infer(network, images.images[first : first + BATCH], early_exit=early_exit)
            progress(min(first + BATCH, count))


def _hint(runs: list[dict[str, str]], rows: list[Row]) -> None:
    """Print a hint if there are several seeds, but no two runs that differ only in seed."""
    if len({run.get(SEED, "") for run in runs}) > 1 and len(rows) == len(runs) and len(rows) > 1:
        note("firstspike: no two runs differ only in seed, so none are joined; --ignore COLUMN joins runs that differ there")


def _finish(kind: str, out: Path, figure: "Figure", rows: list[Row], figures: dict[str, Any], words: str, json: bool) -> None:
    """Write the picture and its table, and report it."""
    table = write_plot(out, figure, rows)
    if json:
        print(json_format.dumps({"kind": kind, "picture": str(out), "table": str(table), **figures}))
    else:
        say(f"wrote {out} and {table}: {words}")
