"""A board at a serial port, as a device."""

from collections.abc import Callable

from firstspike_spec.common.errors import DeviceError, InputError
from firstspike_spec.common.text import quoted
from firstspike_spec.protocol.messages import MOST_BAUD

from ..link.link import Link, NoAnswer
from ..link.transport import SerialTransport
from .kinds import AnyNetwork
from .linked import LinkedDevice

#: Baud rates that boards use, the usual ones first.
_BAUDS = (3_000_000, 2_000_000, 1_000_000, 115_200, 4_000_000, 6_000_000, 12_000_000)

#: Seconds to wait for an answer: while looking for a board, and after it was found.
_FIND_TIMEOUT, _TIMEOUT = 0.25, 1.0


class SerialBoard(LinkedDevice):
    """A board at a serial port.

    Parameters
    ----------
    network : Network or LayeredNetwork
    place : str
        The port, such as ``/dev/ttyUSB0`` or ``COM3``. With ``@`` and a baud rate after it, only that rate is tried.
    **options
        Options of other devices; unused here.

    Raises
    ------
    InputError
        If the port cannot be opened, or the network does not fit into the board's engine or processor.
    DeviceError
        If no firstspike board answers there.
    """

    def __init__(self, network: AnyNetwork, place: str, **options: object):
        del options
        link = find_board(place)
        try:
            super().__init__(link, network)
        except BaseException:
            link.close()
            raise


def find_board(place: str, *, note: Callable[[str], None] = lambda text: None) -> Link:
    """Return the link to the board at a port.

    Parameters
    ----------
    place : str
        As for `SerialBoard`.
    note : callable
        Called with a text for each baud rate that is tried.

    Raises
    ------
    InputError, DeviceError
        As for `SerialBoard`. If something other than a board answers, the error says so, and no other rate is tried.
    """
    port, _, wanted = place.partition("@")
    bauds = (_baud(wanted, port),) if wanted else _BAUDS
    other = None
    for baud in bauds:
        note(f"asking for a board at {port}, {baud:,} baud")
        link = Link(SerialTransport(port, baud), timeout=_TIMEOUT if wanted else _FIND_TIMEOUT)
        try:
            link.connect()
        except NoAnswer as error:
            link.close()
            if link.damaged:
                other = error
            continue
        except BaseException:
            link.close()
            raise
        link.timeout = _TIMEOUT
        return link
    if other is not None:
        raise other
    tried = ", ".join(f"{baud:,}" for baud in bauds)
    raise DeviceError(
        f"no board answers at {port} (baud rates tried: {tried}): check that it has power and holds a bitstream of firstspike "
        "(firstspike flash), and that this is its port"
    )


def _baud(text: str, port: str) -> int:
    """Return the baud rate in a text."""
    # Python refuses to read very long numbers, so the number of digits is checked first.
    if not (text.isdecimal() and len(text) <= len(str(MOST_BAUD)) and 0 < int(text) <= MOST_BAUD):
        raise InputError(f"{quoted(text)} is no baud rate: name the port as {port}@3000000")
    return int(text)
