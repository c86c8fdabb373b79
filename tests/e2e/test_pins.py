"""A board's whole design at its pins, opened by the serial device as a real one would be."""

import gc
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firstspike import Accelerator, DeviceError
from firstspike.devices.serial_port import find_board
from firstspike_hw.boards.registry import board_named
from firstspike_hw.simulation import NativeSerialPort, native_serial
from firstspike_spec import InputError, infer, save_network

from ..levels import thorough
from ..spec.random_layered_networks import random_chain
from ..spec.random_networks import random_network

BOARD = board_named("ulx3s-85f")


@pytest.fixture(scope="module")
def network():
    return replace(random_network(7, (16, 9, 4), connectivity=0.6, threshold=6), input_shape=(4, 4))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(3).integers(0, 256, (60, 16)).astype(np.uint8)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """Compile into a folder of this module's own, also in other processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def port(network):
    with NativeSerialPort(BOARD, BOARD.plan(network, 3)) as opened:
        yield opened


def test_runs_loads_and_checks_itself(port, network, images):
    other = random_network(8, (16, 5, 3), bits=3, connectivity=0.4, threshold=3)
    with Accelerator.open(f"serial:{port.path}@{BOARD.baud}", network=network) as accelerator:
        accelerator.validate(images, np.zeros(len(images), int)).comparison.check()
        accelerator.validate(images, np.zeros(len(images), int), early_exit=False).comparison.check()
        checks = accelerator.selftest()
        assert [(check.name, check.passed) for check in checks] == [
            ("identity", True),
            ("link", True),
            ("memories", True),
            ("images", True),
        ]
        accelerator.load(other)
        np.testing.assert_array_equal(accelerator.predict(images), infer(other, images).classes)
        info = accelerator.info()
    assert (info["board"], info["clock_hz"], info["baud"]) == (BOARD.name, BOARD.clock_hz, BOARD.baud)
    assert port.framing_errors == 0


def test_the_network_stays_between_two_programs(port, network, images):
    for written in (True, False):
        with Accelerator.open(f"serial:{port.path}", network=network) as accelerator:  # the baud rate is found
            assert (accelerator.info()["load_seconds"] is not None) == written
            np.testing.assert_array_equal(accelerator.predict(images), infer(network, images).classes)


def test_the_link_is_busy(port, network, images):
    """In the board's time, bytes follow each other without pauses: the host keeps the link full."""
    with Accelerator.open(f"serial:{port.path}@{BOARD.baud}", network=network) as accelerator:
        measured = accelerator.throughput_test(np.tile(images, (6, 1)))
    assert measured.link_busy > 0.9
    assert measured.summary()["images_per_device_second"] > 0


def test_two_programs_at_once(port, network):
    name = f"serial:{port.path}@{BOARD.baud}"
    with (
        Accelerator.open(name, network=network),
        pytest.raises(InputError, match="another program uses it; close that one first"),
    ):
        Accelerator.open(name, network=network)


def test_a_network_that_does_not_fit_leaves_the_old(port, network, images):
    with Accelerator.open(f"serial:{port.path}@{BOARD.baud}", network=network) as accelerator:
        with pytest.raises(InputError, match="layer 0 needs 30 neurons per lane, the engine has 3"):
            accelerator.load(random_network(9, (16, 90, 4), threshold=6))
        with pytest.raises(InputError, match=r"the network is layered, .*firstspike build --board BOARD"):
            accelerator.load(random_chain(0, (16, 9, 4)))
        np.testing.assert_array_equal(accelerator.predict(images), infer(network, images).classes)


def test_a_pulled_cable_and_the_board_again(network, images):
    port = NativeSerialPort(BOARD, BOARD.plan(network, 3))
    accelerator = Accelerator.open(f"serial:{port.path}@{BOARD.baud}", network=network)
    accelerator.predict(images)
    port.close()
    with pytest.raises(DeviceError, match=r"plug the board in again, and open the device again|does not answer"):
        accelerator.predict(images)
    accelerator.close()
    with (
        NativeSerialPort(BOARD, BOARD.plan(network, 3)) as again,
        Accelerator.open(f"serial:{again.path}@{BOARD.baud}", network=network) as accelerator,
    ):
        np.testing.assert_array_equal(accelerator.predict(images), infer(network, images).classes)


