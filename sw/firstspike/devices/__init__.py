"""The devices that run a network, all with the same interface."""

from collections.abc import Callable, Sequence

from firstspike_spec.common.errors import InputError, InputTypeError
from firstspike_spec.common.text import quoted

from .device import Device
from .golden import GoldenDevice
from .kinds import AnyNetwork
from .serial_port import SerialBoard
from .simulated import SimulatedBoard, SimulatedCore, SimulatedPins

#: The class of each device by its name. Names of the second group continue with a colon and a place.
_PLAIN: dict[str, Callable[..., Device]] = {"sim": SimulatedBoard, "engine": SimulatedCore}
_PLACED: dict[str, Callable[..., Device]] = {"serial": SerialBoard, "sim": SimulatedPins}

#: The devices' names, for messages.
DEVICES = ("golden", "sim", "engine", "sim:BOARD", "serial:PORT")


def open_device(name: str, network: AnyNetwork, *, lanes: int | Sequence[int] | None, note: Callable[[str], None]) -> Device:
    """Return a device that holds a network.

    Raises
    ------
    InputTypeError, InputError
        If there is no such device, it cannot be opened, or the network is of the wrong kind or does not fit.
    DeviceError
        If the device does not work as it should.
    """
    if not isinstance(name, str):
        raise InputTypeError(f"the name of a device must be a string, not {quoted(name)}")
    kind, colon, place = name.partition(":")
    if colon and place and kind in _PLACED:
        return _PLACED[kind](network, place, lanes=lanes, note=note)
    if name == "golden":
        return GoldenDevice(network)
    if not colon and kind in _PLAIN:
        return _PLAIN[kind](network, lanes=lanes, note=note)
    raise InputError(f"unknown device {quoted(name)}: name one of {', '.join(DEVICES)}")


def origin_of_figures(name: str) -> str:
    """Return where the figures of a device come from, by its name."""
    kind, _, _ = name.partition(":")
    return {"golden": "golden model", "serial": "measured"}.get(kind, "simulated")


__all__ = ["DEVICES", "Device", "open_device", "origin_of_figures"]
