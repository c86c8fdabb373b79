"""``firstspike plot``: a picture and its table, or one clear error and nothing."""

import csv
import warnings
from dataclasses import replace

import numpy as np
import pytest

from firstspike.pictures import new_figure, write_png
from firstspike.plots.maps import draw_maps
from firstspike.plots.output import write_plot
from firstspike_spec import InputError, infer, save_network

from ...spec.random_networks import random_map_network, random_network
from ..test_command_line import assert_refused

OF_NETWORKS = ["decisions", "raster", "firing", "weights"]
WITH_IMAGES = ["decisions", "raster", "firing"]


@pytest.fixture
def plot(firstspike, network_file, data_folder, tmp_path, monkeypatch):
    """``firstspike plot KIND`` for the small network, in a folder of its own."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def run(kind, *arguments, network=network_file):
        data = ("--data", data_folder, "--dataset", "own") if kind in WITH_IMAGES else ()
        return firstspike("plot", kind, network, *data, *arguments)

    return run


@pytest.fixture
def sweep(tmp_path):
    path = tmp_path / "sweep.csv"
    lines = ["method,seed,test_accuracy,connectivity_as_trained,test_images"]
    lines += [f"{method},{seed},0.9{seed},0.0{seed + 1},10000" for method in ("a", "_$b_$") for seed in range(3)]
    path.write_text("\n".join(lines))
    return path


def read_table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


def is_picture(path):
    from matplotlib.image import imread

    pixels = imread(path)
    return min(pixels.shape[:2]) > 300 and len(np.unique(pixels)) > 20


def test_help_lists_the_kinds(firstspike):
    assert "plot" in firstspike("--help").out
    shown = firstspike("plot", "--help").out
    for kind in ["curve", "maps", *OF_NETWORKS]:
        assert kind in shown
        assert "--json" in firstspike("plot", kind, "--help").out


@pytest.mark.parametrize("kind", OF_NETWORKS)
def test_a_picture_and_its_table_are_named_after_the_network(plot, tmp_path, kind):
    shown = plot(kind)
    assert shown.code == 0, shown.err
    stem = "small-raster-0" if kind == "raster" else f"small-{kind}"
    assert files_in(tmp_path / "here") == [f"{stem}.csv", f"{stem}.png"]
    assert shown.out.startswith(f"wrote {stem}.png and {stem}.csv: ")
    assert shown.out.count("\n") == 1
    assert is_picture(tmp_path / "here" / f"{stem}.png")


def test_decisions(plot, tmp_path, network, images):
    out = tmp_path / "new" / "d.png"
    shown = plot("decisions", "--out", out, "--json").json
    assert (shown["kind"], shown["picture"], shown["table"]) == ("decisions", str(out), str(out.with_suffix(".csv")))
    assert (shown["images"], shown["accuracy"]) == (40, pytest.approx(38 / 40))
    assert shown["decision_step_mean"] == pytest.approx(infer(network, images).decision_steps.mean())
    assert sum(int(row["images"]) for row in read_table(out.with_suffix(".csv"))) == 40
    assert plot("decisions", "--limit", 7, "--json").json["images"] == 7


def test_raster(plot, tmp_path, network, images):
    shown = plot("raster", "--image", 5, "--json").json
    expected = infer(network, images[5:6], early_exit=False)
    assert shown["class"] == shown["true"] == str(expected.classes[0])
    assert shown["decision_step"] == expected.decision_steps[0]
    rows = read_table(tmp_path / "here" / "small-raster-5.csv")
    times = [int(row["spike_time"] or network.time_steps) for row in rows]
    assert times == [time for layer in expected.spike_times for time in layer[0]]


def test_maps(firstspike, tmp_path):
    """A picture of as many maps as fill rows and more; a network without any is refused."""
    network, images = random_map_network(4, channels=(13, 5)), np.random.default_rng(1).integers(0, 256, (3, 9, 8))
    data = write_data(tmp_path / "data", images.astype(np.uint8), [0, 1, 2])
    save_network(network, tmp_path / "conv.safetensors")
    save_network(replace(random_network(7, (72, 9, 3)), input_shape=(9, 8)), tmp_path / "flat.safetensors")
    options = ("--image", 2, "--data", data, "--dataset", "own", "--out", tmp_path / "new" / "m.png")
    shown = firstspike("plot", "maps", tmp_path / "conv.safetensors", *options)
    assert shown.code == 0, shown.err
    assert is_picture(tmp_path / "new" / "m.png")
    assert len(read_table(tmp_path / "new" / "m.csv")) == 18 * 20
    options = (*options[:-1], tmp_path / "other" / "m.png")
    assert_refused(firstspike("plot", "maps", tmp_path / "flat.safetensors", *options), "no convolution")
    assert files_in(tmp_path / "other") == []


@pytest.mark.parametrize("exit_option", ["--early-exit", "--all-steps"])
def test_firing(plot, network, images, exit_option, monkeypatch):
    monkeypatch.setattr("firstspike.commands.plot.BATCH", 16)
    shown = plot("firing", exit_option, "--json").json
    expected = infer(network, images, early_exit=exit_option == "--early-exit")
    shares = [float((times < network.time_steps).mean()) for times in expected.spike_times]
    assert list(shown["firing"].values()) == pytest.approx(shares)
    assert shown["images"] == 40


def test_weights(plot, network):
    shown = plot("weights", "--json").json
    assert shown["synapses"] == network.synapses
    assert [layer["connectivity"] for layer in shown["layers"]] == [layer.connectivity for layer in network.layers]


def test_the_split_is_the_one_asked_for(plot, data_folder):
    for path in data_folder.iterdir():
        path.rename(path.with_name(path.name.replace("t10k", "train")))
    assert_refused(plot("firing"), "has no t10k-images")
    assert plot("firing", "--split", "train").code == 0
    assert_refused(plot("firing", "--split", "best"), "unknown split 'best': name one of train, test")


def test_curve(plot, sweep, tmp_path):
    shown = plot("curve", "--by", "method", "--json", network=sweep).json
    assert (shown["runs"], shown["points"], shown["lines"], shown["left_out"]) == (6, 2, 2, 0)
    assert shown["best"]["test_accuracy"] == pytest.approx(0.91)
    rows = read_table(tmp_path / "here" / "sweep-curve.csv")
    assert [(row["line"], row["runs"], row["test_accuracy_min"], row["test_accuracy_max"]) for row in rows] == [
        ("_$b_$", "3", "0.9", "0.92"), ("a", "3", "0.9", "0.92"),
    ]  # fmt: skip
    assert is_picture(tmp_path / "here" / "sweep-curve.png")


def test_curve_of_other_columns_and_of_networks(plot, sweep, network, tmp_path):
    assert plot("curve", "--x", "seed", "--y", "connectivity_as_trained", "--by", "seed", network=sweep).code == 0
    paths = [tmp_path / f"{place}.safetensors" for place in (1, 2, 3)]
    for place, path in enumerate(paths):
        facts = {"test_accuracy": 0.9, "connectivity_as_trained": 0.01 * 30**place / 20, "seed": place}
        save_network(replace(network, provenance=facts), path)
    shown = plot("curve", *paths[1:], "--json", network=paths[0]).json
    assert (shown["runs"], shown["points"]) == (3, 1)


def test_seeds_that_join_nothing_are_told_of(plot, sweep):
    text = sweep.read_text().splitlines()
    sweep.write_text("\n".join([f"{text[0]},joules", *(f"{line},{place}" for place, line in enumerate(text[1:]))]))
    assert "--ignore COLUMN" in plot("curve", network=sweep).err
    assert plot("curve", "--ignore", "joules", network=sweep).err == ""


@pytest.mark.parametrize("kind", OF_NETWORKS)
def test_odd_networks_are_drawn_too(firstspike, tmp_path, kind):
    """Many steps and classes, wide weights, a layer of one neuron, and names that look like formulas."""
    odd = random_network(3, (16, 1, 35), time_steps=40, bits=9, connectivity=1.0, spread=0)
    names = tuple(f"$x_{place}^$ {{" for place in range(35))
    path = tmp_path / "$odd_$.safetensors"
    save_network(replace(odd, input_shape=(4, 4), class_names=names), path)
    folder = write_data(tmp_path / "few", np.zeros((2, 4, 4), np.uint8), [3, 34])
    data = ("--data", folder, "--dataset", "own") if kind in WITH_IMAGES else ()
    shown = firstspike("plot", kind, path, *data, "--out", tmp_path / f"{kind}.png")
    assert shown.code == 0, shown.err
    assert is_picture(tmp_path / f"{kind}.png")


@pytest.mark.parametrize("kind", OF_NETWORKS)
def test_a_deep_network_is_drawn_in_part_and_its_table_is_whole(firstspike, tmp_path, monkeypatch, kind):
    """The small print says which layers are left out; before, each made the picture higher, and 256 took a minute."""
    small_prints, higher = [], []
    monkeypatch.setattr("firstspike.plots.output.write_png", lambda figure, path: (
        small_prints.append(" ".join(figure.get_supxlabel().split())), higher.append(figure.get_figheight()),
        path.write_bytes(b"a"),
    ))  # fmt: skip
    folder = write_data(tmp_path / "few", np.zeros((2, 2, 2), np.uint8), [1, 0])
    data = ("--data", folder, "--dataset", "own") if kind in WITH_IMAGES else ()
    for layers in (11, 40):
        deep = replace(random_network(3, (4,) + (2,) * layers), input_shape=(2, 2))
        save_network(deep, tmp_path / f"{layers}.safetensors")
        shown = firstspike("plot", kind, tmp_path / f"{layers}.safetensors", *data, "--out", tmp_path / f"{kind}{layers}.png")
        assert shown.code == 0, shown.err
    assert higher[0] == higher[1]
    assert "Not drawn" not in small_prints[0]
    if kind != "decisions":
        first = 6 if kind == "weights" else 5  # the input is drawn, too
        assert f"Not drawn, but in the table: layer {first} to layer 33." in small_prints[1]
        assert len({row["layer"] for row in read_table(tmp_path / f"{kind}40.csv")}) == (40 if kind == "weights" else 41)


def test_many_maps_are_drawn_in_part(monkeypatch):
    monkeypatch.setattr("firstspike.plots.maps.MOST_MAPS", 12)
    network = random_map_network(4, channels=(13, 5))
    picture = np.random.default_rng(1).integers(0, 256, (9, 8)).astype(np.uint8)
    inference = infer(network, picture[None], early_exit=False)
    figure = draw_maps(network, inference, picture, image=0, label=0, name="a", source="b")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    [title] = [title for title in titles if title.startswith("layer 0: 13 maps")]
    assert "(12 drawn)" in title


def test_characters_that_the_font_lacks_are_told_of_once(plot, network, tmp_path):
    names = tuple(f"\u4e2d\u6587{place}" for place in range(network.outputs))
    save_network(replace(network, class_names=names), tmp_path / "named.safetensors")
    shown = plot("raster", network=tmp_path / "named.safetensors")
    assert shown.code == 0
    told = "note: some characters, such as of class names, are not in Matplotlib's font and are drawn as boxes\n"
    assert shown.err == told


def test_other_warnings_of_a_picture_stay(tmp_path, monkeypatch):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    monkeypatch.setattr(FigureCanvasAgg, "print_png", lambda canvas, path: warnings.warn("something else", stacklevel=1))
    with pytest.warns(UserWarning, match="something else"):
        write_png(new_figure(1, 1), tmp_path / "a.png")


def write_data(folder, images, labels):
    folder.mkdir()
    for name, array in (("images-idx3", images), ("labels-idx1", np.array(labels, np.uint8))):
        header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
        (folder / f"t10k-{name}-ubyte").write_bytes(header + array.tobytes())
    return folder


@pytest.mark.parametrize("image", [-1, 40])
def test_an_image_out_of_range_is_refused(plot, tmp_path, image):
    assert_refused(plot("raster", "--image", image), f"image must be in 0 .. 39, not {image}")
    assert files_in(tmp_path / "here") == []


@pytest.mark.parametrize("kind", OF_NETWORKS)
def test_a_file_that_is_no_network_is_refused(plot, image_file, tmp_path, kind):
    assert_refused(plot(kind, network=image_file), str(image_file), "not a safetensors file")
    assert_refused(plot(kind, network=tmp_path / "none.safetensors"), "cannot read")
    assert files_in(tmp_path / "here") == []


@pytest.mark.parametrize("kind", WITH_IMAGES)
def test_images_and_labels_that_do_not_fit_are_refused(firstspike, network_file, tmp_path, kind):
    for name, size, label, message in (
        ("large", 5, 0, "images must have the shape (batch, 4, 4)"),
        ("many", 4, 4, "labels must be in 0 .. 3, the network's classes"),
    ):
        folder = write_data(tmp_path / name, np.zeros((2, size, size), np.uint8), [0, label])
        out = tmp_path / f"{name}.png"
        assert_refused(firstspike("plot", kind, network_file, "--data", folder, "--dataset", "own", "--out", out), message)
        assert not out.exists()


@pytest.mark.parametrize("kind", ["curve", *OF_NETWORKS])
def test_outputs_that_cannot_be_written_are_refused_first(plot, sweep, network_file, tmp_path, kind):
    source = sweep if kind == "curve" else network_file
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "table.csv").mkdir()
    before = files_in(tmp_path)
    for out, message in (
        ("file/p.png", "choose a folder"),
        ("folder.png", "it is a folder"),
        ("table.png", "it is a folder"),
        ("p.pdf", "a picture's name ends with .png; name it p.png"),
    ):
        assert_refused(plot(kind, "--out", tmp_path / out, network=source), "cannot write", message)
    assert files_in(tmp_path) == before


def test_the_results_are_not_overwritten(plot, sweep, monkeypatch):
    content = sweep.read_text()
    monkeypatch.chdir(sweep.parent)
    assert_refused(plot("curve", "--out", "sweep.png", network=sweep), "would overwrite", str(sweep), "--out")
    assert sweep.read_text() == content


@pytest.mark.parametrize(
    ("column", "option"), [("energy", "--y"), ("energy", "--x"), ("energy", "--by"), ("energy", "--ignore")]
)
def test_a_missing_column_is_refused(plot, sweep, tmp_path, column, option):
    assert_refused(plot("curve", option, column, network=sweep), "column 'energy'", "method, seed, test_accuracy")
    sweep.write_text("")
    assert_refused(plot("curve", network=sweep), "holds no run")
    assert files_in(tmp_path / "here") == []


def test_a_failure_while_drawing_leaves_nothing(tmp_path, monkeypatch):
    def fail(figure, path):
        path.write_bytes(b"half a pict")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("firstspike.plots.output.write_png", fail)
    with pytest.raises(InputError, match="No space left on device"):
        write_plot(tmp_path / "p.png", None, [{"a": 1}])
    assert files_in(tmp_path) == []
    (tmp_path / "p.png").write_bytes(b"old")
    (tmp_path / "p.csv").write_bytes(b"old")
    with pytest.raises(InputError):
        write_plot(tmp_path / "p.png", None, [{"a": 1}])
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"old"}
    assert files_in(tmp_path) == ["p.csv", "p.png"]
