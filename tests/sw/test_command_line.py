"""The command line: what it prints, and one clear error with exit code 2 for each kind of bad input."""

import csv
import json
import os
import re
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from firstspike_spec import LatencyEncoder, Layer, Maps, Network, infer, load_network, save_network

from ..spec.random_networks import random_network


def test_help_lists_every_command(firstspike):
    shown = firstspike("--help")
    assert shown.code == 0
    for command in ("calibrate", "demo", "emit", "import", "info", "profile", "run", "sweep", "train", "validate"):
        assert command in shown.out
        assert "--json" in firstspike(command, "--help").out


def test_version(firstspike):
    assert firstspike("--version").out.startswith("firstspike 0.")


def test_starting_imports_neither_torch_nor_amaranth():
    program = (
        "import sys; from firstspike.command_line import build; build(); "
        "print([name for name in ('torch', 'amaranth', 'matplotlib') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_starting_a_sub_command_imports_no_other():
    program = (
        "import sys; from firstspike.command_line import build; build(['ports', '--json']); "
        "others = ('firstspike_hw', 'firstspike_model', 'firstspike.commands.'); "
        "print([name for name in sys.modules if name.startswith(others)])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown == "['firstspike.commands.ports']\n"


def test_info(firstspike, network_file, network):
    shown = firstspike("info", network_file, "--json").json
    assert shown["time_steps"] == 4
    assert shown["synapses"] == network.synapses
    assert shown["connectivity"] == pytest.approx(network.connectivity)
    assert shown["digest"] == network.digest
    assert set(shown["layers"][0]) == {
        "neurons", "maps", "synapses", "connectivity", "weight_bits", "potential_bits", "threshold", "expected_operations",
    }  # fmt: skip
    assert shown["layers"][0]["maps"] is None
    assert network.digest in firstspike("info", network_file).out.replace("\n", "")


def test_info_of_maps(firstspike, tmp_path):
    maps = Maps(1, 9, 8, 3, 3, pooling=2, stride=2, padding=1)
    kernels = np.ones((2, maps.taps), int)
    layers = [Layer.from_dense(kernels, [0, 0], 4, 4, maps=maps), Layer.from_dense(np.ones((3, 12), int), [0, 0, 0], 2, 4)]
    save_network(Network(LatencyEncoder.linear(4), layers, (9, 8)), tmp_path / "maps.safetensors")
    shown = firstspike("info", tmp_path / "maps.safetensors", "--json").json
    assert (shown["layers"][0]["maps"], shown["layers"][0]["neurons"]) == (maps.as_dict(), 12)
    told = " ".join(firstspike("info", tmp_path / "maps.safetensors").out.split())
    assert "1 x 9 x 8" in told
    assert "pooled by 2" in told


@pytest.mark.parametrize("device", ["golden", "sim"])
@pytest.mark.parametrize("exit_option", ["--early-exit", "--all-steps"])
def test_run_writes_the_same_three_times(firstspike, network_file, network, image_file, images, tmp_path, device, exit_option):
    table, arrays = tmp_path / "new" / "result.csv", tmp_path / "result.npz"
    expected = infer(network, images, early_exit=exit_option == "--early-exit")
    common = ("run", network_file, "--input", image_file, "--device", device, "--lanes", 3, exit_option)
    shown = firstspike(*common, "--output", table, "--json").json
    assert [row["class"] for row in shown["images"]] == [str(value) for value in expected.classes]
    latencies = [[4 if time is None else time for time in row["latencies"]] for row in shown["images"]]
    np.testing.assert_array_equal(latencies, expected.latencies)

    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["decision_step"]) for row in rows] == expected.decision_steps.tolist()
    assert all((row["cycles"] == "") == (device == "golden") for row in rows)
    times = [[int(row[f"latency_{name}"] or 4) for name in "0123"] for row in rows]
    np.testing.assert_array_equal(times, expected.latencies)

    assert firstspike(*common, "--output", arrays).code == 0
    with np.load(arrays) as saved:
        np.testing.assert_array_equal(saved["latencies"], expected.latencies)
        np.testing.assert_array_equal(saved["potentials"][saved["reported"]], expected.potentials[-1][saved["reported"]])
        assert ("cycles" in saved) == (device == "sim")


