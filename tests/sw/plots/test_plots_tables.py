"""The plots' tables, against counts made one image, one neuron and one weight at a time."""

import csv
import json

import numpy as np
import pytest

from firstspike import Accelerator
from firstspike.plots.curve import counted_images, curve_figures, curve_table
from firstspike.plots.decisions import decisions_figures, decisions_table
from firstspike.plots.firing import firing_table, firing_totals
from firstspike.plots.maps import maps_table, spike_maps
from firstspike.plots.one_image import image_figures
from firstspike.plots.raster import raster_table
from firstspike.plots.runs import read_runs
from firstspike.plots.weights import weights_table
from firstspike_spec import InputError, Layer, Network, infer

from ...spec.random_networks import random_map_network, random_network

NETWORKS = [
    random_network(7, (16, 9, 4), connectivity=0.6, threshold=6, spread=0),  # some images end without an output spike
    random_network(2, (16, 5), time_steps=7, connectivity=0.3, spread=0),
    random_network(5, (16, 11, 6, 3), time_steps=2, connectivity=0.8),
]


def brute_force(network, image):
    """Return the spike times of each layer and the class of one image, as docs/contract.md says, without early exit."""
    steps = network.time_steps
    times = [[next((t for t in range(steps) if pixel >= network.encoder.thresholds[t]), steps) for pixel in image]]
    for layer in network.layers:
        weights, own, judged = layer.dense().tolist(), [], []
        for target in range(layer.targets):
            potential, spike = int(layer.initial_potentials[target]), steps
            for step in range(steps):
                if spike == steps:
                    potential += sum(w for w, time in zip(weights[target], times[-1], strict=True) if time == step)
                    spike = step if potential >= layer.threshold else steps
            own.append(spike)
            judged.append(potential)
        times.append(own)
    best = min(range(network.outputs), key=lambda output: (times[-1][output], -judged[output], output))
    return times, best


@pytest.mark.parametrize("network", NETWORKS)
def test_decisions(network, images):
    labels = np.arange(len(images)) % network.outputs
    with Accelerator.open("golden", network=network) as accelerator:
        results = accelerator.run(images, early_exit=False)
    rows = decisions_table(network, results, labels)

    runs = [brute_force(network, image.tolist()) for image in images]
    first = [min(times[-1]) for times, _ in runs]
    assert len(rows) == network.time_steps + 1
    for place, row in enumerate(rows):
        here = [index for index, step in enumerate(first) if step == place]
        right = [index for index in here if runs[index][1] == labels[index]]
        assert row == {
            "step": min(place, network.time_steps - 1),
            "decided_by": "largest potential" if place == network.time_steps else "first spike",
            "images": len(here),
            "share": len(here) / len(images),
            "right": len(right),
            "accuracy": len(right) / len(here) if here else None,
        }
    figures = decisions_figures(rows)
    inference = infer(network, images)
    assert figures["accuracy"] == pytest.approx((inference.classes == labels).mean())
    assert figures["decision_step_mean"] == pytest.approx(inference.decision_steps.mean())
    assert figures["no_output_spike"] == first.count(network.time_steps) / len(images)


def test_the_networks_here_decide_in_every_way(images):
    steps = {min(brute_force(NETWORKS[0], image.tolist())[0][-1]) for image in images}
    assert NETWORKS[0].time_steps in steps
    assert len(steps) > 2


@pytest.mark.parametrize("early_exit", [True, False])
@pytest.mark.parametrize("network", NETWORKS)
def test_firing(network, images, early_exit):
    batches = (infer(network, images[first : first + 15], early_exit=early_exit) for first in range(0, len(images), 15))
    rows, count = firing_table(network, batches)
    assert count == len(images)

    names = ["input", *(f"layer {index}" for index in range(len(network.layers)))]
    names[-1] += " (output)"
    runs = [brute_force(network, image.tolist())[0] for image in images]
    expected = iter(rows)
    for index, name in enumerate(names):
        by_then = 0
        for step in range(network.time_steps):
            spikes = sum(
                time == step and not (early_exit and min(times[-1]) < step) for times in runs for time in times[index]
            )
            by_then += spikes
            row, possible = next(expected), len(runs[0][index]) * len(images)
            assert (row["layer"], row["step"], row["neurons"]) == (name, step, len(runs[0][index]))
            assert row["share"] == pytest.approx(spikes / possible)
            assert row["share_by_then"] == pytest.approx(by_then / possible)
    assert next(expected, None) is None
    assert firing_totals(rows)["input"] == rows[network.time_steps - 1]["share_by_then"]


@pytest.mark.parametrize("network", NETWORKS)
def test_raster(network, images):
    for image in images[:6]:
        times, given = brute_force(network, image.tolist())
        inference = infer(network, image[None], early_exit=False)
        rows = raster_table(network, inference)
        steps = network.time_steps
        assert [row["spike_time"] for row in rows] == [None if t == steps else t for layer in times for t in layer]
        assert [row["neuron"] for row in rows] == [neuron for layer in times for neuron in range(len(layer))]
        early = infer(network, image[None]).spike_times
        assert [row["with_early_exit"] for row in rows] == [int(t < steps) for layer in early for t in layer[0]]
        figures = image_figures(network, inference, label=1)
        assert figures["class"] == str(given)
        assert figures["true"] == "1"
        assert list(figures["spikes"].values()) == [sum(t < steps for t in layer) for layer in times]


