"""The weights that a network keeps."""

from typing import TYPE_CHECKING

import numpy as np

from firstspike_spec.layered.network import LayeredNetwork
from firstspike_spec.network.connections import Connections
from firstspike_spec.network.network import Network

from ..network_tables import connections
from ..pictures import new_figure
from .output import Row
from .style import add_titles, left_out, shown_layers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Most bars of one layer. With more possible weights, neighbours share a bar.
BARS = 128

#: Most layers side by side.
COLUMNS = 3


def weights_table(network: Network | LayeredNetwork) -> list[Row]:
    """Return how many connections of each layer have each weight.

    Returns
    -------
    list of dict
        One for each layer and weight that it has, in rising order. A pruned connection is not a connection, so there is
        no weight 0. A layer without connections has one row, without a weight. The layers of a layered network have the
        rows of each projection, with its ``source``.
    """
    rows: list[Row] = []
    for cells, _, group in connections(network):
        values, counts = np.unique(group.row_weights, return_counts=True)
        rows += [
            {**cells, "weight": int(value), "connections": int(count), "share": int(count) / group.synapses}
            for value, count in zip(values, counts, strict=True)
        ] or [{**cells, "weight": None, "connections": 0, "share": None}]
    return rows


def draw_weights(network: Network | LayeredNetwork, name: str) -> "Figure":
    """Return the picture of a network's weights: a histogram for each layer, or each projection of a layered network.

    Parameters
    ----------
    network : Network or LayeredNetwork
    name : str
        Of the network.
    """
    groups = connections(network)
    chosen = shown_layers(len(groups))
    columns = min(len(chosen), COLUMNS)
    lines = -(-len(chosen) // columns)
    figure = new_figure(max(4.6 * columns, 6), 0.9 + 3.2 * lines)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, index in zip(panels, chosen, strict=False):
        _, title, group = groups[index]
        _draw_group(axes, group)
        axes.set_title(
            f"{title}: {group.sources:,} to {group.targets:,} neurons\n"
            f"{group.synapses:,} connections, connectivity {group.connectivity:.2%}",
            fontsize=10,
        )
    for axes in panels[len(chosen) :]:
        axes.set_axis_off()
    add_titles(
        figure,
        f"{name}: {network.synapses:,} connections, connectivity {network.connectivity:.2%}",
        left_out([title for _, title, _ in groups])
        + "Read from the network's file; nothing is simulated and no image is used. Integer weights, in units of the "
        "potential. Pruned connections have no weight. Connectivity is the share of possible connections kept, in the "
        "layers as they are now.",
    )
    return figure


def _draw_group(axes: "Axes", group: Connections) -> None:
    half = 1 << (group.weight_bits - 1)
    width = -(-2 * half // BARS)
    edges = np.arange(-half, half + 1, width)
    counts, _ = np.histogram(group.row_weights, [*edges[:-1], half])
    if width == 1:
        axes.bar(edges[:-1], counts, width=0.85, color=["tab:red" if weight < 0 else "tab:blue" for weight in edges[:-1]])
        if len(counts) <= 16:
            axes.set_xticks(edges[:-1], list(map(str, edges[:-1])), fontsize=8)
    else:
        axes.stairs(counts, edges, fill=True, color="tab:blue")
    axes.set_xlabel(f"weight ({group.weight_bits} bits)")
    axes.set_ylabel("connections" if width == 1 else f"connections in {width} weights")
    axes.yaxis.set_major_formatter(lambda count, position: f"{count:,.0f}" if count == int(count) else "")
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
