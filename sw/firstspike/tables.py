"""Results as tables for a person."""

import numpy as np
from rich.table import Table

from firstspike_spec.network import Network
from firstspike_spec.results import Results


def results_table(network: Network, results: Results, *, shown: int, labels: np.ndarray | None = None) -> Table:
    """Return a table of the first images' results.

    Parameters
    ----------
    network : Network
    results : Results
    shown : int
        Number of images at most.
    labels : ndarray of int, optional
        The true classes; a wrong class is then marked.
    """
    table = Table()
    table.add_column("image", justify="right")
    if labels is not None:
        table.add_column("true")
    table.add_column("class")
    table.add_column("step", justify="right")
    if results.cycles is not None:
        table.add_column("cycles", justify="right")
    table.add_column(f"first-spike latencies of {', '.join(network.class_names)} ('.': none)")
    for index in range(min(shown, len(results.classes))):
        times = (str(time) if time < network.time_steps else "." for time in results.latencies[index])
        cells = [str(index)]
        style = None
        if labels is not None:
            cells.append(network.class_names[labels[index]])
            style = None if labels[index] == results.classes[index] else "red"
        cells += [network.class_names[results.classes[index]], str(results.decision_steps[index])]
        if results.cycles is not None:
            cells.append(str(results.cycles[index]))
        table.add_row(*cells, " ".join(times), style=style)
    return table