def test_maps():
    """Each place of each map is the neuron whose number the contract gives it; fully connected layers have none."""
    network = random_map_network(4, channels=(13, 5), threshold=3)
    picture = np.random.default_rng(1).integers(0, 256, (1, 9, 8)).astype(np.uint8)
    inference = infer(network, picture, early_exit=False)
    rows, steps = maps_table(network, inference), network.time_steps
    assert len(rows) == 13 * 5 * 4 + 5 * 5 * 4
    for row in rows:
        index = ["layer 0", "layer 1"].index(row["layer"])
        time = inference.spike_times[index + 1][0, row["channel"] * 20 + row["row"] * 4 + row["column"]]
        assert row["spike_time"] == (None if time == steps else time)
        assert row["with_early_exit"] == (time <= inference.decision_steps[0])
    assert len({(row["layer"], row["channel"], row["row"], row["column"]) for row in rows}) == len(rows)
    assert len({row["spike_time"] for row in rows}) > 2
    with pytest.raises(InputError, match=r"no convolution, .* firstspike plot raster"):
        spike_maps(NETWORKS[0], infer(NETWORKS[0], np.zeros((1, 16), np.uint8), early_exit=False))


@pytest.mark.parametrize("network", NETWORKS)
def test_weights(network):
    rows = weights_table(network)
    assert sum(row["connections"] for row in rows) == network.synapses
    for index, layer in enumerate(network.layers):
        kept = [weight for line in layer.dense().tolist() for weight in line if weight]
        expected = [(weight, kept.count(weight), kept.count(weight) / len(kept)) for weight in sorted(set(kept))]
        got = [(row["weight"], row["connections"], row["share"]) for row in rows if row["layer"] == index]
        assert got == expected


def test_weights_of_a_layer_without_connections():
    layer = Layer.from_dense(np.zeros((2, 16), int), [0, 0], 1, 4)
    network = Network(NETWORKS[0].encoder, (layer,), (16,))
    assert weights_table(network) == [{"layer": 0, "weight": None, "connections": 0, "share": None}]


def sweep_rows():
    """Return three methods at two budgets with up to three seeds, in no order, and one run that gave nothing."""
    generator = np.random.default_rng(4)
    rows = [
        {
            "method": method,
            "connectivity_budget": budget,
            "seed": seed,
            "test_accuracy": round(float(generator.uniform(0.9, 1)), 6),
            "validation_accuracy": round(float(generator.uniform(0.9, 1)), 6),
            "connectivity_as_trained": round(budget * float(generator.uniform(0.9, 1)), 6),
            "mean_decision_step": round(float(generator.uniform(0, 3)), 6),
            "training_seconds": round(float(generator.uniform(10, 20)), 6),
        }
        for method in ("gradr", "magnitude", "_none")
        for budget in (0.1, 0.02)
        for seed in range(1 if method == "_none" else 3)
    ]
    generator.shuffle(rows)
    return [*rows, dict.fromkeys(rows[0], "") | {"method": "gradr", "connectivity_budget": 0.5, "seed": 9}]


def write_sweep(path, rows):
    if path.suffix == ".json":
        path.write_text(json.dumps([{name: None if value == "" else value for name, value in row.items()} for row in rows]))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".json"])
@pytest.mark.parametrize("y", ["test_accuracy", "mean_decision_step"])
def test_runs_that_differ_only_in_seed_are_joined(tmp_path, suffix, y):
    written = sweep_rows()
    x = "connectivity_as_trained"
    rows, left_out = curve_table(read_runs([write_sweep(tmp_path / f"sweep{suffix}", written)]), x, y, "method")
    assert left_out == 1
    assert [row["line"] for row in rows] == ["_none"] * 2 + ["gradr"] * 2 + ["magnitude"] * 2
    for row in rows:
        group = (row["line"], row["connectivity_budget"])
        same = [run for run in written[:-1] if (run["method"], str(run["connectivity_budget"])) == group]
        assert row["runs"] == len(same) == (1 if row["line"] == "_none" else 3)
        for name in (x, y):
            values = [run[name] for run in same]
            assert row[f"{name}_mean"] == pytest.approx(sum(values) / len(values))
            assert (row[f"{name}_min"], row[f"{name}_max"]) == (min(values), max(values))
    for line in ("gradr", "magnitude", "_none"):
        places = [row[f"{x}_mean"] for row in rows if row["line"] == line]
        assert places == sorted(places)
    figures = curve_figures(rows, x, y)
    assert (figures["runs"], figures["points"], figures["lines"]) == (14, 6, 3)
    assert figures["best"][y] == max(row[f"{y}_mean"] for row in rows)


def test_lines_are_sorted_by_number(tmp_path):
    rows = [{"alpha": alpha, "connectivity": 0.1, "test_accuracy": 0.9} for alpha in ("10", "9", "none", "0.5")]
    table, _ = curve_table(read_runs([write_sweep(tmp_path / "s.csv", rows)]), "connectivity", "test_accuracy", "alpha")
    assert [row["line"] for row in table] == ["0.5", "9", "10", "none"]


