"""An engine that runs as native code in this process."""

import ctypes
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np

from firstspike_spec.common.errors import DeviceError
from firstspike_spec.common.words import RESULT_WORD
from firstspike_spec.compiler.contents import EngineContents
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.tokens import input_tokens
from firstspike_spec.inference.results import Results, with_hidden_spikes
from firstspike_spec.protocol.result_words import read_results

from ..chain.engine import COUNTERS, Engine
from .build import Design, load_library
from .probes import definition, most_tokens, spike_times_of_probes

_FAILURES = {-1: "the engine is stuck", -2: "the engine gave too many results", -3: "the engine gave too many tokens"}


def engine_design(shape: EngineShape) -> Design:
    """Return the design of a bare engine."""
    counters, low = [], 0
    for name, width in COUNTERS.members.items():
        counters.append(f"X({name}, {low}, {low + width - 1})")
        low += width
    definitions = (
        definition(shape) + f"#define FOR_EACH_COUNTER(X) {' '.join(counters)}\n" + f"#define RESULT_BITS {RESULT_WORD.bits}\n"
    )
    return Design("engine", lambda: Engine(shape), shape.digest, definitions)


class NativeEngine:
    """The compiled RTL of an engine, with the interface of a device.

    Parameters
    ----------
    shape : EngineShape
    cache : path, optional
        Where compiled engines are kept; by default the user's cache folder.
    note : callable
        Told when the engine has to be compiled, which takes a while.

    Raises
    ------
    InputError
        If there is no C++ compiler.
    DeviceError
        From every method, if the engine is closed, or does what it must not.
    """

    def __init__(self, shape: EngineShape, *, cache: Path | None = None, note: Callable[[str], None] = lambda text: None):
        self.shape = shape
        self._library = _declare(load_library(engine_design(shape), cache=cache, note=note))
        self._simulator = ctypes.c_void_p(self._library.engine_new())
        self._free = weakref.finalize(self, self._library.engine_delete, self._simulator)
        self._free.atexit = False
        self._image: EngineContents | None = None
        self._decisions = np.empty(0, np.uint64)

    def close(self) -> None:
        """Free the simulator, which is also done when nobody holds the object any more. It is of no use afterwards."""
        self._free()

    @property
    def _open(self) -> ctypes.c_void_p:
        if not self._free.alive:
            raise DeviceError("the simulated engine is closed; open it again")
        return self._simulator

    def load(self, image: EngineContents) -> None:
        """Load a network through the engine's load port."""
        if image.shape != self.shape:
            raise ValueError(f"The image is made for an engine of another shape, {image.shape!r}")
        words = np.ascontiguousarray(image.load_words())
        self._check(self._library.engine_load(self._open, words, len(words)))
        self._image = image

    def run(self, spike_times: np.ndarray, *, early_exit: bool, stalls: int = 0) -> Results:
        """Run a batch of inferences, one directly behind the other.

        Parameters
        ----------
        spike_times : ndarray of int16, shape (batch, inputs)
        early_exit : bool
        stalls : int
            Seed of the pauses of who sends the images and who takes the results, below 2**64; 0 for none.

        Returns
        -------
        Results
            With the spike times of all layers and the cycles.
        """
        network, batch = self._image.network, len(spike_times)
        tokens = input_tokens(self.shape, spike_times, network.time_steps)
        results = np.empty(batch * (self.shape.output.neurons + 1), np.uint64)
        self._decisions = np.empty(batch, np.uint64)
        probes = np.empty(most_tokens(self._image, batch), np.uint64)
        probe_count = ctypes.c_size_t()
        count = self._check(
            self._library.engine_run(
                self._open,
                tokens,
                len(tokens),
                batch,
                early_exit,
                stalls,
                results,
                len(results),
                self._decisions,
                probes,
                len(probes),
                probe_count,
            )
        )
        return with_hidden_spikes(
            read_results(self._image, results[:count], batch=batch, early_exit=early_exit),
            spike_times_of_probes(self._image, probes[: probe_count.value], batch),
            early_exit=early_exit,
            time_steps=network.time_steps,
        )

    @property
    def cycles(self) -> int:
        """Clock cycles since the engine was made."""
        return self._library.engine_cycles(self._open)

    @property
    def decision_cycles(self) -> np.ndarray:
        """The cycles, counted likewise, in which the last run's decisions were given: int64, shape (batch,)."""
        return self._decisions.astype(np.int64)

    def counters(self) -> dict[str, int]:
        """Return the engine's counters by name (`firstspike_hw.chain.engine.COUNTERS`)."""
        values = np.zeros(len(COUNTERS.members), np.uint64)
        self._library.engine_counters(self._open, values)
        return dict(zip(COUNTERS.members, map(int, values), strict=True))

    @staticmethod
    def _check(count: int) -> int:
        if count < 0:
            raise DeviceError(f"{_FAILURES[count]}; report this")
        return count


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    words = np.ctypeslib.ndpointer(np.uint64, flags="C_CONTIGUOUS")
    simulator, size = ctypes.c_void_p, ctypes.c_size_t
    signatures = {
        "engine_new": (simulator, []),
        "engine_delete": (None, [simulator]),
        "engine_cycles": (ctypes.c_uint64, [simulator]),
        "engine_load": (ctypes.c_int64, [simulator, words, size]),
        "engine_run": (
            ctypes.c_int64,
            [
                *(simulator, words, size, size, ctypes.c_int, ctypes.c_uint64),
                *(words, size, words, words, size, ctypes.POINTER(size)),
            ],
        ),
        "engine_counters": (None, [simulator, words]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
