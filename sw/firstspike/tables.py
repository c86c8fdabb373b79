"""Results as tables for a person. `firstspike_spec.terminal.console.SafeConsole` makes what is in them fit to be shown."""

from collections.abc import Sequence

import numpy as np
from rich.cells import cell_len
from rich.text import Text

from firstspike_spec.common.text import printable
from firstspike_spec.inference.results import Results
from firstspike_spec.network.base import BaseNetwork
from firstspike_spec.terminal.tables import FoldedTable

#: Latencies of all outputs are shown if their class names side by side take no more characters than this. Otherwise only the
#: first outputs to spike are shown, at most this many.
MOST_CHARACTERS, EARLIEST_SHOWN = 40, 5

#: Marks a decision for the largest potential, and in a list of latencies an output that did not spike.
BY_POTENTIAL, NO_SPIKE = "*", "."


def results_table(
    network: BaseNetwork,
    results: Results,
    *,
    shown: int,
    labels: np.ndarray | None = None,
    names: Sequence[str] | None = None,
) -> FoldedTable:
    """Return a table of the first images' results.

    Parameters
    ----------
    network : BaseNetwork
    results : Results
    shown : int
        Most images to show.
    labels : ndarray of int, optional
        The true classes; rows with a wrong class are then red.
    names : sequence of str, optional
        Names of the images, shown instead of numbers.
    """
    count = min(shown, len(results.classes))
    by_potential = results.latencies[:count].min(axis=1, initial=network.time_steps) == network.time_steps
    side_by_side = _SideBySide(network)
    table = FoldedTable(caption_justify="left", caption_style="none")
    table.add_column("image", justify="right" if names is None else "left")
    if labels is not None:
        table.add_column("true")
    table.add_column("class")
    table.add_column("step", justify="right")
    if results.cycles is not None:
        table.add_column("cycles", justify="right")
    if side_by_side.fits:
        table.add_column(side_by_side.head, no_wrap=True)
    else:
        table.add_column(f"the {min(EARLIEST_SHOWN, network.outputs)} earliest first spikes of {network.outputs:,} outputs")
    for index in range(count):
        cells = [str(index) if names is None else names[index]]
        style = None
        if labels is not None:
            cells.append(network.class_names[labels[index]])
            style = None if labels[index] == results.classes[index] else "red"
        mark = BY_POTENTIAL if by_potential[index] else " " if by_potential.any() else ""
        cells += [network.class_names[results.classes[index]], f"{results.decision_steps[index]}{mark}"]
        if results.cycles is not None:
            cells.append(str(results.cycles[index]))
        latencies = results.latencies[index]
        cells.append(side_by_side.line(latencies) if side_by_side.fits else _earliest(network, latencies))
        table.add_row(*cells, style=style)
    legend = [f"'{NO_SPIKE}': no spike"] if side_by_side.fits else []
    legend += [f"'{BY_POTENTIAL}': no output spiked; the largest potential decides"] if by_potential.any() else []
    table.caption = Text("\n".join(legend)) if legend else None
    return table


class _SideBySide:
    """Latencies of all outputs in a line, each below its class name."""

    def __init__(self, network: BaseNetwork):
        self._time_steps = network.time_steps
        self._names = [printable(name) for name in network.class_names]
        self._width = max(map(cell_len, (*self._names, str(network.time_steps - 1))))
        self.fits = len(self._names) * (self._width + 1) - 1 <= MOST_CHARACTERS

    @property
    def head(self) -> Text:
        """The column's heading."""
        return Text(f"first-spike latency of class\n{self._joined(self._names)}")

    def line(self, latencies: np.ndarray) -> str:
        """Return an image's latencies."""
        return self._joined([str(time) if time < self._time_steps else NO_SPIKE for time in latencies])

    def _joined(self, cells: Sequence[str]) -> str:
        return " ".join(" " * (self._width - cell_len(cell)) + cell for cell in cells)


def _earliest(network: BaseNetwork, latencies: np.ndarray) -> str:
    """Return the class names and latencies of the first outputs to spike."""
    earliest = [
        output for output in np.argsort(latencies, kind="stable")[:EARLIEST_SHOWN] if latencies[output] < network.time_steps
    ]
    return ", ".join(f"{network.class_names[output]}: {latencies[output]}" for output in earliest) or "no output spiked"
