"""The plots of layered networks: their tables against plain loops, and pictures with a window for each layer."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from firstspike.plots.decisions import decisions_table
from firstspike.plots.firing import firing_table, firing_totals
from firstspike.plots.layered_raster import draw_layered_raster, layered_raster_table
from firstspike.plots.maps import draw_maps, maps_table
from firstspike.plots.one_image import image_figures
from firstspike.plots.style import step_colours
from firstspike.plots.weights import weights_table
from firstspike_spec import (
    InputCode,
    InputError,
    LayeredLayer,
    LayeredNetwork,
    Projection,
    infer,
    linear_kernel,
    save_network,
)
from firstspike_spec.inference.results import Results

from ...spec import naive_layered_model as naive
from ..layered_networks import colour_images, colour_network, digits_network

KINDS = ["decisions", "raster", "maps", "firing", "weights"]
NAMES, STEPS = ["input", "layer 0", "layer 1", "layer 2 (output)"], [16, 8, 8, 8]


@pytest.fixture(scope="module")
def layered():
    return colour_network({"dataset": "own"})


@pytest.fixture(scope="module")
def colours():
    return colour_images()


@pytest.fixture(scope="module")
def expected(layered, colours):
    return naive.infer(layered, naive.spike_times(layered, colours))


def test_firing(layered, colours, expected):
    rows, images = firing_table(layered, [infer(layered, colours[:11]), infer(layered, colours[11:])])
    assert images == len(colours)
    wanted = []
    for layer, (name, steps) in enumerate(zip(NAMES, STEPS, strict=True)):
        times = [time for run in expected for time in run["times"][layer]]
        wanted += [(name, step, times.count(step) / len(times)) for step in range(steps)]
    assert [(row["layer"], row["step"], row["share"]) for row in rows] == wanted
    assert list(dict.fromkeys((row["layer"], row["neurons"]) for row in rows)) == list(
        zip(NAMES, (432, 216, 45, 4), strict=True)
    )
    assert list(firing_totals(rows)) == NAMES


def test_raster(layered, colours, expected):
    rows = layered_raster_table(layered, infer(layered, colours[7:8]))
    wanted = []
    for layer, (name, steps, start) in enumerate(zip(NAMES, STEPS, (0, 16, 24, 32), strict=True)):
        for neuron, time in enumerate(expected[7]["times"][layer]):
            known = (time, start + time) if time < steps else (None, None)
            wanted.append((name, neuron, *known))
    assert [tuple(row.values()) for row in rows] == wanted
    figures = image_figures(layered, infer(layered, colours[7:8]), 2)
    assert (figures["true"], figures["class"]) == ("blue", layered.class_names[expected[7]["class"]])
    assert sum(figures["spikes"].values()) == expected[7]["spikes"]
    assert figures["decision_step"] == expected[7]["decision_step"]


def test_maps(layered, colours, expected):
    rows = maps_table(layered, infer(layered, colours[7:8]))
    wanted = []
    for name, layer, side in (("layer 0", 1, 6), ("layer 1", 2, 3)):
        for number, time in enumerate(expected[7]["times"][layer]):
            place = (number // side**2, number // side % side, number % side)
            wanted.append((name, *place, None if time == 8 else time))
    assert [tuple(row.values()) for row in rows] == wanted
    digits = digits_network()
    with pytest.raises(InputError, match="no convolution"):
        maps_table(digits, infer(digits, np.zeros((1, 28, 28), np.uint8)))


def test_weights(layered):
    rows = weights_table(layered)
    parts = {(0, "input"): 0, (1, "layer 0"): 0, (1, "input"): 1, (2, "layer 1"): 0}
    assert list(dict.fromkeys((row["layer"], row["source"]) for row in rows)) == list(parts)
    for (layer, source), place in parts.items():
        kept = layered.layers[layer].projections[place].dense()
        counts = {row["weight"]: row["connections"] for row in rows if (row["layer"], row["source"]) == (layer, source)}
        assert counts == {weight: int((kept == weight).sum()) for weight in sorted(set(kept[kept != 0].tolist()))}


def test_decisions(layered, colours, expected):
    results = Results.from_inference(infer(layered, colours), early_exit=False)
    rows = decisions_table(layered, results, np.zeros(len(colours), int))
    first = [min(run["times"][-1]) for run in expected]
    assert [row["images"] for row in rows] == [first.count(step) for step in range(9)]


def test_a_raster_has_a_window_for_each_layer(layered, colours):
    picture = colours[9]
    figure = draw_layered_raster(layered, infer(layered, picture[None]), picture, image=9, label=0, name="a", source="b")
    [output] = [axes for axes in figure.axes if axes.get_title(loc="left").startswith("layer 2 (output)")]
    assert output.get_xlim() == (-0.5, 39.5)
    assert output.get_xticks().tolist() == [7.5, 19.5, 27.5, 35.5]
    assert [label.get_text() for label in output.get_xticklabels()] == ["input", "layer 0", "layer 1", "layer 2"]
    assert [label.get_text() for label in output.get_yticklabels()] == list(layered.class_names)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert any(title.startswith("layer 0: ") and title.endswith("of 216 neurons spike, after max pooling") for title in titles)
    assert any("of 432 inputs spike" in title for title in titles)


def test_the_colours_of_a_raster_span_each_window(layered, colours):
    """The input has 16 steps, the layers have 8: the last step of each is the lightest."""
    picture = colours[9]
    inference = infer(layered, picture[None])
    figure = draw_layered_raster(layered, inference, picture, image=9, label=0, name="a", source="b")
    panels = [axes for axes in figure.axes if axes.get_title(loc="left").endswith(("spike", "max pooling"))]
    assert len(panels) == 4
    for axes, times, steps in zip(panels, inference.spike_times, STEPS, strict=True):
        spiking = times[0][times[0] < steps]
        np.testing.assert_array_equal(axes.collections[0].get_colors(), step_colours(steps)[spiking])
    [bar] = [axes for axes in figure.axes if axes.get_xlabel() == "time step of the input"]
    assert bar.get_xlim() == (-0.5, 15.5)


def test_nothing_is_pale_in_maps(layered, colours):
    figure = draw_maps(layered, infer(layered, colours[9:10]), colours[9], image=9, label=0, name="a", source="b")
    sheets = [image for axes in figure.axes if axes.get_title(loc="left").startswith("layer") for image in axes.images]
    assert len(sheets) == 2
    assert all((sheet.get_alpha() == 1).all() for sheet in sheets)
    assert "Early exit" not in figure.get_supxlabel()


@pytest.mark.parametrize("kind", KINDS)
def test_the_commands_draw_them(firstspike, layered, colours, tmp_path, kind):
    save_network(layered, tmp_path / "layered.safetensors")
    np.savez(tmp_path / "own.npz", x_test=colours, y_test=np.zeros(len(colours), np.uint8))
    data = () if kind == "weights" else ("--data", tmp_path / "own.npz")
    out = tmp_path / "a.png"
    shown = firstspike("plot", kind, tmp_path / "layered.safetensors", *data, "--out", out, "--json")
    assert shown.code == 0, shown.err
    assert out.stat().st_size > 1000
    with out.with_suffix(".csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) > 4
    if kind == "firing":
        assert shown.json["early_exit"] is False


@pytest.mark.parametrize("kind", ["raster", "firing", "weights"])
def test_a_deep_network_is_drawn_in_part(firstspike, tmp_path, kind):
    same = Projection.from_dense(0, np.eye(4, dtype=int), 2)
    layers = [LayeredLayer([replace_source(same, number)], [0] * 4, [2, 1]) for number in range(40)]
    deep = LayeredNetwork(InputCode(linear_kernel(2), [[128, 1]]), linear_kernel(2), layers, (2, 2))
    save_network(deep, tmp_path / "deep.safetensors")
    np.savez(tmp_path / "own.npz", x_test=np.full((2, 2, 2), 200, np.uint8), y_test=np.zeros(2, np.uint8))
    data = () if kind == "weights" else ("--data", tmp_path / "own.npz", "--dataset", "own")
    shown = firstspike("plot", kind, tmp_path / "deep.safetensors", *data, "--out", tmp_path / "a.png")
    assert shown.code == 0, shown.err
    with (tmp_path / "a.csv").open(newline="") as file:
        assert len({row["layer"] for row in csv.DictReader(file)}) == (40 if kind == "weights" else 41)


def replace_source(projection, source):
    return Projection.from_dense(source, projection.dense(), projection.weight_bits)


def test_networks_of_both_kinds_are_points_of_a_curve(firstspike, layered, network, tmp_path):
    for place, one in enumerate((layered, network)):
        facts = {"test_accuracy": 0.9, "connectivity_as_trained": 0.1 * (place + 1), "seed": place}
        save_network(replace(one, provenance=facts), tmp_path / f"{place}.safetensors")
    paths = [tmp_path / f"{place}.safetensors" for place in (0, 1)]
    assert firstspike("plot", "curve", *paths, "--out", tmp_path / "c.png", "--json").json["runs"] == 2
