"""Transports: what carries the bytes of a link."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import serial

from firstspike_spec.common.errors import DeviceError, InputError

#: What a broken port raises. Pyserial's own errors are OSErrors, but it lets those of terminals through.
_ERRORS: tuple[type[Exception], ...] = (OSError,)
if sys.platform != "win32":
    from termios import error as terminal_error

    _ERRORS += (terminal_error,)

#: What opening a port raises, and what using it does: a port that was closed in the meantime has no descriptor.
_OPENING_ERRORS: tuple[type[Exception], ...] = (*_ERRORS, ValueError)
_USING_ERRORS: tuple[type[Exception], ...] = (*_ERRORS, TypeError)


class Transport(Protocol):
    """Carries bytes in both directions."""

    #: The name that users know, for errors.
    name: str

    def write(self, data: bytes) -> None:
        """Send all of ``data``.

        Raises
        ------
        DeviceError
            If the connection is broken.
        """

    def read(self, timeout: float) -> bytes:
        """Return the bytes that have arrived, at least one; none if none arrives within ``timeout`` seconds.

        Raises
        ------
        DeviceError
            If the connection is broken.
        """

    def close(self) -> None:
        """Close the connection. It can be opened again."""


class SerialTransport:
    """A serial port of a board, or a pseudo-terminal.

    Parameters
    ----------
    port : str
        Such as ``/dev/ttyUSB0`` or ``COM3``.
    baud : int
        Bits per second.

    Raises
    ------
    InputError
        If there is no such port, or it cannot be opened.
    """

    #: Seconds that a write may take. The board always accepts bytes, so a longer write means a broken connection.
    _WRITE_TIMEOUT = 5.0

    def __init__(self, port: str, baud: int):
        self.name = f"serial:{port}"
        try:
            self._port = serial.Serial(port, baud, timeout=0, write_timeout=self._WRITE_TIMEOUT, exclusive=True)
        except _OPENING_ERRORS as error:
            raise InputError(f"cannot open {port}: {_reason(error)}") from error
        try:
            with self._reporting():
                self._port.reset_input_buffer()
        except BaseException:
            self._port.close()
            raise

    def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        with self._reporting():
            self._port.write(data)

    def read(self, timeout: float) -> bytes:
        """Return the bytes that have arrived, or none after ``timeout`` seconds."""
        with self._reporting():
            self._port.timeout = timeout
            first = self._port.read(1)
            self._port.timeout = 0  # the rest has arrived, unless another program took it
            return first + self._port.read(self._port.in_waiting) if first else b""

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except _USING_ERRORS as error:
            raise DeviceError(
                f"the connection to {self.name} broke ({error}); plug the board in again, and open the device again"
            ) from error


def _reason(error: Exception) -> str:
    number = getattr(error, "errno", None)
    text = str(error)
    if number == errno.ENOENT:
        return "there is no such port; see which one appears when the board is plugged in (firstspike ports)"
    if number == errno.EACCES:
        return "you have no permission; add yourself to the group that owns it (often dialout) and log in again"
    if number in (errno.EBUSY, errno.EAGAIN) or "lock" in text:
        return "another program uses it; close that one first"
    return f"{text}; name a serial port"
