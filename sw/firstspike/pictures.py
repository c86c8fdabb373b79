"""Pictures of inferences, and what all pictures share. Matplotlib is imported only to draw one."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from firstspike_spec.common.files import whole_file
from firstspike_spec.common.text import printable
from firstspike_spec.inference.results import Results
from firstspike_spec.network.base import BaseNetwork
from firstspike_spec.terminal.console import say

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours of a right class, a wrong class, the output of the given class, and any other output.
RIGHT, WRONG, GIVEN, OTHER = "black", "tab:red", "tab:orange", "tab:gray"

#: Images beside each other in a gallery.
GALLERY_COLUMNS = 8

#: Most classes that are named on an axis, and most characters shown of a name.
NAMED_CLASSES, NAME_CHARACTERS = 30, 30


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure of that size in inches, without a window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def write_png(figure: "Figure", path: Path) -> None:
    """Write a figure as a PNG. Use `whole_file` around it, so that no partial file is left.

    If Matplotlib's font lacks characters, one note on standard error says so.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        FigureCanvasAgg(figure).print_png(str(path))
    others = [warning for warning in caught if not _is_of_font(str(warning.message))]
    for warning in others:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if len(others) < len(caught):
        say("note: some characters, such as of class names, are not in Matplotlib's font and are drawn as boxes", error=True)


def _is_of_font(warning: str) -> bool:
    """Return whether a warning of Matplotlib says that its font lacks a character or a script."""
    return (warning.startswith("Glyph ") and "missing from" in warning) or warning.startswith("Matplotlib currently does not")


def plain(text: str, most: int = NAME_CHARACTERS) -> str:
    """Return a text from outside as Matplotlib can show it: printable, cut, and with dollar signs that start no formula."""
    return printable(text, most).replace("$", r"\$")


def show_image(axes: "Axes", picture: np.ndarray) -> None:
    """Show an image like ink on paper, with bright pixels dark; a colour image as it is.

    Parameters
    ----------
    axes : Axes
    picture : ndarray of uint8, shape (height, width), (channels, height, width) or (inputs,)
        With any other number of channels than three, the brightest value of a pixel is shown.
    """
    if picture.ndim == 3 and len(picture) == 3:
        axes.imshow(picture.transpose(1, 2, 0))
    else:
        axes.imshow(255 - in_plane(255 - picture, picture.shape), cmap="gray_r", vmin=0, vmax=255)


