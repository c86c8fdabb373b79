"""Serial ports that fail: always one clear error, and nothing is left open."""

import os
import termios
from pathlib import Path

import pytest
import serial

from firstspike import DeviceError, InputError
from firstspike.link.transport import SerialTransport

FAULTS = [OSError(5, "gone"), termios.error(5, "gone"), serial.SerialException("gone"), TypeError("no descriptor")]


@pytest.fixture
def port():
    """Both ends of a pseudo-terminal: the descriptor of the near one, and the path of the far one."""
    near, far = os.openpty()
    yield near, os.ttyname(far)
    os.close(near)
    os.close(far)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_bytes_go_both_ways(port):
    near, path = port
    transport = SerialTransport(path, 115_200)
    assert transport.read(0.0) == transport.read(0.01) == b""
    transport.write(b"to the board")
    assert os.read(near, 100) == b"to the board"
    os.write(near, b"\0from it\xff")
    got = b""
    while len(got) < 9:
        got += transport.read(5.0)
    assert got == b"\0from it\xff"
    transport.close()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("use", ["write", "read"])
def test_a_port_that_breaks_is_told(port, monkeypatch, use, fault):
    def broken(self, *arguments):
        raise fault

    transport = SerialTransport(port[1], 115_200)
    monkeypatch.setattr(serial.Serial, use, broken)
    with pytest.raises(DeviceError, match=r"the connection to serial:.* broke .*; plug the board in again"):
        getattr(transport, use)(b"x" if use == "write" else 0.1)
    transport.close()


@pytest.mark.parametrize("fault", FAULTS[:3], ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("part", ["open", "reset_input_buffer"])
def test_a_port_that_fails_while_it_is_opened_is_closed(port, monkeypatch, part, fault):
    def broken(self):
        raise fault

    before = open_files()
    monkeypatch.setattr(serial.Serial, part, broken)
    with pytest.raises((InputError, DeviceError), match="gone"):
        SerialTransport(port[1], 115_200)
    assert open_files() == before


def test_a_port_that_is_dropped_is_closed(port):
    before = open_files()
    transport = SerialTransport(port[1], 115_200)
    assert open_files() > before
    del transport
    assert open_files() == before


def test_a_board_that_takes_nothing_is_given_up(port, monkeypatch):
    monkeypatch.setattr(SerialTransport, "_WRITE_TIMEOUT", 0.05)
    transport = SerialTransport(port[1], 115_200)
    with pytest.raises(DeviceError, match=r"broke \(Write timeout\)"):
        transport.write(bytes(1 << 20))
    transport.close()
