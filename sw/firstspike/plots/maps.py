"""The maps of a network's convolutions for one image."""

from typing import TYPE_CHECKING

import numpy as np

from firstspike_spec.common.errors import InputError
from firstspike_spec.inference.inference import Inference
from firstspike_spec.layered.layer import LayeredLayer
from firstspike_spec.network.base import BaseNetwork
from firstspike_spec.network.layer import Layer

from ..pictures import new_figure
from .firing import layer_name, spike_steps
from .one_image import draw_input, exit_step, spike_cells
from .output import Row
from .style import GREY, add_titles, label_bar, left_out, shown_layers, step_look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Most maps side by side, and most maps of one layer.
COLUMNS, MOST_MAPS = 12, 96


def spike_maps(network: BaseNetwork, inference: Inference) -> dict[str, np.ndarray]:
    """Return the spike times of each layer that has maps, by its name: int16, shape (channels, height, width).

    Of a layer with max pooling, the maps are those after it.

    Parameters
    ----------
    network : BaseNetwork
    inference : Inference
        Of one image, without early exit.

    Raises
    ------
    InputError
        If the network has no convolution.
    """
    found = {
        layer_name(index, network): inference.spike_times[index][0].reshape(_spike_shape(layer))
        for index, layer in enumerate(network.layers, 1)
        if layer.maps.is_convolution
    }
    if not found:
        raise InputError("the network has no convolution, so no maps: draw its spikes with firstspike plot raster")
    return found


def _spike_shape(layer: Layer | LayeredLayer) -> tuple[int, int, int]:
    return layer.target_shape if isinstance(layer, Layer) else layer.spike_shape


def maps_table(network: BaseNetwork, inference: Inference) -> list[Row]:
    """Return all neurons of maps with their spike times.

    Returns
    -------
    list of dict
        As of `firstspike.plots.raster.raster_table`, with ``channel``, ``row`` and ``column`` instead of the number.
    """
    decision = exit_step(network, inference)
    return [
        {
            "layer": name,
            "channel": channel,
            "row": row,
            "column": column,
            **spike_cells(int(time), decision, network.time_steps),
        }
        for name, maps in spike_maps(network, inference).items()
        for (channel, row, column), time in np.ndenumerate(maps)
    ]


def draw_maps(
    network: BaseNetwork, inference: Inference, picture: np.ndarray, *, image: int, label: int, name: str, source: str
) -> "Figure":
    """Return the picture of one image, its spike times, and those of each map.

    Parameters
    ----------
    network, inference, picture, image, label, name, source
        As for `firstspike.plots.raster.draw_raster`.
    """
    found, steps, decision = spike_maps(network, inference), network.time_steps, exit_step(network, inference)
    all_steps = max(spike_steps(network))
    names = list(found)
    maps = {names[place]: found[names[place]] for place in shown_layers(len(names))}
    rows = [-(-min(len(channels), MOST_MAPS) // COLUMNS) for channels in maps.values()]
    figure = new_figure(10, 3.6 + sum(0.3 + 0.85 * count for count in rows))
    panels = figure.add_gridspec(1 + len(maps), 1, height_ratios=[2.4, *(0.3 + 0.85 * count for count in rows)])
    head = panels[0].subgridspec(1, 3, width_ratios=(1, 1, 0.05))
    digit, times, bar = (figure.add_subplot(head[place]) for place in range(3))
    shown = draw_input(digit, times, network, inference, picture, image=image, label=label, steps=all_steps)
    label_bar(figure.colorbar(shown, cax=bar, label="time step"), all_steps)
    for place, (title, channels) in enumerate(maps.items(), 1):
        axes = figure.add_subplot(panels[place])
        drawn = channels[:MOST_MAPS]
        sheet = _side_by_side(drawn, steps)
        seen = np.where(sheet <= (steps if decision is None else decision), 1, 0.35)  # pale: left out by early exit
        axes.imshow(np.ma.masked_greater_equal(sheet, steps), alpha=seen, **step_look(all_steps))
        _draw_frames(axes, drawn.shape)
        count, height, width = channels.shape
        some = f" ({MOST_MAPS} drawn)" if count > MOST_MAPS else ""
        early = "" if decision is None else f", {(channels <= decision).mean():.1%} by the decision"
        axes.set_title(
            f"{title}: {count} maps of {height} x {width}{some}; {(channels < steps).mean():.1%} of the neurons "
            f"spike{early}",
            fontsize=9, loc="left",
        )  # fmt: skip
    pale = f" Pale spikes come after the decision step, {decision}; early exit leaves them out."
    if decision is None:
        pale = " Each layer begins when all spikes of its sources have come. Max pooling passes the earliest spike."
    add_titles(
        figure,
        f"{name}: maps of image {image}",
        left_out(names)
        + f"Simulated with the golden model: 1 image, {source}. A colour for each spike time, white where a neuron does not "
        f"spike.{pale}",
    )
    return figure


def _corners(shape: tuple[int, int, int]) -> tuple[list[tuple[int, int]], int, int]:
    """Return the corner of each map, in rows of `COLUMNS` with gaps between them, and the height and width of the sheet."""
    count, height, width = shape
    corners = [(number // COLUMNS * (height + 1), number % COLUMNS * (width + 1)) for number in range(count)]
    return corners, -(-count // COLUMNS) * (height + 1) - 1, COLUMNS * (width + 1) - 1


def _side_by_side(channels: np.ndarray, empty: int) -> np.ndarray:
    """Return the maps on one sheet; ``empty`` where there is no neuron."""
    corners, *size = _corners(channels.shape)
    sheet, (_, height, width) = np.full(size, empty), channels.shape
    for channel, (down, right) in zip(channels, corners, strict=True):
        sheet[down : down + height, right : right + width] = channel
    return sheet


def _draw_frames(axes: "Axes", shape: tuple[int, int, int]) -> None:
    """Draw a frame around each map, instead of the axes' own."""
    from matplotlib.patches import Rectangle

    (corners, high, wide), (_, height, width) = _corners(shape), shape
    for down, right in corners:
        axes.add_patch(Rectangle((right - 0.5, down - 0.5), width, height, fill=False, edgecolor=GREY, linewidth=0.5))
    axes.set(xticks=[], yticks=[], xlim=(-1, wide), ylim=(high, -1))
    axes.set_frame_on(False)
