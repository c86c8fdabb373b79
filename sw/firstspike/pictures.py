"""Pictures of inferences."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from firstspike_spec.files import whole_file
from firstspike_spec.network import Network
from firstspike_spec.results import Results


def draw_inferences(
    path: Path, network: Network, images: np.ndarray, labels: np.ndarray, results: Results, *, chosen: Sequence[int]
) -> None:
    """Write a PNG of a few images, the spikes that they become, and the outputs' first-spike latencies.

    Parameters
    ----------
    path : path
    network : Network
    images : ndarray of uint8, shape (batch, height, width)
    labels : ndarray of int, shape (batch,)
    results : Results
        Without early exit, so that every latency is known.
    chosen : sequence of int
        Numbers of the images to draw.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    steps = network.time_steps
    spike_times = network.spike_times(images)
    figure = Figure(figsize=(2.1 * len(chosen), 6.8), layout="constrained")
    axes = figure.subplots(3, len(chosen), squeeze=False, height_ratios=(1, 1.3, 1))
    for column, image in enumerate(chosen):
        picture, raster, dots = axes[:, column]
        label, given = network.class_names[labels[image]], network.class_names[results.classes[image]]
        picture.imshow(images[image], cmap="gray_r")
        picture.set_title(f"{image}: true {label}, class {given}", fontsize=10, color="black" if label == given else "tab:red")
        picture.set_axis_off()

        spiking = spike_times[image] < steps
        raster.scatter(spike_times[image][spiking], np.flatnonzero(spiking), s=3, c="tab:blue", linewidths=0)
        raster.set(xlim=(-0.5, steps - 0.5), ylim=(network.inputs, 0), xticks=range(steps))
        raster.set_title(f"{int(spiking.sum())} input spikes", fontsize=9)

        latencies = results.latencies[image]
        fired = latencies < steps
        outputs = np.arange(network.outputs)
        colours = np.where(outputs == results.classes[image], "tab:orange", "tab:gray")
        dots.scatter(latencies[fired], outputs[fired], s=45, c=colours[fired])
        dots.scatter(latencies[~fired], outputs[~fired], s=14, c=colours[~fired], marker="x", linewidths=1)
        dots.set(xlim=(-0.5, steps + 0.5), ylim=(network.outputs - 0.5, -0.5), xticks=range(steps + 1), yticks=outputs)
        dots.set_xticklabels([*map(str, range(steps)), "none"], fontsize=8)
        dots.set_yticklabels(network.class_names, fontsize=8)
        dots.grid(alpha=0.3)
        dots.set_xlabel("time step")
        if column == 0:
            raster.set_ylabel("pixel")
            dots.set_ylabel("first-spike latency of output")
    with whole_file(path) as temporary:
        FigureCanvasAgg(figure).print_png(str(temporary))