@pytest.mark.parametrize("device", ["golden", "sim"])
def test_validate(firstspike, network_file, network, data_folder, device):
    common = ("validate", network_file, "--data", data_folder, "--dataset", "own", "--device", device)
    shown = firstspike(*common, "--lanes", 3, "--json").json
    assert shown["device"] == device
    assert shown["images"] == 40
    assert shown["accuracy"] == pytest.approx(38 / 40)
    assert shown["mismatches"] == 0
    assert shown["compared_values"] > 1000
    assert shown["connectivity"] == pytest.approx(network.connectivity)
    assert shown["decision_step_mean"] >= 0
    assert shown["steps_saved"] == pytest.approx(1 - (shown["decision_step_mean"] + 1) / network.time_steps)
    assert firstspike(*common, "--lanes", 3, "--all-steps", "--json").json["steps_saved"] == 0
    assert shown["connectivity_as_trained"] is None  # nobody trained it
    assert shown["synaptic_operations_mean"] > 0
    assert (shown["cycles_mean"] is None) == (device == "golden")
    assert device == "golden" or shown["cycles_max"] >= shown["cycles_mean"] > 0
    assert firstspike(*common, "--lanes", 3, "--limit", 7, "--json").json["images"] == 7
    assert "mismatches" in firstspike(*common, "--lanes", 3).out


def test_a_mismatch_ends_with_exit_code_1(firstspike, network_file, data_folder, monkeypatch):
    from firstspike.devices.golden import GoldenDevice

    real = GoldenDevice.run

    def wrong(self, spike_times, *, early_exit):
        results = real(self, spike_times, early_exit=early_exit)
        results.decision_steps[3] += 1
        return results

    monkeypatch.setattr(GoldenDevice, "run", wrong)
    shown = firstspike("validate", network_file, "--data", data_folder, "--dataset", "own", "--json")
    assert shown.code == 1
    assert shown.json["mismatches"] == 1
    assert "decision steps: image 3" in shown.json["first_mismatches"][0]


def test_emit_writes_verilog_its_description_and_the_network(firstspike, network_file, network, tmp_path):
    out = tmp_path / "rtl"
    shown = firstspike("emit", network_file, "--out", out, "--lanes", 3, "--json").json
    assert sorted(path.name for path in out.iterdir()) == ["engine.json", "engine.v", "network.hex"]
    assert "module engine(" in (out / "engine.v").read_text()
    described = json.loads((out / "engine.json").read_text())
    assert described["network_digest"] == shown["network_digest"] == network.digest
    assert [len(addresses) for addresses in described["neuron_addresses"]] == [9, 4]
    assert all(len(line) == 16 for line in (out / "network.hex").read_text().splitlines())


def assert_refused(finished, *parts):
    """One line on standard error that has all the parts, nothing on standard output, exit code 2."""
    message = finished.err.strip()
    assert finished.code == 2, (finished.code, message)
    assert finished.out == ""
    assert message.count("\n") == 0, message
    assert message.startswith("firstspike: ")
    assert "Traceback" not in message
    for part in parts:
        assert part in message, message


@pytest.mark.parametrize("command", ["info", "run", "validate", "emit"])
def test_a_damaged_network_is_refused_everywhere(firstspike, network_file, image_file, data_folder, tmp_path, command):
    content = bytearray(network_file.read_bytes())
    content[-3] ^= 1
    network_file.write_bytes(content)
    more = {
        "info": (network_file,),
        "run": (network_file, "--input", image_file, "--output", tmp_path / "r.csv"),
        "validate": (network_file, "--data", data_folder),
        "emit": (network_file, "--out", tmp_path / "rtl"),
    }[command]
    assert_refused(firstspike(command, *more), str(network_file), "damaged")
    assert not (tmp_path / "r.csv").exists()
    assert not (tmp_path / "rtl").exists()


def test_a_missing_or_truncated_network_is_refused(firstspike, network_file, tmp_path):
    assert_refused(firstspike("info", tmp_path / "none.safetensors"), "none.safetensors", "cannot read")
    assert_refused(firstspike("info", tmp_path), "cannot read")
    network_file.write_bytes(network_file.read_bytes()[:100])
    assert_refused(firstspike("info", network_file), "truncated")
    network_file.write_bytes((10 << 30).to_bytes(8, "little") + b"{}")
    assert_refused(firstspike("info", network_file), "10,737,418,240")


def test_unknown_names_are_refused(firstspike, network_file, image_file):
    assert_refused(firstspike("run", network_file, "--input", image_file, "--device", "fpga"), "'fpga'", "golden, sim")
    assert_refused(firstspike("validate", network_file, "--dataset", "letters"), "'letters'", "mnist")
    assert_refused(firstspike("train", "no-such-recipe"), "no-such-recipe", "mnist-mlp")


