"""What the native simulators share: the functions of their libraries, and memory that is freed exactly once."""

import ctypes
import weakref
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from firstspike_spec.common.errors import DeviceError

#: Types of the functions' arguments and results. `BYTES` and `WORDS` are arrays.
BYTES = np.ctypeslib.ndpointer(np.uint8, flags="C_CONTIGUOUS")
WORDS = np.ctypeslib.ndpointer(np.uint64, flags="C_CONTIGUOUS")
SIMULATOR, SIZE, INT, UINT64, INT64 = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_uint64, ctypes.c_int64

#: For each function of a library, the type of its result and the types of its arguments.
Signatures = Mapping[str, tuple[object, Sequence[object]]]


def declare(library: ctypes.CDLL, signatures: Signatures) -> ctypes.CDLL:
    """Declare a library's functions, and return the library."""
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def finalizer(owner: object, function: Callable[..., object], *arguments: object) -> weakref.finalize:
    """Return a finalizer that calls a function once: when it is called itself, or when ``owner`` is no longer referenced.

    It is not called when Python exits, since another thread may still use what it would free.
    """
    finalize = weakref.finalize(owner, function, *arguments)
    finalize.atexit = False  # type: ignore[misc]  # typeshed gives the class empty __slots__, though it has this attribute
    return finalize


class Simulator:
    """A simulator in a library. It is freed when it is closed, or when this object is no longer referenced.

    Parameters
    ----------
    pointer : int
        From the library's function that makes a simulator.
    delete : callable
        The library's function that frees it.
    name : str
        What messages call it.
    """

    def __init__(self, pointer: int, delete: Callable[[ctypes.c_void_p], object], *, name: str):
        self._pointer, self._name = ctypes.c_void_p(pointer), name
        self._finalizer = finalizer(self, delete, self._pointer)

    def close(self) -> None:
        """Free the simulator, which is of no use afterwards. Closing twice does nothing."""
        self._finalizer()

    @property
    def pointer(self) -> ctypes.c_void_p:
        """The simulator, for the library's functions.

        Raises
        ------
        DeviceError
            If it is closed.
        """
        if not self._finalizer.alive:
            raise DeviceError(f"{self._name} is closed; open it again")
        return self._pointer
