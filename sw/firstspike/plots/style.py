"""The common look of the plots: titles, small print, a colour for each step, shares in per cent."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..pictures import plain

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure

GREY = "dimgray"

#: Characters of small print per inch, and most characters of a title or of small print.
SMALL_PRINT, TITLE = 15, 400

#: Most layers that a picture shows, the first and the last ones. More would take minutes to draw and be too small.
MOST_LAYERS = 12


def add_titles(figure: "Figure", title: str, small_print: str) -> None:
    """Write a title above a figure, and below it where its numbers come from."""
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.08)
    width = figure.get_figwidth()
    figure.suptitle(textwrap.fill(plain(title, TITLE), int(width * 10)), fontsize=12)
    figure.supxlabel(textwrap.fill(plain(small_print, TITLE), int(width * SMALL_PRINT)), fontsize=8, color=GREY)


def shown_layers(layers: int) -> list[int]:
    """Return the numbers of the layers that a picture shows: all, or equally many of the first and the last ones."""
    half = MOST_LAYERS // 2
    return [index for index in range(layers) if layers <= MOST_LAYERS or index < half or index >= layers - half]


def left_out(names: Sequence[str]) -> str:
    """Return the start of the small print, which names the layers that a picture does not show."""
    shown = set(shown_layers(len(names)))
    hidden = [name for index, name in enumerate(names) if index not in shown]
    return f"Not drawn, but in the table: {' to '.join(dict.fromkeys((hidden[0], hidden[-1])))}. " if hidden else ""


def step_colours(steps: int) -> np.ndarray:
    """Return a colour for each time step, from dark to light, shape (steps, 4)."""
    from matplotlib import colormaps

    return colormaps["viridis"](np.linspace(0.05, 0.95, steps))


def step_look(steps: int) -> dict[str, Any]:
    """Return the colours for a picture of spike times, as arguments of ``imshow``."""
    from matplotlib.colors import BoundaryNorm, ListedColormap

    return {"cmap": ListedColormap(step_colours(steps)), "norm": BoundaryNorm(np.arange(steps + 1) - 0.5, steps)}


def label_bar(bar: "Colorbar", steps: int) -> None:
    """Label a picture's colour bar with time steps."""
    bar.set_ticks(range(0, steps, 1 + steps // 9))
    bar.minorticks_off()


def in_per_cent(axis: "Axis") -> None:
    """Label an axis of shares, 0 .. 1, in per cent."""
    axis.set_major_formatter(lambda share, position: f"{100 * share:.6g}%" if 0 <= share <= 1 else "")
