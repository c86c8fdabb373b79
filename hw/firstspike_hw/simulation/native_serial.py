"""A board's whole design as native code, whose serial line is a pseudo-terminal."""

import ctypes
import errno
import os
import select
import termios
import threading
import tty
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from firstspike_spec.common.errors import DeviceError
from firstspike_spec.protocol.shapes import Shape

from ..boards.board import Board
from ..boards.top import accelerator_of
from .build import Design, load_library
from .native import BYTES, INT, INT64, SIMULATOR, SIZE, UINT64, Signatures, declare, finalizer

_SIGNATURES: Signatures = {
    "serial_new": (SIMULATOR, [UINT64, UINT64]),
    "serial_delete": (None, [SIMULATOR]),
    "serial_cycles": (UINT64, [SIMULATOR]),
    "serial_framing_errors": (UINT64, [SIMULATOR]),
    "serial_run": (
        INT64,
        [SIMULATOR, BYTES, SIZE, UINT64, BYTES, SIZE, ctypes.POINTER(SIZE), ctypes.POINTER(INT)],
    ),
}


class NativeSerialPort:
    """The compiled RTL of a board. Its serial line is simulated bit by bit and ends in a pseudo-terminal.

    Any program that opens serial ports can open ``path``; to the program it is a board, only slower. The design runs in its
    own thread, and stops while it has nothing to do, so simulated time passes only while it works. It ends when it is closed,
    or when this object is no longer referenced.

    Parameters
    ----------
    board : Board
    shape : EngineShape or ProcessorShape
    cache, note
        As in `NativeLink`.

    Raises
    ------
    InputError
        If the design cannot be compiled.
    DeviceError
        If no pseudo-terminal or thread is left.
    """

    def __init__(
        self,
        board: Board,
        shape: Shape,
        *,
        cache: Path | None = None,
        note: Callable[[str], None] = lambda text: None,
    ):
        self.board = board
        library = declare(load_library(serial_design(board, shape), cache=cache, note=note), _SIGNATURES)
        try:
            self._line = _Line(library, board)
        except (OSError, termios.error, RuntimeError) as error:  # no descriptor, terminal or thread is left
            raise DeviceError(
                f"cannot start a simulated {board.name} ({error}); close other programs, and try again"
            ) from error
        self.path = self._line.path
        self._end = finalizer(self, self._line.end)

    def close(self) -> None:
        """Stop the design and remove the path. Closing twice does nothing."""
        self._end()
        self._line.join()

    def __enter__(self) -> "NativeSerialPort":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def cycles(self) -> int:
        """Clock cycles that the design has run."""
        return self._line.cycles

    @property
    def seconds(self) -> float:
        """The same in seconds of the board's clock."""
        return self.cycles / self.board.clock_hz

    @property
    def framing_errors(self) -> int:
        """Bytes from the board whose start or stop bit was wrong."""
        return self._line.framing_errors

    def wait(self) -> None:
        """Wait until it is closed, or until Ctrl-C."""
        self._line.ended.wait()


class _Line:
    """The design, the pseudo-terminal, and the thread between them. It has no reference to the object that holds it.

    Parameters
    ----------
    library : ctypes.CDLL
    board : Board

    Attributes
    ----------
    path : str
        Path of the pseudo-terminal's far end.
    ended : threading.Event
        Set when the thread has ended.
    cycles, framing_errors : int
        Those up to now.
    """

    #: Cycles between two reads of the pseudo-terminal, and bytes from it that can wait for the design.
    _CYCLES, _MAX_WAITING = 4096, 4096

    def __init__(self, library: ctypes.CDLL, board: Board):
        self._library, self._simulator = library, ctypes.c_void_p(library.serial_new(board.clock_hz, board.baud))
        self.cycles = self.framing_errors = 0
        # `wait` does not use `Thread.join`: if Ctrl-C interrupts it, Python 3.11 considers the thread ended.
        self.ended = threading.Event()
        with ExitStack() as opened:
            opened.callback(library.serial_delete, self._simulator)
            self._near, far = os.openpty()  # the far end stays open, so that programs can open and close it
            for descriptor in (self._near, far):
                opened.callback(os.close, descriptor)
            tty.setraw(far)
            os.set_blocking(self._near, False)
            self.path = os.ttyname(far)
            self._wake, self._waker = os.pipe()
            opened.callback(os.close, self._wake)
            self._opened = opened.pop_all()
        self._thread = threading.Thread(target=self._run, name="simulated board", daemon=True)
        try:
            self._thread.start()
        except BaseException:
            self.end()
            self._opened.close()
            raise

    def end(self) -> None:
        """Let the thread end, by closing the pipe that it waits for. Call this once."""
        os.close(self._waker)

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    def _run(self) -> None:
        with self._opened:
            try:
                self._transfer()
            finally:
                self.ended.set()

    def _transfer(self) -> None:
        """Transfer bytes between the pseudo-terminal and the design until `end` is called."""
        waiting, received = bytearray(), bytearray()
        buffer = np.empty(self._CYCLES, np.uint8)
        sent, rests = ctypes.c_size_t(), ctypes.c_int(1)
        while True:
            # While the board rests, nothing has to be simulated, and this waits for the program at the far end.
            resting = rests.value and not waiting
            reads = [self._near] if len(waiting) < self._MAX_WAITING else []
            writes = [self._near] if resting and received else []
            ready, *_ = select.select([self._wake, *reads], writes, [], None if resting else 0)
            if self._wake in ready:
                return
            if self._near in ready:
                waiting += _read(self._near, self._MAX_WAITING - len(waiting))
            if waiting or not rests.value:
                data = np.frombuffer(bytes(waiting), np.uint8)
                count = self._library.serial_run(
                    self._simulator, data, len(data), self._CYCLES, buffer, len(buffer), sent, rests
                )
                del waiting[: sent.value]
                received += buffer[:count].tobytes()
                self.cycles = self._library.serial_cycles(self._simulator)
                self.framing_errors = self._library.serial_framing_errors(self._simulator)
            if received:
                del received[: _write(self._near, received)]


def serial_design(board: Board, shape: Shape) -> Design:
    """Return the design of a board, without its clock generator and its I/O buffers."""
    facts = (board.name, board.clock_hz, board.baud, board.buffer_bits, shape.digest)
    return Design("serial", lambda: accelerator_of(board, shape), repr(facts), "")


def _read(descriptor: int, count: int) -> bytes:
    """Return up to ``count`` bytes that are there."""
    try:
        return os.read(descriptor, count)
    except BlockingIOError:
        return b""
    except OSError as error:
        if error.errno == errno.EIO:  # no program has the far end open
            return b""
        raise


def _write(descriptor: int, data: bytes) -> int:
    """Write bytes for which there is room, and return their number."""
    try:
        return os.write(descriptor, data)
    except BlockingIOError:
        return 0
