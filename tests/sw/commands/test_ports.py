"""The list of serial ports."""

import pytest
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

PORTS = [ListPortInfo("/dev/ttyUSB1"), ListPortInfo("/dev/ttyUSB0")]
PORTS[0].description, PORTS[0].hwid = "ULX3S FPGA", "USB VID:PID=0403:6015"


@pytest.fixture
def there(monkeypatch):
    """What ports this machine has."""
    ports = []
    monkeypatch.setattr(list_ports, "comports", lambda: ports)
    return ports


def test_ports_in_order_with_what_they_are(firstspike, there):
    there += PORTS
    shown = firstspike("ports")
    assert shown.code == 0
    assert shown.out.index("/dev/ttyUSB0") < shown.out.index("/dev/ttyUSB1") < shown.out.index("ULX3S FPGA")


def test_for_programs_each_is_the_name_of_a_device(firstspike, there):
    there += PORTS
    assert firstspike("ports", "--json").json == {
        "ports": [
            {"device": "serial:/dev/ttyUSB0", "description": "n/a", "hardware": "n/a"},
            {"device": "serial:/dev/ttyUSB1", "description": "ULX3S FPGA", "hardware": "USB VID:PID=0403:6015"},
        ]
    }


def test_no_port(firstspike, there):
    assert firstspike("ports").out == "no serial port found; plug a board in\n"
    assert firstspike("ports", "--json").json == {"ports": []}