def resources() -> tuple[int, int]:
    """Threads and open files of this process."""
    gc.collect()
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))


def settled(wanted: tuple[int, int]) -> tuple[int, int]:
    """The same, once it is as wanted, or does not become so: a thread takes a moment to end."""
    until = time.monotonic() + 10
    while (found := resources()) != wanted and time.monotonic() < until:
        time.sleep(0.01)
    return found


def test_devices_that_are_dropped_leave_nothing_behind(port, network, images):
    """Whether they are closed or not: no thread, no pseudo-terminal, no pipe, no port."""
    before = resources()
    for name in (f"sim:{BOARD.name}", f"serial:{port.path}@{BOARD.baud}"):
        accelerator = Accelerator.open(name, network=network, lanes=3)
        np.testing.assert_array_equal(accelerator.predict(images[:3]), infer(network, images[:3]).classes)
        assert resources() > before
        del accelerator
        assert settled(before) == before


def refusing(*arguments, **options):
    raise OSError("there is none left")


@pytest.mark.parametrize("part", ["os.openpty", "tty.setraw", "os.ttyname", "os.pipe", "threading.Thread.start"])
def test_a_board_that_cannot_be_started_leaves_nothing_behind(port, network, monkeypatch, part):
    before, load = resources(), native_serial.load_library

    def loads(*arguments, **options):
        library = load(*arguments, **options)
        monkeypatch.setattr(part, refusing)
        return library

    monkeypatch.setattr(native_serial, "load_library", loads)
    with pytest.raises(DeviceError, match=r"cannot start a simulated ulx3s-85f \(there is none left\); close other"):
        NativeSerialPort(BOARD, BOARD.plan(network, 3))
    monkeypatch.undo()
    assert settled(before) == before


@pytest.mark.parametrize("name", [f"sim:{BOARD.name}", "serial"])
def test_a_device_that_fails_while_it_is_opened_leaves_nothing_behind(port, network, monkeypatch, name):
    before = resources()
    monkeypatch.setattr("firstspike.devices.linked.compile_for", refusing)
    place = f"serial:{port.path}@{BOARD.baud}" if name == "serial" else name
    with pytest.raises(OSError, match="there is none left") as caught:
        Accelerator.open(place, network=network, lanes=3)
    del caught
    assert settled(before) == before


def test_a_board_that_is_closed_is_no_more(network):
    port = NativeSerialPort(BOARD, BOARD.plan(network, 3))
    port.close()
    port.close()
    assert port.cycles == port.framing_errors == 0
    port.wait()


def test_what_is_no_board():
    near, far = os.openpty()
    try:
        with pytest.raises(DeviceError, match=r"no board answers at .*baud rates tried: 3,000,000"):
            find_board(os.ttyname(far))
    finally:
        os.close(near)
        os.close(far)


def test_the_command(network, images, tmp_path):
    """``firstspike simulate`` in a process of its own, until it is told to end."""
    save_network(network, tmp_path / "small.safetensors")
    program = "from firstspike.command_line import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "simulate", tmp_path / "small.safetensors", "--lanes", "3", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            shown = json.loads(process.stdout.readline())
            with Accelerator.open(f"serial:{shown['port']}@{shown['baud']}", network=network) as accelerator:
                np.testing.assert_array_equal(accelerator.predict(images), infer(network, images).classes)
            process.terminate()
            _, told = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "of the board's time" in told


@pytest.mark.parametrize(
    ("board", "lanes", "spikes_per_token"), [pytest.param("ulx3s-85f", 10, 2, marks=thorough), ("icebreaker", 3, 1)]
)
def test_the_device_that_brings_its_board(network, images, board, lanes, spikes_per_token):
    with Accelerator.open(f"sim:{board}", network=network, lanes=lanes) as accelerator:
        assert accelerator.info()["engine"]["spikes_per_token"] == spikes_per_token
        np.testing.assert_array_equal(accelerator.predict(images), infer(network, images).classes)