def test_runs_without_a_seed_stay_apart(tmp_path):
    rows = [{"connectivity": 0.1 * (1 + place // 2), "test_accuracy": 0.9} for place in range(4)]
    table, _ = curve_table(read_runs([write_sweep(tmp_path / "s.csv", rows)]), "connectivity", "test_accuracy")
    assert [row["runs"] for row in table] == [1] * 4


def test_an_unknown_result_keeps_runs_apart_until_it_is_ignored(tmp_path):
    rows = [{"seed": seed, "joules": seed / 7, "connectivity": 0.1, "test_accuracy": 0.9 + seed / 100} for seed in range(3)]
    runs = read_runs([write_sweep(tmp_path / "s.csv", rows)])
    assert len(curve_table(runs, "connectivity", "test_accuracy")[0]) == 3
    assert len(curve_table(runs, "connectivity", "test_accuracy", ignore=["joules"])[0]) == 1
    assert len(curve_table(runs, "connectivity", "joules")[0]) == 1  # what is drawn is a result
    with pytest.raises(InputError, match="no run has a column 'jules'"):
        curve_table(runs, "connectivity", "test_accuracy", ignore=["jules"])


def test_the_same_run_twice_is_refused(tmp_path):
    rows = sweep_rows()[:-1]
    paths = [write_sweep(tmp_path / name, rows) for name in ("one.csv", "two.json")]
    columns = "connectivity_as_trained", "test_accuracy"
    with pytest.raises(InputError, match=r"two.json: two runs have the same settings and the seed \d"):
        curve_table(read_runs(paths), *columns)
    table, _ = curve_table(read_runs(paths), *columns, "results_file")
    assert len(table) == 12


def test_a_network_is_a_run(tmp_path):
    from dataclasses import replace

    from firstspike_spec import save_network

    facts = {"test_accuracy": 0.75, "connectivity_as_trained": 0.25, "seed": 3, "test_images": 400}
    network = replace(NETWORKS[0], provenance=facts | {"settings": {"alpha": 0.5, "seed": 8, "hidden": [9]}})
    path = tmp_path / "n.safetensors"
    save_network(network, path)
    (run,) = read_runs([path])
    assert run == {
        "connectivity": repr(network.connectivity), "test_accuracy": "0.75", "connectivity_as_trained": "0.25", "seed": "3",
        "test_images": "400", "alpha": "0.5", "settings.seed": "8", "hidden": "[9]", "results_file": str(path),
    }  # fmt: skip
    assert counted_images([run], "test_accuracy") == "400 images"
    assert counted_images([run, {}], "test_accuracy") == "the number of images is not in the results"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (("connectivity", "test_accuracy"), "has no column 'connectivity'; name one of method, connectivity_budget, seed"),
        (("connectivity_as_trained", "accuracy"), "has no column 'accuracy'"),
        (("connectivity_as_trained", "test_accuracy", "family"), "has no column 'family'"),
        (("method", "test_accuracy"), "the column method holds '.*', which is no finite number"),
        (("test_accuracy", "test_accuracy"), "--x and --y are both"),
    ],
)
def test_wrong_columns_are_refused(tmp_path, columns, message):
    with pytest.raises(InputError, match=message):
        curve_table(read_runs([write_sweep(tmp_path / "s.csv", sweep_rows())]), *columns)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("97.5", "it is a share, 0 .. 1, not per cent"),
        ("nan", "no finite number"),
        ("good", "no finite number"),
        ("", "no run"),
    ],
)
def test_wrong_values_are_refused(tmp_path, value, message):
    runs = read_runs([write_sweep(tmp_path / "s.csv", [{"connectivity": 0.1, "test_accuracy": value}])])
    with pytest.raises(InputError, match=message):
        curve_table(runs, "connectivity", "test_accuracy")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("s.csv", b"", "holds no run"),
        ("s.csv", b"a,b\r\n", "holds no run"),
        ("s.csv", b"a,b\n1\n", "run 1 has 1 cells for 2 columns"),
        ("s.csv", b"a,a\n1,2\n", "two columns with the same name"),
        ("s.csv", b'a,b\n1,"2\n', "is no CSV"),
        ("s.csv", b"\xff\xfe\x00", "is no text"),
        ("s.json", b"[]", "holds no run"),
        ("s.json", b"[1]", "list of objects"),
        ("s.json", b"{}", "list of objects"),
        ("s.json", b"[{", "is no JSON"),
        ("s.txt", b"a,b\n1,2\n", r"results are \.csv, \.json, \.safetensors files"),
        ("s.safetensors", b"a,b\n1,2\n", "truncated or not a safetensors file"),
    ],
)
def test_files_that_are_no_results_are_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as refused:
        read_runs([path])
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*name a file that firstspike sweep wrote"):
        read_runs([tmp_path / "none.csv"])
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(InputError, match=r"cannot read .*name a file that firstspike sweep wrote"):
        read_runs([tmp_path / "folder.json"])
