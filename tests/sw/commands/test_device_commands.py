"""Commands about devices: load, throughput, self-test, ports; and what they say when a device fails."""

import csv
import re

import numpy as np
import pytest
from PIL import Image

from firstspike import Accelerator
from firstspike.devices.golden import GoldenDevice
from firstspike.devices.linked import LinkedDevice
from firstspike_spec import DeviceError, InputError, infer, save_network
from firstspike_spec.protocol.spike_code import encode_spikes

from ...spec.random_networks import random_network

DEVICES = ("golden", "sim", "engine")


@pytest.mark.parametrize("device", DEVICES)
def test_load(firstspike, network_file, network, device):
    shown = firstspike("load", network_file, "--device", device, "--lanes", 3, "--json").json
    assert shown["digest"] == network.digest
    assert shown["seconds"] >= 0
    assert "and read it back" in firstspike("load", network_file, "--device", device, "--lanes", 3).out


def test_lanes_of_each_hidden_layer(firstspike, tmp_path):
    deep = tmp_path / "deep.safetensors"
    save_network(random_network(3, (16, 9, 8, 4)), deep)
    common = ("load", deep, "--device", "engine", "--json", "--lanes")
    engine = firstspike(*common, "4,3").json["engine"]
    assert [layer["lanes"] for layer in engine["layers"]] == [4, 3]
    assert (engine["spikes_per_token"], [layer["bank_lanes"] for layer in engine["layers"]]) == (1, [2, 1])
    for lanes, said in (("1,2,3", "one for each of the 2 hidden layers"), ("few", "not 'few'"), ("4,0", "in 1 .. 256, not 0")):
        finished = firstspike(*common, lanes)
        assert (finished.code, finished.out) == (2, "")
        assert finished.err.startswith("firstspike: lanes must be ")
        assert said in finished.err


@pytest.mark.parametrize("device", DEVICES)
def test_throughput(firstspike, network_file, data_folder, device):
    common = ("throughput", network_file, "--device", device, "--lanes", 3, "--data", data_folder, "--dataset", "own")
    shown = firstspike(*common, "--json").json
    assert shown["images"] == 40
    assert shown["images_per_second"] == pytest.approx(40 / shown["seconds"])
    assert (shown["busy_cycles_per_image"] is None) == (device == "golden")
    assert shown["logic_only_images_per_second"] is None  # no clock, no rate
    assert "images/s, end to end" in firstspike(*common).out


@pytest.mark.parametrize("device", DEVICES)
def test_selftest(firstspike, network_file, device):
    shown = firstspike("selftest", network_file, "--device", device, "--lanes", 3, "--json").json
    assert shown["passed"]
    wanted = ["identity", "link", "memories", "images"] if device == "sim" else ["images"]
    assert [check["name"] for check in shown["checks"]] == wanted
    assert "passed" in firstspike("selftest", network_file, "--device", device, "--lanes", 3).out


def test_a_selftest_that_fails_ends_with_exit_code_1(firstspike, network_file, monkeypatch):
    monkeypatch.setattr(LinkedDevice, "_write", lambda self, image: setattr(self, "_image", image))  # nothing is written
    finished = firstspike("selftest", network_file, "--device", "sim", "--lanes", 3, "--json")
    assert finished.code == 1
    checks = {check["name"]: check for check in finished.json["checks"]}
    assert not checks["memories"]["passed"]
    assert re.search(r"\d+ words are wrong: layer 0, bank 0, row pointers: word \d+ is not", checks["memories"]["told"])
    assert not checks["images"]["passed"]
    assert "no network is loaded" in checks["images"]["told"]


def test_ports(firstspike):
    assert isinstance(firstspike("ports", "--json").json["ports"], list)


def test_a_folder_of_pictures(firstspike, network_file, network, images, tmp_path):
    folder, table = tmp_path / "pictures", tmp_path / "result.csv"
    folder.mkdir()
    for index in range(5):
        Image.fromarray(images[index].reshape(4, 4)).save(folder / f"{index}.png")
    common = ("run", network_file, "--input", folder, "--device", "golden", "--output", table)
    shown = firstspike(*common, "--json").json
    expected = infer(network, images[:5])
    assert [row["image"] for row in shown["images"]] == [f"{index}.png" for index in range(5)]
    assert [row["class"] for row in shown["images"]] == [str(value) for value in expected.classes]
    with table.open(newline="") as file:
        assert [row["image"] for row in csv.DictReader(file)] == [f"{index}.png" for index in range(5)]


@pytest.fixture
def breaks_at_image_450(monkeypatch):
    """The link breaks when 449 images have been sent."""
    sent = 0

    def encode(times, time_steps):
        nonlocal sent
        sent += 1
        if sent == 450:
            raise DeviceError("the connection broke")
        return encode_spikes(times, time_steps)

    monkeypatch.setattr("firstspike.devices.linked.encode_spikes", encode)


def test_results_that_had_come_are_kept(breaks_at_image_450, network, images):
    many = np.tile(images, (13, 1))
    with (
        Accelerator.open("sim", network=network, lanes=3) as accelerator,
        pytest.raises(DeviceError, match="the connection broke") as caught,
    ):
        accelerator.run(many)
    kept = caught.value.results
    assert 250 < len(kept.classes) < 450
    np.testing.assert_array_equal(kept.classes, infer(network, many[: len(kept.classes)]).classes)
    assert kept.spike_times is None


def test_run_writes_the_results_that_had_come(breaks_at_image_450, firstspike, network_file, images, tmp_path):
    np.save(tmp_path / "many.npy", np.tile(images, (13, 1)))
    table = tmp_path / "kept.csv"
    common = ("run", network_file, "--input", tmp_path / "many.npy", "--device", "sim", "--lanes", 3)
    shown = firstspike(*common, "--output", table)
    assert shown.code == 2
    with table.open(newline="") as file:
        kept = len(list(csv.DictReader(file)))
    assert f"the connection broke; {table} has the first {kept} of 520 images" in shown.err
    assert 250 < kept < 450


@pytest.mark.parametrize("name", ["serial:", "serial", "sim:", "golden:1", "usb:1"])
def test_devices_that_do_not_exist(network, name):
    with pytest.raises(InputError, match="unknown device"):
        Accelerator.open(name, network=network)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("serial:/dev/no-such-port", "cannot open /dev/no-such-port: there is no such port"),
        ("serial:/dev/null", "cannot open /dev/null: .*name a serial port"),
        ("serial:/dev/ttyUSB0@fast", "'fast' is no baud rate: name the port as /dev/ttyUSB0@3000000"),
        ("serial:/dev/ttyUSB0@0", "'0' is no baud rate"),
        ("serial:/dev/ttyUSB0@1073741825", "'1073741825' is no baud rate"),
        (f"serial:/dev/ttyUSB0@{'9' * 5000}", r"'9+\.\.\. is no baud rate"),
        ("serial:/dev/tty\0USB0", "cannot open .*; name a serial port"),
        ("sim:de10", "unknown board 'de10': name one of ulx3s-12f"),
    ],
)
def test_places_that_do_not_exist(network, name, message):
    with pytest.raises(InputError, match=message):
        Accelerator.open(name, network=network)


def test_a_check_that_cannot_be_made_is_named(network, monkeypatch):
    """Also on a device without a link, which has fewer checks."""

    def broken(self, spike_times, *, early_exit):
        raise DeviceError("it is broken")

    monkeypatch.setattr(GoldenDevice, "run", broken)
    with Accelerator.open("golden", network=network) as accelerator:
        (check,) = accelerator.selftest()
    assert (check.name, check.passed, check.told) == ("images", False, "it is broken")