def in_plane(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return one number for each pixel, in rows and columns: the smallest of its channels.

    Parameters
    ----------
    values : ndarray
        One for each value of the image.
    shape : tuple of int
        Of the image: (height, width), (channels, height, width) or (inputs,), which is one row.
    """
    channels = values.reshape(-1, *((1, *shape) if len(shape) == 1 else shape[-2:]))
    return channels.min(axis=0)


def draw_verdict(axes: "Axes", network: BaseNetwork, image: int, label: int, given: int, *, short: bool = False) -> None:
    """Write an image's number, true class and given class above it, in red if the classes differ.

    A ``short`` verdict has only the given class, and the true one if that is another.
    """
    true, name = plain(network.class_names[label]), plain(network.class_names[given])
    told = f"{image}: true {true}, class {name}"
    if short:
        told = name if label == given else f"{name}, not {true}"
    axes.set_title(told, fontsize=10, color=RIGHT if label == given else WRONG)


def draw_latencies(axes: "Axes", network: BaseNetwork, latencies: np.ndarray, given: int) -> None:
    """Draw the first-spike latency of each output: a dot at its step, a cross for no spike.

    Parameters
    ----------
    axes : Axes
    network : BaseNetwork
    latencies : ndarray of int, shape (outputs,)
        Steps, or ``T`` for no spike.
    given : int
        The class that was given; it is coloured.
    """
    steps = network.time_steps
    fired = latencies < steps
    outputs = np.arange(network.outputs)
    colours = np.where(outputs == given, GIVEN, OTHER)
    axes.scatter(latencies[fired], outputs[fired], s=min(45, 700 / network.outputs), c=colours[fired])
    axes.scatter(latencies[~fired], outputs[~fired], s=14, c=colours[~fired], marker="x", linewidths=1)
    axes.set(xlim=(-0.5, steps + 0.5), ylim=(network.outputs - 0.5, -0.5))
    label_steps(axes, steps, "none")
    if network.outputs <= NAMED_CLASSES:
        axes.set_yticks(outputs, list(map(plain, network.class_names)), fontsize=8)
    axes.grid(alpha=0.3)
    axes.set_xlabel("time step")


def label_steps(axes: "Axes", steps: int, last: str) -> None:
    """Label the x axis with the time steps (a selection if there are many), and with ``last`` one place after them."""
    shown = [*range(0, steps - steps // 17, 1 + steps // 17), steps]
    axes.set_xticks(shown, [*map(str, shown[:-1]), last], fontsize=8)


def draw_inferences(
    path: Path, network: BaseNetwork, images: np.ndarray, labels: np.ndarray, results: Results, *, chosen: Sequence[int]
) -> None:
    """Write a PNG of a few images, their input spikes, and the outputs' first-spike latencies.

    Parameters
    ----------
    path : path
    network : BaseNetwork
    images : ndarray of uint8, shape (batch, \\*input_shape)
    labels : ndarray of int, shape (batch,)
    results : Results
        Without early exit, so that every latency is known.
    chosen : sequence of int
        Numbers of the images to draw.
    """
    steps = network.input_time_steps
    spike_times = network.spike_times(images)
    figure = new_figure(2.1 * len(chosen), 6.8)
    axes = figure.subplots(3, len(chosen), squeeze=False, height_ratios=(1, 1.3, 1))
    for column, image in enumerate(chosen):
        picture, raster, dots = axes[:, column]
        show_image(picture, images[image])
        draw_verdict(picture, network, image, labels[image], results.classes[image])
        picture.set_axis_off()

        spiking = spike_times[image] < steps
        raster.scatter(spike_times[image][spiking], np.flatnonzero(spiking), s=3, c="tab:blue", linewidths=0)
        raster.set(xlim=(-0.5, steps - 0.5), ylim=(network.inputs, 0), xticks=range(steps))
        raster.set_title(f"{int(spiking.sum())} input spikes", fontsize=9)

        draw_latencies(dots, network, results.latencies[image], results.classes[image])
        if column == 0:
            raster.set_ylabel("pixel")
            dots.set_ylabel("first-spike latency of output")
    with whole_file(path) as temporary:
        write_png(figure, temporary)


def draw_gallery(path: Path, network: BaseNetwork, images: np.ndarray, labels: np.ndarray, results: Results) -> None:
    """Write a PNG of images, each with the outputs' first-spike latencies below it.

    The parameters are those of `draw_inferences`; all images are drawn, `GALLERY_COLUMNS` beside each other.
    """
    lines = -(-len(images) // GALLERY_COLUMNS)
    figure = new_figure(2.1 * GALLERY_COLUMNS, 4.2 * lines)
    axes = figure.subplots(2 * lines, GALLERY_COLUMNS, squeeze=False)
    for place in range(lines * GALLERY_COLUMNS):
        line, column = divmod(place, GALLERY_COLUMNS)
        picture, dots = axes[2 * line : 2 * line + 2, column]
        picture.set_axis_off()
        if place >= len(images):
            dots.set_axis_off()
            continue
        show_image(picture, images[place])
        draw_verdict(picture, network, place, labels[place], results.classes[place], short=True)
        draw_latencies(dots, network, results.latencies[place], results.classes[place])
        steps = network.time_steps
        dots.set_xticks([0, steps // 2, steps], ["0", str(steps // 2), "none"], fontsize=8)
        if column:
            dots.set_yticklabels([])
    with whole_file(path) as temporary:
        write_png(figure, temporary)
