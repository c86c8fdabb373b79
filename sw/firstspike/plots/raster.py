"""All spikes of one image, in a step-by-step network; `firstspike.plots.layered_raster` has layered ones."""

from typing import TYPE_CHECKING

import numpy as np

from firstspike_spec.inference.inference import Inference
from firstspike_spec.network.network import Network

from ..pictures import GIVEN, draw_latencies, label_steps
from .firing import layer_name
from .one_image import draw_input, exit_step, raster_axes, spike_cells
from .output import Row
from .style import add_titles, label_bar, left_out, shown_layers, step_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def raster_table(network: Network, inference: Inference) -> list[Row]:
    """Return all neurons of one image with their spike times.

    Parameters
    ----------
    network : Network
    inference : Inference
        Of one image, without early exit.

    Returns
    -------
    list of dict
        One for each neuron, by layer (the input first) and number. A spike time of ``None`` is no spike.
        ``with_early_exit`` is 1 if the inference with early exit still has the spike.
    """
    decision = exit_step(network, inference)
    return [
        {
            "layer": layer_name(index, network),
            "neuron": neuron,
            **spike_cells(int(time), decision, network.time_steps),
        }
        for index, times in enumerate(inference.spike_times)
        for neuron, time in enumerate(times[0])
    ]


def draw_raster(
    network: Network, inference: Inference, picture: np.ndarray, *, image: int, label: int, name: str, source: str
) -> "Figure":
    """Return the picture of one image's spikes: the image, its spike times, and the spikes of every layer.

    Parameters
    ----------
    network : Network
    inference : Inference
        Of one image, without early exit.
    picture : ndarray of uint8, shape (height, width), (channels, height, width) or (inputs,)
    image, label : int
        The image's number and true class.
    name : str
        Of the network.
    source : str
        Which data set, in words.
    """
    steps, layers = network.time_steps, len(network.layers)
    colours = step_colours(steps)
    decision, given = int(inference.decision_steps[0]), int(inference.classes[0])
    chosen = shown_layers(layers + 1)
    figure, digit, times, panels = raster_axes(len(chosen), network.outputs, width=10, ratio=2.2)

    shown = draw_input(digit, times, network, inference, picture, image=image, label=label)
    label_bar(figure.colorbar(shown, ax=times, orientation="horizontal", label="time step", shrink=0.8), steps)

    for index, axes in zip(chosen, panels, strict=True):
        layer_times = inference.spike_times[index][0]
        spikes = int((layer_times < steps).sum())
        by_then = int((layer_times <= decision).sum()) if decision < steps else spikes
        axes.set_title(
            f"{layer_name(index, network)}: {spikes} of {len(layer_times):,} neurons spike, {by_then} by the decision",
            fontsize=9, loc="left",
        )  # fmt: skip
        if index == layers:
            draw_latencies(axes, network, layer_times, given)
            axes.set_ylabel("output")
        else:
            _draw_spikes(axes, layer_times, decision, colours)
            axes.tick_params(labelbottom=False)
        axes.axvline(decision + 0.5, color=GIVEN, linewidth=1.2)
    label_steps(panels[-1], steps, "none")
    decided = "the first output spike" if inference.latencies.min() < steps else "the largest potential (no output spiked)"
    add_titles(
        figure,
        f"{name}: spikes of image {image}",
        left_out([layer_name(index, network) for index in range(layers + 1)])
        + f"Simulated with the golden model: 1 image, {source}. One mark for each spike. Orange: the class, and the end "
        f"of the decision step, {decision}, where {decided} decides. Early exit leaves out later spikes, which are pale.",
    )
    return figure


def _draw_spikes(axes: "Axes", times: np.ndarray, decision: int, colours: np.ndarray) -> None:
    """Draw a dash for each neuron's spike in the colour of its step, paler after the decision."""
    spiking = np.flatnonzero(times < len(colours))
    chosen = colours[times[spiking]]
    chosen[times[spiking] > decision, 3] = 0.4
    axes.hlines(spiking, times[spiking] - 0.38, times[spiking] + 0.38, colors=chosen, linewidth=max(0.8, 60 / len(times)))
    axes.set(ylim=(len(times) - 0.5, -0.5), ylabel="neuron")
    axes.grid(axis="x", alpha=0.3)
