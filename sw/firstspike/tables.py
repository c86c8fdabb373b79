"""Results as tables for a person. What is in them is shown as it is by `firstspike_spec.terminal.console.SafeConsole`."""

from collections.abc import Sequence

import numpy as np
from rich.table import Table

from firstspike_spec.inference.results import Results
from firstspike_spec.network.network import Network

#: With more classes than these, only some outputs' latencies are shown: those of the first so many to spike.
ALL_SHOWN, EARLIEST_SHOWN = 20, 5


def results_table(
    network: Network,
    results: Results,
    *,
    shown: int,
    labels: np.ndarray | None = None,
    names: Sequence[str] | None = None,
) -> Table:
    """Return a table of the first images' results.

    Parameters
    ----------
    network : Network
    results : Results
    shown : int
        Number of images at most.
    labels : ndarray of int, optional
        The true classes; a wrong class is then marked.
    names : sequence of str, optional
        What the images are called, instead of numbers.
    """
    table = Table()
    table.add_column("image", justify="right" if names is None else "left", overflow="fold")
    if labels is not None:
        table.add_column("true")
    table.add_column("class")
    table.add_column("step", justify="right")
    if results.cycles is not None:
        table.add_column("cycles", justify="right")
    if network.outputs <= ALL_SHOWN:
        table.add_column(f"first-spike latencies of {', '.join(network.class_names)} ('.': none)")
    else:
        table.add_column(f"first-spike latencies of the {EARLIEST_SHOWN} earliest of {network.outputs:,} outputs")
    for index in range(min(shown, len(results.classes))):
        cells = [str(index) if names is None else names[index]]
        style = None
        if labels is not None:
            cells.append(network.class_names[labels[index]])
            style = None if labels[index] == results.classes[index] else "red"
        cells += [network.class_names[results.classes[index]], str(results.decision_steps[index])]
        if results.cycles is not None:
            cells.append(str(results.cycles[index]))
        table.add_row(*cells, _latencies(network, results.latencies[index]), style=style)
    return table


def _latencies(network: Network, latencies: np.ndarray) -> str:
    if network.outputs <= ALL_SHOWN:
        return " ".join(str(time) if time < network.time_steps else "." for time in latencies)
    earliest = [
        output for output in np.argsort(latencies, kind="stable")[:EARLIEST_SHOWN] if latencies[output] < network.time_steps
    ]
    return ", ".join(f"{network.class_names[output]}: {latencies[output]}" for output in earliest) or "no output spiked"
