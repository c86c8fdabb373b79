"""At which step the class is decided, and how often it is right."""

from typing import TYPE_CHECKING, Any

import numpy as np

from firstspike_spec.inference.results import Results
from firstspike_spec.network.base import BaseNetwork

from ..pictures import label_steps, new_figure
from .output import Row
from .style import GREY, add_titles, in_per_cent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Bars have numbers on them if there are fewer than these.
NUMBERED = 17


def decisions_table(network: BaseNetwork, results: Results, labels: np.ndarray) -> list[Row]:
    """Return how many images are decided at each step, and how many of those correctly.

    Parameters
    ----------
    network : BaseNetwork
    results : Results
        Of at least one image.
    labels : ndarray of int, shape (images,)
        The true classes.

    Returns
    -------
    list of dict
        One for each step at which a first spike can decide, in order. The last one is for images in which no output
        spiked; the largest potential decides them after the last step. The accuracy of no images is ``None``.
    """
    steps = network.time_steps
    places = results.latencies.min(axis=1).astype(np.int64)  # T: no output spiked
    decided = np.bincount(places, minlength=steps + 1)
    right = np.bincount(places[results.classes == labels], minlength=steps + 1)
    return [
        {
            "step": min(place, steps - 1),
            "decided_by": "first spike" if place < steps else "largest potential",
            "images": int(decided[place]),
            "share": int(decided[place]) / len(labels),
            "right": int(right[place]),
            "accuracy": int(right[place]) / int(decided[place]) if decided[place] else None,
        }
        for place in range(steps + 1)
    ]


def decisions_figures(rows: list[Row]) -> dict[str, Any]:
    """Return figures of the whole table: images, accuracy, mean decision step, share without an output spike."""
    images = sum(row["images"] for row in rows)
    return {
        "images": images,
        "accuracy": sum(row["right"] for row in rows) / images,
        "decision_step_mean": sum(row["step"] * row["images"] for row in rows) / images,
        "no_output_spike": rows[-1]["share"],
    }


def draw_decisions(rows: list[Row], name: str, source: str) -> "Figure":
    """Return the picture of a table of decisions.

    Parameters
    ----------
    rows : list of dict
        From `decisions_table`.
    name : str
        Of the network.
    source : str
        Which images, in words.
    """
    from matplotlib.ticker import MaxNLocator

    figures, steps = decisions_figures(rows), len(rows) - 1
    figure = new_figure(min(5 + 0.5 * steps, 13), 6)
    shares, accuracies = figure.subplots(2, 1, sharex=True, height_ratios=(1.2, 1))
    places = np.arange(steps + 1)
    bars = shares.bar(places, [row["share"] for row in rows], width=0.8, color=["tab:blue"] * steps + ["tab:gray"])
    known = [place for place in places if rows[place]["accuracy"] is not None]
    # The area of a dot grows with its number of images.
    sizes = [20 + 180 * rows[place]["share"] for place in known]
    accuracies.scatter(
        known, [rows[p]["accuracy"] for p in known], s=sizes, c=["tab:gray" if p == steps else "tab:blue" for p in known]
    )
    accuracies.axhline(figures["accuracy"], color=GREY, linewidth=1, linestyle="--", zorder=0)
    accuracies.set_title(
        f"dashed: all images, {figures['accuracy']:.2%}; larger dots: more images", fontsize=8, color=GREY, loc="right"
    )
    if steps < NUMBERED:
        shares.bar_label(bars, [f"{row['share']:.1%}" for row in rows], fontsize=8, padding=2)
        for place in known:
            above = rows[place]["accuracy"] >= figures["accuracy"]
            accuracies.annotate(
                f"{rows[place]['accuracy']:.1%}", (place, rows[place]["accuracy"]), xytext=(0, 9 if above else -9),
                textcoords="offset points", ha="center", va="bottom" if above else "top", fontsize=8,
            )  # fmt: skip
    lowest = min(rows[place]["accuracy"] for place in known)
    accuracies.set(ylabel="accuracy of those images")
    room = max(0.25 * (1 - lowest), 0.005)
    accuracies.set_ylim(lowest - room, 1 + room)
    accuracies.yaxis.set_major_locator(MaxNLocator(6))
    shares.set(ylabel="share of the images decided")
    shares.margins(y=0.12)
    for axes in (shares, accuracies):
        in_per_cent(axes.yaxis)
        axes.grid(axis="y", alpha=0.3)
        axes.set_axisbelow(True)
    label_steps(accuracies, steps, "no output\nspike")
    accuracies.set_xlabel("decision step (time step of the first output spike)")
    add_titles(
        figure,
        f"{name}: mean decision step {figures['decision_step_mean']:.2f} of 0 .. {steps - 1}",
        f"Simulated with the golden model: {source}. Where no output spikes, the largest potential decides after step "
        f"{steps - 1}.",
    )
    return figure
