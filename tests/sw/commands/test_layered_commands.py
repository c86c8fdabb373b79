"""The commands with layered networks: they work as with others, or refuse with one line that says what to do."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from firstspike_spec import infer, load_network, profile, save_network

from ...spec import naive_layered_model as naive
from ..layered_networks import colour_images, colour_network, digits_network, spikes_network
from ..test_command_line import assert_refused

CHAIN_REFUSES = "the network is layered, and the chain of layers runs step-by-step networks only"
KINDS = ["decisions", "raster", "maps", "firing", "weights"]


@pytest.fixture(scope="module")
def layered():
    return colour_network({"dataset": "own", "seed": 3})


@pytest.fixture
def layered_file(layered, tmp_path):
    save_network(layered, tmp_path / "layered.safetensors")
    return tmp_path / "layered.safetensors"


@pytest.fixture
def spikes_file(tmp_path):
    save_network(spikes_network(), tmp_path / "spikes.safetensors")
    return tmp_path / "spikes.safetensors"


@pytest.fixture
def colours_file(tmp_path):
    np.save(tmp_path / "colours.npy", colour_images())
    return tmp_path / "colours.npy"


@pytest.fixture
def colour_data(layered, tmp_path):
    """Images in both splits, labelled by the golden model but for the first test image."""
    images = colour_images()
    labels = infer(layered, images).classes.astype(np.uint8)
    wrong = labels.copy()
    wrong[0] = (wrong[0] + 1) % 4
    np.savez(tmp_path / "own.npz", x_train=images[:20], y_train=labels[:20], x_test=images, y_test=wrong)
    return tmp_path / "own.npz"


@pytest.fixture
def narrow(firstspike, monkeypatch):
    """What a command prints on 80 columns; no line is too long, and nothing was left out."""
    monkeypatch.setenv("COLUMNS", "80")

    def show(*arguments):
        finished = firstspike(*arguments)
        assert finished.code == 0, finished.err
        assert "…" not in finished.out
        lines = [line for line in finished.out.splitlines() if not line.startswith(("wrote ", "256 real"))]
        assert max(map(len, lines)) <= 80
        return finished.out

    return show


def test_info(narrow, firstspike, layered, layered_file, spikes_file):
    shown = narrow("info", layered_file)
    flowing = " ".join(shown.split())
    for part in (
        "layered network, 3 x 12 x 12 pixels",
        "input: 16 time steps, in which a spike counts 16, 15, 14, ",
        "a pixel of channel 0 spikes when it reaches 240, 225, ",
        "a pixel of channel 2 spikes when it reaches 144, 135, ",
        "layers: 8 time steps, in which a spike counts 8, 7, 6, 5, 4, 3, 2, 1",
        "layer 0: max pooling by 2: 6 x 6 x 6 spikes at most",
        "layer 1: of layer 0: 3 x 3 of 6 x 6 x 6 sources, padding 1",
        "layer 1: of input: 1 x 1 of 3 x 12 x 12 sources, pooled by 2",
        "layer 2: thresholds 160, 140, 120, 100, 80, 60, 40, 20",
        "classes: red, green, blue, grey",
        f"digest: {layered.digest}",
        "seed: 3",
    ):
        assert part in flowing
    assert "activity" not in flowing
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if line.startswith("│")]
    assert [row[:3] for row in rows] == [
        ["0", "864", "input"], ["1", "180", "layer 0"], ["", "", "input"], ["2", "4", "layer 1"], ["all", "", ""],
    ]  # fmt: skip
    parts = [part for layer in layered.layers for part in layer.projections]
    assert [(row[3], row[5]) for row in rows[:-1]] == [(str(part.synapses), str(part.weight_bits)) for part in parts]
    assert "-bit potentials" in narrow("info", layered_file, "--verbose")
    assert firstspike("info", layered_file, "--json").json == json.loads(json.dumps(layered.summary()))
    assert "layered network, 12 spike times" in narrow("info", spikes_file)


def test_run(narrow, firstspike, layered, layered_file, colours_file, tmp_path):
    expected = naive.infer(layered, naive.spike_times(layered, colour_images()))
    common = ("run", layered_file, "--input", colours_file)
    assert "first-spike latency of class" in narrow(*common)
    reports = [firstspike(*common, exits, "--json").json["images"] for exits in ("--early-exit", "--all-steps")]
    assert reports[0] == reports[1]
    for row, run in zip(reports[0], expected, strict=True):
        assert row["latencies"] == [None if time == 8 else time for time in run["times"][-1]]
        assert row["potentials"] == run["potentials"][-1]
        assert (row["class"], row["decision_step"]) == (layered.class_names[run["class"]], run["decision_step"])
    for name in ("r.csv", "r.npz"):
        assert firstspike(*common, "--output", tmp_path / name).code == 0
    with (tmp_path / "r.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["potential_blue"] for row in rows] == [str(run["potentials"][-1][2]) for run in expected]
    with np.load(tmp_path / "r.npz") as arrays:
        np.testing.assert_array_equal(arrays["latencies"], [run["times"][-1] for run in expected])
        assert arrays["time_steps"] == 8
        assert arrays["reported"].all()


def test_run_on_a_colour_picture(firstspike, layered, layered_file, tmp_path):
    picture = colour_images()[20]
    Image.fromarray(picture.transpose(1, 2, 0)).save(tmp_path / "a.png")
    [row] = firstspike("run", layered_file, "--input", tmp_path / "a.png", "--json").json["images"]
    assert row["class"] == layered.class_names[infer(layered, picture[None]).classes[0]]


def test_images_in_which_nothing_spikes_are_told(firstspike, layered_file, tmp_path):
    """The lowest threshold of any channel is 9."""
    for brightest, told in ((8, True), (9, False)):
        np.save(tmp_path / "dark.npy", np.full((2, 3, 12, 12), brightest, np.uint8))
        shown = firstspike("run", layered_file, "--input", tmp_path / "dark.npy")
        assert shown.code == 0
        assert ("no pixel of 2 images reaches the lowest threshold 9: nothing spikes" in shown.err) == told


def test_validate(narrow, firstspike, layered_file, colour_data, layered):
    common = ("validate", layered_file, "--data", colour_data)
    shown = narrow(*common)
    assert "accuracy by first spike" in shown
    assert "steps saved" not in shown
    reports = [firstspike(*common, exits, "--json").json for exits in ("--early-exit", "--all-steps")]
    assert reports[0] == reports[1]
    report = reports[0]
    assert (report["mismatches"], report["early_exit"], report["steps_saved"]) == (0, False, 0.0)
    assert report["accuracy"] == pytest.approx(29 / 30)
    expected = naive.infer(layered, naive.spike_times(layered, colour_images()))
    assert report["synaptic_operations_mean"] == pytest.approx(np.mean([run["synaptic_operations"] for run in expected]))
    assert report["decision_step_mean"] == pytest.approx(np.mean([run["decision_step"] for run in expected]))


def test_throughput_selftest_and_load(narrow, firstspike, layered_file, colour_data):
    common = ("throughput", layered_file, "--device", "golden", "--data", colour_data)
    assert "images/s, end to end, by this host's clock" in narrow(*common)
    assert firstspike(*common, "--json").json["early_exit"] is False
    told = " ".join(narrow("selftest", layered_file).replace("│", " ").split())
    assert "10 images: " in told
    assert "passed" in told
    assert "early exit" not in told
    assert firstspike("load", layered_file, "--device", "golden").out.startswith("loaded ")


def test_profile(narrow, firstspike, layered, layered_file, colour_data):
    shown = firstspike("profile", layered_file, "--data", colour_data, "--json").json
    measured, expected = load_network(layered_file), profile(layered, colour_images()[:20])
    parts = [part for layer in measured.layers for part in layer.projections]
    for part, wanted in zip(parts, (part for layer in expected.layers for part in layer.projections), strict=True):
        np.testing.assert_array_equal(part.activity, wanted.activity)
    assert measured.digest == layered.digest == shown["digest"]
    assert [(row["layer"], row["source"]) for row in shown["layers"]] == [
        (0, "input"), (1, "layer 0"), (1, "input"), (2, "layer 1"),
    ]  # fmt: skip
    assert [row["expected_operations"] for row in shown["layers"]] == [part.expected_operations for part in parts]
    text = narrow("profile", layered_file, "--data", colour_data)
    assert "sources that never spiked" in text
    assert "early exit" not in text
    assert "synaptic operations per image (training images)" in narrow("info", layered_file)


def test_demo(narrow, tmp_path):
    save_network(digits_network(), tmp_path / "digits.safetensors")
    shown = narrow("demo", tmp_path / "digits.safetensors", "--device", "golden", "--out", tmp_path / "out")
    assert "0 mismatches" in shown
    assert (tmp_path / "out" / "digits.png").exists()
    with (tmp_path / "out" / "results.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 256


def test_demo_with_another_data_set(firstspike, layered, layered_file, colour_data, tmp_path):
    """It shows the first 32 test images."""
    options = ("--device", "golden", "--out", tmp_path / "out", "--data", colour_data)
    shown = firstspike("demo", layered_file, *options)
    images = min(32, len(colour_images()))
    assert f"{images} real test images of own on golden" in shown.out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["own.png", "results.csv"]
    told = firstspike("demo", layered_file, *options, "--json").json
    assert (told["dataset"], told["images"], told["picture"]) == ("own", images, str(tmp_path / "out" / "own.png"))
    assert_refused(firstspike("demo", layered_file, "--device", "golden", "--out", tmp_path / "x"), "unknown data set 'own'")


@pytest.mark.parametrize("command", ["run", "validate", "throughput", "load", "selftest", "demo"])
def test_a_port_that_is_not_there(firstspike, layered_file, colours_file, colour_data, tmp_path, command):
    options = {
        "run": ("--input", colours_file, "--output", tmp_path / "r.csv"),
        "validate": ("--data", colour_data),
        "throughput": ("--data", colour_data),
        "demo": ("--out", tmp_path / "out"),
    }.get(command, ())
    if command == "demo":
        save_network(digits_network(), layered_file)
    shown = firstspike(command, layered_file, "--device", "serial:/dev/nowhere", *options)
    assert_refused(shown, "/dev/nowhere")
    assert not (tmp_path / "r.csv").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("emit", "--out", "x"), CHAIN_REFUSES),
        (("plan", "--fpga", "ecp5-85k"), "which runs on the standard processors of boards: leave out --fpga"),
        (("build", "--board", "ulx3s-85f"), "which needs no bitstream of its own: build the board's processor"),
        (("simulate", "--board", "icebreaker"), "icebreaker has no standard processor, which layered networks need"),
        (("simulate", "--lanes", "4"), "the standard processor of ulx3s-85f has its own number of lanes; leave out --lanes"),
    ],
)
def test_the_hardware_refuses(firstspike, layered_file, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    command, *rest = options
    assert_refused(firstspike(command, layered_file, *rest), message)
    assert sorted(tmp_path.iterdir()) == before


def test_a_standard_processor_has_its_own_lanes(firstspike):
    assert_refused(
        firstspike("build", "--board", "ulx3s-85f", "--lanes", "4"), "has its own number of lanes; leave out --lanes"
    )


def test_a_benchmark_refuses(firstspike, layered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_network(layered, tmp_path / "mnist-mlp-2.safetensors")
    assert_refused(firstspike("benchmark", "fast", "--networks", "."), "mnist-mlp-2.safetensors: " + CHAIN_REFUSES)
    assert [path.name for path in tmp_path.iterdir()] == ["mnist-mlp-2.safetensors"]


@pytest.mark.parametrize(
    "command", ["run", "validate", "throughput", "profile", "demo", *(f"plot {kind}" for kind in KINDS[:4])]
)
def test_a_network_of_spike_times_refuses_images(firstspike, spikes_file, colours_file, colour_data, tmp_path, command):
    before = spikes_file.read_bytes()
    options = {
        "run": ("--input", colours_file),
        "throughput": ("--data", colour_data, "--device", "golden"),
        "demo": ("--device", "golden", "--out", tmp_path / "out"),
    }.get(command, ("--data", colour_data))
    shown = firstspike(*command.split(), spikes_file, *options)
    assert_refused(shown, "the network takes spike times and no images", "Accelerator.run_spikes")
    assert spikes_file.read_bytes() == before


def test_a_network_of_spike_times_without_images(firstspike, spikes_file, tmp_path):
    assert firstspike("selftest", spikes_file).code == 0
    assert firstspike("load", spikes_file, "--device", "golden").code == 0
    assert firstspike("plot", "weights", spikes_file, "--out", tmp_path / "w.png").code == 0


def test_calibrate_refuses(firstspike, layered_file, tmp_path):
    out = tmp_path / "out.safetensors"
    shown = firstspike("calibrate", layered_file, "--out", out, "--accuracy", 0.9, "--dataset", "mnist")
    assert_refused(shown, "the network is layered", "name a step-by-step network")
    assert not out.exists()
