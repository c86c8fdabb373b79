"""How many neurons of each layer spike, and when."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from firstspike_spec.inference.inference import Inference
from firstspike_spec.network.base import BaseNetwork

from ..pictures import new_figure
from .output import Row
from .style import GREY, add_titles, in_per_cent, left_out, shown_layers, step_colours

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Smallest share that has a number on its part of a bar.
NUMBERED = 0.04


def layer_name(index: int, network: BaseNetwork) -> str:
    """Return the name of a layer in plots. Index 0 is the input; index 1 is the network's layer 0."""
    if index == 0:
        return "input"
    return f"layer {index - 1} (output)" if index == len(network.layers) else f"layer {index - 1}"


def spike_steps(network: BaseNetwork) -> list[int]:
    """Return in how many steps the input can spike, then each layer; in spike times the number means *no spike*."""
    return [network.input_time_steps] + [network.time_steps] * len(network.layers)


def count_spikes(inference: Inference, steps: Sequence[int]) -> list[np.ndarray]:
    """Return the number of spikes at each step in all images, int64, shape (T,): of the input, then of each layer.

    Parameters
    ----------
    inference : Inference
    steps : sequence of int
        From `spike_steps`.
    """
    return [
        np.array([np.count_nonzero(times == step) for step in range(count)], np.int64)
        for times, count in zip(inference.spike_times, steps, strict=True)
    ]


def firing_table(network: BaseNetwork, inferences: Iterable[Inference]) -> tuple[list[Row], int]:
    """Return the share of each layer's neurons that spike at each step, mean over images, and the number of images.

    Parameters
    ----------
    network : BaseNetwork
    inferences : iterable of Inference
        With at least one image in all. They are taken one by one, so that they need not all be in memory.

    Returns
    -------
    rows : list of dict
        One for each layer (the input first) and step. Of a layer with max pooling, the neurons are those after it.
    images : int
    """
    steps = spike_steps(network)
    spikes, images = [np.zeros(count, np.int64) for count in steps], 0
    neurons = [0] * len(steps)
    for inference in inferences:
        spikes = [before + found for before, found in zip(spikes, count_spikes(inference, steps), strict=True)]
        neurons = [times.shape[1] for times in inference.spike_times]
        images += len(inference.classes)
    rows = [
        {
            "layer": layer_name(index, network),
            "neurons": neurons[index],
            "step": step,
            "share": int(spikes[index][step]) / (neurons[index] * images),
            "share_by_then": int(spikes[index][: step + 1].sum()) / (neurons[index] * images),
        }
        for index in range(len(neurons))
        for step in range(steps[index])
    ]
    return rows, images


def firing_totals(rows: list[Row]) -> dict[str, float]:
    """Return the share of each layer's neurons that spike at all."""
    return {row["layer"]: row["share_by_then"] for row in rows}  # the last step's row of each layer remains


def draw_firing(rows: list[Row], name: str, source: str, *, ending: str) -> "Figure":
    """Return the picture of a table of firing: a bar for each layer, with a part for each step.

    Parameters
    ----------
    rows : list of dict
        From `firing_table`.
    name : str
        Of the network.
    source : str
        Which images, in words.
    ending : str
        How far each image ran, in words.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap

    names = list(firing_totals(rows))
    steps, chosen = 1 + max(row["step"] for row in rows), shown_layers(len(names))
    layers = [names[place] for place in chosen]
    all_shares = np.zeros((len(names), steps))
    for row in rows:
        all_shares[names.index(row["layer"]), row["step"]] = row["share"]
    shares, counts = all_shares[chosen], {row["layer"]: row["neurons"] for row in rows}
    colours = step_colours(steps)
    figure = new_figure(8, 2.2 + 0.7 * len(layers))
    axes = figure.subplots()
    ends = shares.cumsum(axis=1)
    for step in range(steps):
        bars = axes.barh(range(len(layers)), shares[:, step], left=ends[:, step] - shares[:, step], color=colours[step])
        shown = [f"{100 * share:.1f}" if share >= NUMBERED * max(ends.max(), 0.1) else "" for share in shares[:, step]]
        axes.bar_label(bars, shown, label_type="center", fontsize=8, color="white" if step < 0.6 * steps else "black")
    for place, total in enumerate(ends[:, -1]):
        axes.annotate(
            f"{total:.1%}", (total, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9, color=GREY
        )
    axes.set_yticks(range(len(layers)), [f"{layer}\n{counts[layer]:,} neurons" for layer in layers])
    axes.invert_yaxis()
    axes.set(xlim=(0, min(1.0, max(1.18 * ends.max(), 0.01)) if ends.max() < 0.88 else 1.1))
    axes.set_xlabel("share of the layer's neurons that spike, mean over images")
    in_per_cent(axes.xaxis)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    scale = ScalarMappable(BoundaryNorm(np.arange(steps + 1) - 0.5, steps), ListedColormap(colours))
    bar = figure.colorbar(scale, ax=axes, label="time step of the spike", pad=0.02)
    bar.set_ticks(range(0, steps, 1 + steps // 17))
    bar.minorticks_off()
    add_titles(
        figure,
        f"{name}: neurons that spike, by layer and time step",
        left_out(names) + f"Simulated with the golden model: {source}; {ending}.",
    )
    return figure
