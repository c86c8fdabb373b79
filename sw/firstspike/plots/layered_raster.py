"""All spikes of one image, in a layered network: the windows of the input and of each layer, one after the other."""

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from firstspike_spec.inference.inference import Inference
from firstspike_spec.layered.network import LayeredNetwork

from ..network_tables import source_name
from ..pictures import GIVEN, NAMED_CLASSES, OTHER, plain
from .firing import layer_name, spike_steps
from .one_image import draw_input, raster_axes
from .output import Row
from .style import GREY, add_titles, label_bar, left_out, shown_layers, step_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


#: With more windows than these, the names of layers are only their numbers.
SPELLED = 6


def layered_raster_table(network: LayeredNetwork, inference: Inference) -> list[Row]:
    """Return the input and all neurons of one image, after max pooling, with their spike times.

    Parameters
    ----------
    network : LayeredNetwork
    inference : Inference
        Of one image.

    Returns
    -------
    list of dict
        One for each neuron, by layer (the input first) and number. ``spike_time`` is a step of the layer's own window, and
        ``time`` a step of all windows in a row, as if each layer followed the one before it. ``None`` is no spike.
    """
    steps = spike_steps(network)
    return [
        {
            "layer": layer_name(index, network),
            "neuron": neuron,
            "spike_time": None if time == steps[index] else int(time),
            "time": None if time == steps[index] else int(time) + start,
        }
        for index, (times, start) in enumerate(zip(inference.spike_times, _starts(steps), strict=True))
        for neuron, time in enumerate(times[0])
    ]


def draw_layered_raster(
    network: LayeredNetwork, inference: Inference, picture: np.ndarray, *, image: int, label: int, name: str, source: str
) -> "Figure":
    """Return the picture of one image's spikes: the image, its spike times, and the spikes of every layer in its window.

    Parameters
    ----------
    network, inference, picture, image, label, name, source
        As for `firstspike.plots.raster.draw_raster`.
    """
    steps, layers = spike_steps(network), len(network.layers)
    chosen = shown_layers(layers + 1)
    starts = _starts([steps[index] for index in chosen])  # layers that are not drawn take no room on the axis
    figure, digit, times, panels = raster_axes(len(chosen), network.outputs, width=11, ratio=2.6)
    shown = draw_input(digit, times, network, inference, picture, image=image, label=label)
    bar = figure.colorbar(shown, ax=times, orientation="horizontal", label="time step of the input", shrink=0.8)
    label_bar(bar, steps[0])

    for index, start, axes in zip(chosen, starts, panels, strict=True):
        layer_times = inference.spike_times[index][0]
        spikes = int((layer_times < steps[index]).sum())
        places = "inputs" if index == 0 else "neurons"
        pooled = ", after max pooling" if index and network.layers[index - 1].max_pooling > 1 else ""
        axes.set_title(
            f"{layer_name(index, network)}: {spikes:,} of {len(layer_times):,} {places} spike{pooled}", fontsize=9, loc="left"
        )
        _draw_spikes(axes, layer_times, start, step_colours(steps[index]))
        for edge in starts:
            axes.axvline(edge - 0.5, color=GREY, linewidth=0.5, linestyle=":")
        axes.axvspan(start - 0.5, start + steps[index] - 0.5, color=OTHER, alpha=0.08, linewidth=0)
        axes.tick_params(labelbottom=index == layers)
    _mark_class(panels[-1], network, int(inference.classes[0]))
    # A tick at the middle of each window says whose it is.
    windows = [start + (steps[index] - 1) / 2 for index, start in zip(chosen, starts, strict=True)]
    names = [source_name(index) for index in chosen]
    if len(chosen) > SPELLED:
        names = [name.removeprefix("layer ") for name in names]
    panels[-1].set_xticks(windows, names, fontsize=8)
    panels[-1].set_xlim(-0.5, starts[-1] + steps[chosen[-1]] - 0.5)
    panels[-1].set_xlabel("time: the windows of the input and of each layer, one after the other")
    spiked = inference.latencies.min() < network.time_steps
    decided = "the earliest output spike" if spiked else "the largest potential (no output spiked)"
    add_titles(
        figure,
        f"{name}: spikes of image {image}",
        left_out([layer_name(index, network) for index in range(layers + 1)])
        + f"Simulated with the golden model: 1 image, {source}. One mark for each spike, in the window of its layer, "
        f"darker if earlier. A layer begins when all spikes of its sources have come. Orange: the class; {decided} decides.",
    )
    return figure


def _starts(steps: list[int]) -> list[int]:
    """Return the first step of each window in a row of all."""
    return list(accumulate(steps[:-1], initial=0))


def _draw_spikes(axes: "Axes", times: np.ndarray, start: int, colours: np.ndarray) -> None:
    """Draw a dash for each neuron's spike in the colour of its step."""
    spiking = np.flatnonzero(times < len(colours))
    steps = times[spiking]
    places = steps + start
    axes.hlines(spiking, places - 0.38, places + 0.38, colors=colours[steps], linewidth=max(0.8, 60 / len(times)))
    axes.set(ylim=(len(times) - 0.5, -0.5), ylabel="neuron")


def _mark_class(axes: "Axes", network: LayeredNetwork, given: int) -> None:
    """Name the outputs, if there are few, and underlay the given class."""
    axes.axhspan(given - 0.5, given + 0.5, color=GIVEN, alpha=0.35, linewidth=0)
    axes.set_ylabel("output")
    if network.outputs <= NAMED_CLASSES:
        axes.set_yticks(range(network.outputs), list(map(plain, network.class_names)), fontsize=8)
