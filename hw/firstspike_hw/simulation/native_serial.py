"""A board's whole design at its pins, as native code behind a pseudo-terminal."""

import ctypes
import errno
import os
import select
import termios
import threading
import tty
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from firstspike_spec.common.errors import DeviceError
from firstspike_spec.compiler.engine_shape import EngineShape

from ..boards.board import Board
from ..boards.top import accelerator_of
from .build import Design, load_library


class NativeSerialPort:
    """The compiled RTL of a board, bit by bit on its serial line, with a pseudo-terminal at the line's other end.

    Whatever opens a serial port can open ``path``: the program cannot tell it from a board, but for its pace. The design
    runs in a thread of its own and stands still while nothing happens, so that simulated time is time of work. It ends when
    it is closed, or nobody holds this object any more.

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
    DeviceError
        If there is no pseudo-terminal or thread left.
    """

    def __init__(
        self,
        board: Board,
        shape: EngineShape,
        *,
        cache: Path | None = None,
        note: Callable[[str], None] = lambda text: None,
    ):
        self.board = board
        library = _declare(load_library(serial_design(board, shape), cache=cache, note=note))
        try:
            self._line = _Line(library, board)
        except (OSError, termios.error, RuntimeError) as error:  # no descriptor, terminal or thread is left
            raise DeviceError(
                f"cannot start a simulated {board.name} ({error}); close other programs, and try again"
            ) from error
        self.path = self._line.path
        self._end = weakref.finalize(self, self._line.end)
        self._end.atexit = False

    def close(self) -> None:
        """Stop the design; the path is gone. Closing twice does nothing."""
        self._end()
        self._line.join()

    def __enter__(self) -> "NativeSerialPort":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    @property
    def cycles(self) -> int:
        """Clock cycles that the design has run."""
        return self._line.cycles

    @property
    def seconds(self) -> float:
        """The same as seconds of the board's clock."""
        return self.cycles / self.board.clock_hz

    @property
    def framing_errors(self) -> int:
        """Bytes from the board without a right start and stop bit."""
        return self._line.framing_errors

    def wait(self) -> None:
        """Wait until somebody closes it, or until Ctrl-C."""
        self._line.ended.wait()


class _Line:
    """The design, the pseudo-terminal, and the thread between them. It does not know who holds it, so it ends with that.

    Parameters
    ----------
    library : ctypes.CDLL
    board : Board

    Attributes
    ----------
    path : str
        Of the pseudo-terminal's far end.
    ended : threading.Event
        The design stands still for ever.
    cycles, framing_errors : int
        So far.
    """

    #: Cycles between two looks at the pseudo-terminal, and bytes from it that may wait.
    _CYCLES, _WAITING = 4096, 4096

    def __init__(self, library: ctypes.CDLL, board: Board):
        self._library, self._simulator = library, ctypes.c_void_p(library.serial_new(board.clock_hz, board.baud))
        self.cycles = self.framing_errors = 0
        # Not `join`: Python 3.11 takes a thread for ended when Ctrl-C interrupts that.
        self.ended = threading.Event()
        with ExitStack() as opened:
            opened.callback(library.serial_delete, self._simulator)
            self._near, far = os.openpty()  # the far end stays open, so that programs may come and go
            for descriptor in (self._near, far):
                opened.callback(os.close, descriptor)
            tty.setraw(far)
            os.set_blocking(self._near, False)
            self.path = os.ttyname(far)
            self._wake, self._waker = os.pipe()
            opened.callback(os.close, self._wake)
            self._held = opened.pop_all()
        self._thread = threading.Thread(target=self._run, name="simulated board", daemon=True)
        try:
            self._thread.start()
        except BaseException:
            self.end()
            self._held.close()
            raise

    def end(self) -> None:
        """Let the thread end, once: the other end of the pipe sees it."""
        os.close(self._waker)

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    def _run(self) -> None:
        with self._held:
            try:
                self._carry()
            finally:
                self.ended.set()

    def _carry(self) -> None:
        """Carry bytes between the pseudo-terminal and the design until the end."""
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
                return
            if self._near in ready:
                waiting += _take(self._near, self._WAITING - len(waiting))
            if waiting or not rests.value:
                data = np.frombuffer(bytes(waiting), np.uint8)
                count = self._library.serial_run(self._simulator, data, len(data), self._CYCLES, came, len(came), sent, rests)
                del waiting[: sent.value]
                given += came[:count].tobytes()
                self.cycles = self._library.serial_cycles(self._simulator)
                self.framing_errors = self._library.serial_framing_errors(self._simulator)
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
