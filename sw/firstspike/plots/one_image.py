"""What the plots of one image share: the image with its input spikes, and the cells of a spike."""

from typing import TYPE_CHECKING, Any

import numpy as np

from firstspike_spec.inference.inference import Inference
from firstspike_spec.layered.network import LayeredNetwork
from firstspike_spec.network.base import BaseNetwork

from ..pictures import draw_verdict, in_plane, new_figure, show_image
from .firing import layer_name, spike_steps
from .output import Row
from .style import step_look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage


def exit_step(network: BaseNetwork, inference: Inference) -> int | None:
    """Return the step after which early exit leaves out the spikes of one image; ``None`` for layered networks."""
    return None if isinstance(network, LayeredNetwork) else int(inference.decision_steps[0])


def spike_cells(time: int, decision: int | None, steps: int) -> Row:
    """Return a row's cells for a neuron's spike time.

    Parameters
    ----------
    time : int
        ``steps`` is no spike.
    decision : int or None
        From `exit_step`.
    steps : int
        Number of steps in which the neuron can spike.
    """
    cells: Row = {"spike_time": None if time == steps else time}
    return cells if decision is None else cells | {"with_early_exit": int(time <= decision)}


def image_figures(network: BaseNetwork, inference: Inference, label: int) -> dict[str, Any]:
    """Return the figures of one image's inference, without early exit."""
    return {
        "true": network.class_names[label],
        "class": network.class_names[inference.classes[0]],
        "decision_step": int(inference.decision_steps[0]),
        "spikes": {
            layer_name(index, network): int((times[0] < steps).sum())
            for index, (times, steps) in enumerate(zip(inference.spike_times, spike_steps(network), strict=True))
        },
    }


def raster_axes(drawn: int, outputs: int, *, width: float, ratio: float) -> tuple["Figure", "Axes", "Axes", list["Axes"]]:
    """Return a new figure of one image's spikes: its axes for the image, for the spike times beside it, and for each layer.

    Parameters
    ----------
    drawn : int
        How many layers are drawn, the input and the outputs among them.
    outputs : int
    width : float
        Of the figure, in inches.
    ratio : float
        Width of the layers' axes, relative to that of the image's.
    """
    heights = [1.5] * (drawn - 1) + [max(1.2, min(0.12 * outputs, 2.5))]
    figure = new_figure(width, 1.8 + 1.5 * sum(heights))
    halves = figure.add_gridspec(1, 2, width_ratios=(1, ratio))
    beside = halves[0].subgridspec(max(2, round(sum(heights) / 2.5)), 1)  # at the top, even for a deep network
    digit, times = figure.add_subplot(beside[0]), figure.add_subplot(beside[1])
    panels = halves[1].subgridspec(drawn, 1, height_ratios=heights).subplots(sharex=True, squeeze=False)[:, 0]
    return figure, digit, times, list(panels)


def draw_input(
    digit: "Axes",
    times: "Axes",
    network: BaseNetwork,
    inference: Inference,
    picture: np.ndarray,
    *,
    image: int,
    label: int,
    steps: int | None = None,
) -> "AxesImage":
    """Draw an image with its class, and its spike times beside it. Return the drawn spike times.

    Parameters
    ----------
    digit, times : Axes
    network, inference, picture, image, label
        As for `firstspike.plots.raster.draw_raster`.
    steps : int, optional
        Number of steps that have colours; by default those of the input.
    """
    show_image(digit, picture)
    draw_verdict(digit, network, image, label, int(inference.classes[0]))
    spikes = in_plane(inference.spike_times[0][0], picture.shape)
    look = step_look(network.input_time_steps if steps is None else steps)
    shown = times.imshow(np.ma.masked_equal(spikes, network.input_time_steps), **look)
    times.set_title("earliest input spike times" if picture.ndim == 3 else "input spike times", fontsize=10)
    for axes in (digit, times):
        axes.set(xticks=[], yticks=[])
    return shown
