"""A board's whole design at its pins, as native code behind a pseudo-terminal."""

import ctypes
import errno
import os
import select
import threading
import tty
from collections.abc import Callable
from pathlib import Path

import numpy as np

from firstspike_spec.engine import EngineShape

from ..boards.board import Board
from ..boards.top import accelerator_of
from .build import Design, build_library


class NativeSerialPort:
    """The compiled RTL of a board, bit by bit on its serial line, with a pseudo-terminal at the line's other end.

    Whatever opens a serial port can open ``path``: the program cannot tell it from a board, but for its pace. The design
    runs in a thread of its own and stands still while nothing happens, so that simulated time is time of work.

    Parameters
    ----------
    board : Board
    shape : EngineShape
    cache, note
        As in `NativeLink`.

    Raises
    ------
    InputError
        If there is no C++ compiler.
    """

    #: Cycles between two looks at the pseudo-terminal, and bytes from it that may wait.
    _CYCLES, _WAITING = 4096, 4096

    def __init__(
        self,
        board: Board,
        shape: EngineShape,
        *,
        cache: Path | None = None,
        note: Callable[[str], None] = lambda text: None,
    ):
        self.board = board
        library = build_library(serial_design(board, shape), cache=cache, note=note)
        self._library = _declare(ctypes.CDLL(str(library)))
        self._simulator = ctypes.c_void_p(self._library.serial_new(board.clock_hz, board.baud))
        self._near, self._far = os.openpty()  # the far end stays open, so that programs may come and go
        tty.setraw(self._far)
        os.set_blocking(self._near, False)
        self.path = os.ttyname(self._far)
        self._wake, self._waker = os.pipe()
        # Not `join`: Python 3.11 takes a thread for ended when Ctrl-C interrupts that.
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulated board", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the design; the path is gone. Closing twice does nothing."""
        if self._simulator:
            os.write(self._waker, b"x")
            self._thread.join()
            for descriptor in (self._near, self._far, self._wake, self._waker):
                os.close(descriptor)
            self._library.serial_delete(self._simulator)
            self._simulator = None

    def __enter__(self) -> "NativeSerialPort":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    @property
    def cycles(self) -> int:
        """Clock cycles that the design has run."""
        return self._library.serial_cycles(self._simulator)

    @property
    def seconds(self) -> float:
        """The same as seconds of the board's clock."""
        return self.cycles / self.board.clock_hz

    @property
    def framing_errors(self) -> int:
        """Bytes from the board without a right start and stop bit."""
        return self._library.serial_framing_errors(self._simulator)

    def wait(self) -> None:
        """Wait until somebody closes it, or until Ctrl-C."""
        self._ended.wait()

    def _run(self) -> None:
        waiting, given = bytearray(), bytearray()
        came = np.empty(self._CYCLES, np.uint8)
        sent, rests = ctypes.c_size_t(), ctypes.c_int(1)
        while True:
            # Nothing has to be simulated while the board rests: then this waits for the program at the far end.
            rested = rests.value and not waiting
            reads = [self._near] if len(waiting) < self._WAITING else []
            writes = [self._near] if rested and given else []
            ready, *_ = select.select([self._wake, *reads], writes, [], None if rested else 0)
            if self._wake in ready:
                self._ended.set()
                return
            if self._near in ready:
                waiting += _take(self._near, self._WAITING - len(waiting))
            if waiting or not rests.value:
                data = np.frombuffer(bytes(waiting), np.uint8)
                count = self._library.serial_run(self._simulator, data, len(data), self._CYCLES, came, len(came), sent, rests)
                del waiting[: sent.value]
                given += came[:count].tobytes()
            if given:
                del given[: _give(self._near, given)]


def serial_design(board: Board, shape: EngineShape) -> Design:
    """Return the design of a board, without its clock generator and its pins."""
    facts = (board.name, board.clock_hz, board.baud, board.buffer_bits, shape.digest)
    return Design("serial", lambda: accelerator_of(board, shape), repr(facts), "")


def _take(descriptor: int, most: int) -> bytes:
    try:
        return os.read(descriptor, most)
    except BlockingIOError:
        return b""
    except OSError as error:
        if error.errno == errno.EIO:  # nobody has it open
            return b""
        raise


def _give(descriptor: int, data: bytes) -> int:
    try:
        return os.write(descriptor, data)
    except BlockingIOError:
        return 0


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    data = np.ctypeslib.ndpointer(np.uint8, flags="C_CONTIGUOUS")
    simulator, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64
    signatures = {
        "serial_new": (simulator, [number, number]),
        "serial_delete": (None, [simulator]),
        "serial_cycles": (number, [simulator]),
        "serial_framing_errors": (number, [simulator]),
        "serial_run": (
            ctypes.c_int64,
            [simulator, data, size, number, data, size, ctypes.POINTER(size), ctypes.POINTER(ctypes.c_int)],
        ),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
