"""An engine or a processor and its link as native code in this process: bytes in, bytes out."""

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np

from firstspike_spec.common.errors import DeviceError
from firstspike_spec.compiler.contents import EngineContents
from firstspike_spec.processor.contents import ProcessorContents
from firstspike_spec.protocol.messages import Identity

from ..link.core.cores import probes
from ..link.linked_engine import LinkedEngine
from .build import Design, load_library
from .native import BYTES, INT, INT64, SIMULATOR, SIZE, UINT64, Signatures, Simulator, declare
from .probes import all_spike_times, most_probe_words, probe_definitions

_SIGNATURES: Signatures = {
    "link_new": (SIMULATOR, []),
    "link_delete": (None, [SIMULATOR]),
    "link_cycles": (UINT64, [SIMULATOR]),
    "link_run": (
        INT64,
        [SIMULATOR, BYTES, SIZE, INT, BYTES, SIZE, ctypes.c_void_p, SIZE, ctypes.POINTER(SIZE)],
    ),
}

#: Messages for the `Failure` values of ``clocked.h``.
_FAILURES = {
    -1: "the simulated board is stuck",
    -2: "the simulated board gave more bytes than there is room for",
    -3: "the simulated board gave more tokens than there is room for",
}


class NativeLink:
    """The compiled RTL of a `LinkedEngine`, as the far end of a link. It holds no network at first.

    Parameters
    ----------
    identity : Identity
        Without digest.
    cache : path, optional
        Folder of compiled designs; by default one in the user's cache.
    note : callable
        Called with a line of text if the design has to be compiled, which takes a while.

    Raises
    ------
    InputError
        If the design cannot be compiled.
    DeviceError
        From every method, if the board is closed or does not behave as it should.
    """

    name = "the simulated board"

    #: Bytes that can come back at once: the largest answer, and answers to earlier requests.
    _MAX_BYTES = 1 << 16

    def __init__(self, identity: Identity, *, cache: Path | None = None, note: Callable[[str], None] = lambda text: None):
        self._library = declare(load_library(link_design(identity), cache=cache, note=note), _SIGNATURES)
        self._simulator = Simulator(self._library.link_new(), self._library.link_delete, name=self.name)
        self._waiting = bytearray()
        self._received = np.empty(self._MAX_BYTES, np.uint8)
        self._probes = np.empty(0, np.uint64)
        self._probe_parts: list[np.ndarray] = []

    def close(self) -> None:
        """Free the board, which is of no use afterwards. This also happens when the object is no longer referenced."""
        self._simulator.close()

    def write(self, data: bytes) -> None:
        """Put bytes on the link; the next `read` sends them."""
        self._waiting += data

    def read(self, timeout: float = 0.0) -> bytes:
        """Return the bytes that come back: at least one message, or nothing if no message would ever come.

        ``timeout`` is not used: the simulator knows when nothing more can come.
        """
        del timeout
        return self._run(rest=False)

    def watch(self, contents: EngineContents | ProcessorContents, batch: int) -> None:
        """Start to record the spikes of up to ``batch`` inferences of the loaded network."""
        self._probe_parts = []
        self._probes = np.empty(most_probe_words(contents, batch), np.uint64)

    def spike_times(self, contents: EngineContents | ProcessorContents, inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the spike times of the inputs and the hidden layers in the inferences since `watch`, and stop recording.

        Parameters
        ----------
        contents : EngineContents or ProcessorContents
        inputs : ndarray of int, shape (batch, inputs)
            The spike times that were sent.

        Raises
        ------
        InputError
            If there were other than ``batch`` inferences.
        """
        self._run(rest=True)
        parts, self._probe_parts, self._probes = self._probe_parts, [], np.empty(0, np.uint64)
        return all_spike_times(contents, np.concatenate([*parts, np.empty(0, np.uint64)]), inputs)

    @property
    def cycles(self) -> int:
        """Clock cycles since the simulator was made."""
        return self._library.link_cycles(self._simulator.pointer)

    def _run(self, *, rest: bool) -> bytes:
        data, self._waiting = np.frombuffer(bytes(self._waiting), np.uint8), bytearray()
        probes, probe_count = self._probes, ctypes.c_size_t()
        count = self._library.link_run(
            self._simulator.pointer,
            data,
            len(data),
            rest,
            self._received,
            len(self._received),
            probes.ctypes.data if len(probes) else None,
            len(probes),
            probe_count,
        )
        if count < 0:
            raise DeviceError(f"{_FAILURES[count]}; report this")
        self._probe_parts.append(probes[: probe_count.value].copy())
        return self._received[:count].tobytes()


def link_design(identity: Identity) -> Design:
    """Return the design of an engine or a processor and its link."""
    return Design(
        "link",
        lambda: LinkedEngine(identity),
        identity.constants().decode(),
        probe_definitions(len(probes(identity.shape))),
    )
