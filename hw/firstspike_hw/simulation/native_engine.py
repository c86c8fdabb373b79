"""A bare engine as native code in this process."""

import ctypes
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
from .native import INT, INT64, SIMULATOR, SIZE, UINT64, WORDS, Signatures, Simulator, declare
from .probes import max_tokens, probe_definitions, spike_times_of_probes

_SIGNATURES: Signatures = {
    "engine_new": (SIMULATOR, []),
    "engine_delete": (None, [SIMULATOR]),
    "engine_cycles": (UINT64, [SIMULATOR]),
    "engine_load": (INT64, [SIMULATOR, WORDS, SIZE]),
    "engine_run": (
        INT64,
        [
            *(SIMULATOR, WORDS, SIZE, SIZE, INT, UINT64),
            *(WORDS, SIZE, WORDS, WORDS, SIZE, ctypes.POINTER(SIZE)),
        ],
    ),
    "engine_counters": (None, [SIMULATOR, WORDS]),
}

#: Messages for the `Failure` values of ``clocked.h``.
_FAILURES = {-1: "the engine is stuck", -2: "the engine gave too many results", -3: "the engine gave too many tokens"}


def engine_design(shape: EngineShape) -> Design:
    """Return the design of a bare engine."""
    counters, low = [], 0
    for name, width in COUNTERS.members.items():
        counters.append(f"X({name}, {low}, {low + width - 1})")
        low += width
    definitions = (
        probe_definitions(shape)
        + f"#define FOR_EACH_COUNTER(X) {' '.join(counters)}\n"
        + f"#define RESULT_BITS {RESULT_WORD.bits}\n"
    )
    return Design("engine", lambda: Engine(shape), shape.digest, definitions)


class NativeEngine:
    """The compiled RTL of an engine, with the interface of a device.

    Parameters
    ----------
    shape : EngineShape
    cache : path, optional
        Folder of compiled engines; by default one in the user's cache.
    note : callable
        Called with a line of text if the engine has to be compiled, which takes a while.

    Raises
    ------
    InputError
        If the engine cannot be compiled.
    DeviceError
        From every method, if the engine is closed or does not behave as it should.
    """

    def __init__(self, shape: EngineShape, *, cache: Path | None = None, note: Callable[[str], None] = lambda text: None):
        self.shape = shape
        self._library = declare(load_library(engine_design(shape), cache=cache, note=note), _SIGNATURES)
        self._simulator = Simulator(self._library.engine_new(), self._library.engine_delete, name="the simulated engine")
        self._contents: EngineContents | None = None
        self._decision_cycles = np.empty(0, np.uint64)

    def close(self) -> None:
        """Free the engine, which is of no use afterwards. This also happens when the object is no longer referenced."""
        self._simulator.close()

    def load(self, contents: EngineContents) -> None:
        """Load a network through the engine's load port."""
        if contents.shape != self.shape:
            raise ValueError(f"The contents are made for an engine of another shape, {contents.shape!r}")
        words = np.ascontiguousarray(contents.load_words())
        self._check(self._library.engine_load(self._simulator.pointer, words, len(words)))
        self._contents = contents

    def run(self, spike_times: np.ndarray, *, early_exit: bool, stalls: int = 0) -> Results:
        """Run a batch of inferences, each directly after the one before.

        Parameters
        ----------
        spike_times : ndarray of int16, shape (batch, inputs)
        early_exit : bool
        stalls : int
            Seed, below 2**64, of random pauses before inputs are sent and results are taken; 0 for no pauses.

        Returns
        -------
        Results
            They include the spike times of all layers, and the cycles.
        """
        if self._contents is None:
            raise DeviceError("the simulated engine holds no network; load one first")
        contents, network, batch = self._contents, self._contents.network, len(spike_times)
        tokens = input_tokens(self.shape, spike_times, network.time_steps)
        results = np.empty(batch * (self.shape.output.neurons + 1), np.uint64)
        self._decision_cycles = np.empty(batch, np.uint64)
        probes = np.empty(max_tokens(contents, batch), np.uint64)
        probe_count = ctypes.c_size_t()
        count = self._check(
            self._library.engine_run(
                self._simulator.pointer,
                tokens,
                len(tokens),
                batch,
                early_exit,
                stalls,
                results,
                len(results),
                self._decision_cycles,
                probes,
                len(probes),
                probe_count,
            )
        )
        return with_hidden_spikes(
            read_results(contents, results[:count], batch=batch, early_exit=early_exit),
            spike_times_of_probes(contents, probes[: probe_count.value], batch),
            early_exit=early_exit,
            time_steps=network.time_steps,
        )

    @property
    def cycles(self) -> int:
        """Clock cycles since the engine was made."""
        return self._library.engine_cycles(self._simulator.pointer)

    @property
    def decision_cycles(self) -> np.ndarray:
        """The values of `cycles` at which the last run's decisions came: int64, shape (batch,)."""
        return self._decision_cycles.astype(np.int64)

    def counters(self) -> dict[str, int]:
        """Return the engine's counters by name (`firstspike_hw.chain.engine.COUNTERS`)."""
        values = np.zeros(len(COUNTERS.members), np.uint64)
        self._library.engine_counters(self._simulator.pointer, values)
        return dict(zip(COUNTERS.members, map(int, values), strict=True))

    @staticmethod
    def _check(count: int) -> int:
        if count < 0:
            raise DeviceError(f"{_FAILURES[count]}; report this")
        return count
