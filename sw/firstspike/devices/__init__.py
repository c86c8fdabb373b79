"""Everything that can run a network, behind one interface."""

from collections.abc import Callable

from firstspike_spec.errors import InputError, InputTypeError
from firstspike_spec.network import Network

from .device import Device
from .golden import GoldenDevice
from .simulated import SimulatedBoard, SimulatedEngine

#: What opens each device, by the name that users give.
DEVICES: dict[str, Callable[..., Device]] = {"golden": GoldenDevice, "sim": SimulatedBoard, "engine": SimulatedEngine}


def open_device(name: str, network: Network, *, lanes: int, note: Callable[[str], None]) -> Device:
    """Return a device that holds a network.

    Raises
    ------
    InputTypeError, InputError
        If there is no such device, it cannot be opened here, or the network does not fit.
    """
    if not isinstance(name, str):
        raise InputTypeError(f"a device is named by a string, not {name!r}")
    if name not in DEVICES:
        raise InputError(f"unknown device {name!r}: name one of {', '.join(DEVICES)}")
    return DEVICES[name](network, lanes=lanes, note=note)


__all__ = ["DEVICES", "Device", "open_device"]