def test_bad_data_folders_are_refused(firstspike, network_file, data_folder, tmp_path):
    common = ("validate", network_file, "--data")
    assert_refused(firstspike(*common, tmp_path / "nowhere"), "nowhere", "does not exist")
    (tmp_path / "empty").mkdir()
    assert_refused(firstspike(*common, tmp_path / "empty"), "has no t10k-images")
    assert_refused(firstspike(*common, data_folder, "--dataset", "mnist"), "not the published file", "--dataset")
    images = data_folder / "t10k-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-1])
    assert_refused(firstspike(*common, data_folder, "--dataset", "own"), "damaged")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 5, 5), np.uint8), "images must have the shape (batch, 4, 4)"),
        (np.zeros((3, 16)), "uint8"),
        (np.full((3, 16), np.nan, np.float32), "uint8"),
        (np.array([[object()] * 16]), "objects.npy is not a .npy file of numbers"),
    ],
)
def test_bad_images_are_refused(firstspike, network_file, tmp_path, array, message):
    path = tmp_path / "objects.npy"
    np.save(path, array, allow_pickle=True)
    output = tmp_path / "r.npz"
    assert_refused(firstspike("run", network_file, "--input", path, "--output", output), message)
    assert not output.exists()


def test_files_that_are_no_images_are_refused(firstspike, network_file, image_file, tmp_path):
    assert_refused(
        firstspike("run", network_file, "--input", tmp_path / "none.npy"), "cannot read", "none.npy", ".npy or .npz file"
    )
    image_file.write_bytes(image_file.read_bytes()[:-5])
    assert_refused(firstspike("run", network_file, "--input", image_file), "is not a .npy file")
    image_file.write_bytes(b"")
    assert_refused(firstspike("run", network_file, "--input", image_file), "is not a .npy file")
    image_file.write_bytes(b"hello, this is text")
    assert_refused(firstspike("run", network_file, "--input", image_file), "is not a .npy file")


@pytest.mark.skipif(os.name != "posix", reason="needs /proc or a plain file in the way")
def test_outputs_that_cannot_be_written_are_refused_first(firstspike, network_file, image_file, data_folder, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    run = ("run", network_file, "--input", image_file, "--output")
    assert_refused(firstspike(*run, blocked / "r.csv"), "cannot write", "choose a folder")
    assert_refused(firstspike(*run, tmp_path / "r.txt"), "must end with .csv or .npz")
    assert_refused(firstspike("emit", network_file, "--out", blocked / "rtl"), "cannot write into")
    assert_refused(firstspike("demo", network_file, "--out", blocked), "cannot write into")
    (tmp_path / "r.csv").mkdir()
    assert_refused(firstspike(*run, tmp_path / "r.csv"), "it is a folder")


def test_images_of_ones_own_need_no_name(firstspike, network_file, data_folder):
    shown = firstspike("validate", network_file, "--data", data_folder, "--json").json
    assert (shown["dataset"], shown["images"], shown["accuracy"]) == ("data", 40, pytest.approx(38 / 40))


def test_a_network_that_does_not_say_its_data_set_asks_for_one(firstspike, network_file):
    assert_refused(firstspike("validate", network_file), "give --dataset NAME", "--data FOLDER")


def test_a_demo_with_a_network_for_other_images_is_refused(firstspike, network_file, tmp_path):
    assert_refused(firstspike("demo", network_file, "--out", tmp_path / "demo"), "images must have the shape")


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_below_one_is_refused(firstspike, network_file, data_folder, limit):
    common = ("validate", network_file, "--data", data_folder, "--dataset", "own", "--device", "golden")
    assert_refused(firstspike(*common, "--limit", limit), "limit must be in 1")


def test_a_network_larger_than_any_engine_is_refused(firstspike, tmp_path, image_file):
    huge = random_network(1, (16, 3000, 4), connectivity=1.0, threshold=6)
    path = tmp_path / "huge.safetensors"
    save_network(huge, path)
    assert load_network(path).digest == huge.digest
    assert_refused(
        firstspike("run", path, "--input", image_file, "--device", "sim", "--lanes", 300), "lanes must be in 1 .. 256, not 300"
    )


def test_a_defect_of_ours_is_not_disguised_as_bad_input(firstspike, network_file, monkeypatch):
    from firstspike_spec.network import network

    monkeypatch.setattr(network.Network, "summary", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        firstspike("info", network_file)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_help_breaks_lines_only_where_they_end(width, firstspike, monkeypatch):
    """A paragraph of a help text fills its lines: the next line's first word would not have fitted."""
    monkeypatch.setenv("COLUMNS", str(width))
    text = firstspike("plan", "--help").out.split("{network}")[1].split("\u256d")[0]
    paragraphs = [[line.strip() for line in part.splitlines()] for part in re.split(r"\n\s*\n", text)]
    lines = [pair for paragraph in paragraphs for pair in pairwise(filter(None, paragraph))]
    assert len(lines) >= 4
    for line, following in lines:
        assert len(line) + 1 + len(following.split()[0]) > width - 2, line
