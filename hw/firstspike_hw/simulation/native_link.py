"""An engine behind its link, as native code in this process: bytes in, bytes out."""

import ctypes
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np

from firstspike_spec.common.errors import DeviceError
from firstspike_spec.compiler.contents import EngineContents
from firstspike_spec.protocol.messages import Identity

from ..link.linked_engine import LinkedEngine
from .build import Design, load_library
from .probes import definition, most_tokens, spike_times_of_probes

_FAILURES = {
    -1: "the simulated board is stuck",
    -2: "the simulated board gave more bytes than there is room for",
    -3: "the simulated board gave more tokens than there is room for",
}


class NativeLink:
    """The compiled RTL of a `LinkedEngine`, as the far end of a link. It begins without a network.

    Parameters
    ----------
    identity : Identity
        Without digest.
    cache : path, optional
        Where compiled designs are kept; by default the user's cache folder.
    note : callable
        Told when the design has to be compiled, which takes a while.

    Raises
    ------
    InputError
        If there is no C++ compiler.
    DeviceError
        From every method, if the board is closed, or does what it must not.
    """

    name = "the simulated board"

    #: Bytes that can come back at once: the largest answer, and what was asked for before it.
    _GIVEN = 1 << 16

    def __init__(self, identity: Identity, *, cache: Path | None = None, note: Callable[[str], None] = lambda text: None):
        self._library = _declare(load_library(link_design(identity), cache=cache, note=note))
        self._simulator = ctypes.c_void_p(self._library.link_new())
        self._free = weakref.finalize(self, self._library.link_delete, self._simulator)
        self._free.atexit = False
        self._waiting = bytearray()
        self._given = np.empty(self._GIVEN, np.uint8)
        self._probes, self._probe_parts = np.empty(0, np.uint64), []

    def close(self) -> None:
        """Free the simulator, which is also done when nobody holds the object any more. It is of no use afterwards."""
        self._free()

    @property
    def _open(self) -> ctypes.c_void_p:
        if not self._free.alive:
            raise DeviceError("the simulated board is closed; open it again")
        return self._simulator

    def write(self, data: bytes) -> None:
        """Put bytes on the link; they travel with the next `read`."""
        self._waiting += data

    def read(self, timeout: float = 0.0) -> bytes:
        """Return what comes back: a message and perhaps more, or nothing if nothing would ever come.

        ``timeout`` is of no meaning: the simulator knows.
        """
        del timeout
        return self._run(rest=False)

    def watch(self, image: EngineContents, batch: int) -> None:
        """From now on, keep the spikes of up to ``batch`` inferences of the network that is loaded."""
        self._probe_parts = []
        self._probes = np.empty(most_tokens(image, batch), np.uint64)

    def spike_times(self, image: EngineContents, batch: int) -> tuple[np.ndarray, ...]:
        """Return the spike times of the inferences since `watch`, of inputs and hidden layers, and stop watching.

        Raises
        ------
        InputError
            If it was not exactly ``batch`` inferences.
        """
        self._run(rest=True)
        parts, self._probe_parts, self._probes = self._probe_parts, [], np.empty(0, np.uint64)
        return spike_times_of_probes(image, np.concatenate([*parts, np.empty(0, np.uint64)]), batch)

    @property
    def cycles(self) -> int:
        """Clock cycles since the simulator was made."""
        return self._library.link_cycles(self._open)

    def _run(self, *, rest: bool) -> bytes:
        data, self._waiting = np.frombuffer(bytes(self._waiting), np.uint8), bytearray()
        probes, probe_count = self._probes, ctypes.c_size_t()
        count = self._library.link_run(
            self._open,
            data,
            len(data),
            rest,
            self._given,
            len(self._given),
            probes.ctypes.data if len(probes) else None,
            len(probes),
            probe_count,
        )
        if count < 0:
            raise DeviceError(f"{_FAILURES[count]}; report this")
        self._probe_parts.append(probes[: probe_count.value].copy())
        return self._given[:count].tobytes()


def link_design(identity: Identity) -> Design:
    """Return the design of an engine behind its link."""
    return Design("link", lambda: LinkedEngine(identity), identity.constants().decode(), definition(identity.shape))


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    data = np.ctypeslib.ndpointer(np.uint8, flags="C_CONTIGUOUS")
    simulator, size = ctypes.c_void_p, ctypes.c_size_t
    signatures = {
        "link_new": (simulator, []),
        "link_delete": (None, [simulator]),
        "link_cycles": (ctypes.c_uint64, [simulator]),
        "link_run": (
            ctypes.c_int64,
            [simulator, data, size, ctypes.c_int, data, size, ctypes.c_void_p, size, ctypes.POINTER(size)],
        ),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
