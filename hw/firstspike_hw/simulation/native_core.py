"""A bare engine or processor as native code in this process: words in, words out."""

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from firstspike_spec.common.errors import DeviceError
from firstspike_spec.common.words import RESULT_WORD
from firstspike_spec.compiler.contents import Contents

from ..chain.engine import COUNTERS
from .build import Design, load_library
from .native import INT, INT64, SIMULATOR, SIZE, UINT64, WORDS, Signatures, Simulator, declare

_SIGNATURES: Signatures = {
    "core_new": (SIMULATOR, []),
    "core_delete": (None, [SIMULATOR]),
    "core_cycles": (UINT64, [SIMULATOR]),
    "core_load": (INT64, [SIMULATOR, WORDS, SIZE]),
    "core_run": (
        INT64,
        [
            *(SIMULATOR, WORDS, SIZE, SIZE, INT, UINT64),
            *(WORDS, SIZE, WORDS, WORDS, SIZE, ctypes.POINTER(SIZE)),
        ],
    ),
    "core_counters": (None, [SIMULATOR, WORDS]),
}

#: Messages for the `Failure` values of ``clocked.h``.
_FAILURES = {-1: "is stuck", -2: "gave too many results", -3: "showed too many spikes"}


_Contents = TypeVar("_Contents", bound=Contents)


def core_definitions() -> str:
    """Return the macros that ``core.h`` needs, as C++."""
    counters, low = [], 0
    for name, width in COUNTERS.members.items():
        counters.append(f"X({name}, {low}, {low + width - 1})")
        low += width
    return f"#define FOR_EACH_COUNTER(X) {' '.join(counters)}\n#define RESULT_BITS {RESULT_WORD.bits}\n"


class NativeCore(Generic[_Contents]):
    """What the compiled RTL of an engine and of a processor have in common.

    Parameters
    ----------
    design : Design
    shape : EngineShape or ProcessorShape
        That of the contents that it can hold.
    name : str
        What messages call it: ``"an engine"`` or ``"a processor"``.
    cache : path, optional
        Folder of compiled designs; by default one in the user's cache.
    note : callable
        Called with a line of text if the design has to be compiled, which takes a while.

    Raises
    ------
    InputError
        If the design cannot be compiled.
    DeviceError
        From every method, if it is closed or does not behave as it should.
    """

    def __init__(self, design: Design, shape: object, name: str, *, cache: Path | None, note: Callable[[str], None]):
        self._shape, self._name = shape, name
        self._noun = name.partition(" ")[2]
        self._held: _Contents | None = None
        self._library = declare(load_library(design, cache=cache, note=note), _SIGNATURES)
        self._simulator = Simulator(self._library.core_new(), self._library.core_delete, name=f"the simulated {self._noun}")
        self._decision_cycles = np.empty(0, np.uint64)

    def close(self) -> None:
        """Free it; it is of no use afterwards. This also happens when the object is no longer referenced."""
        self._simulator.close()

    def load(self, contents: _Contents) -> None:
        """Load a network through the load port."""
        if contents.shape != self._shape:
            raise ValueError(f"The contents are made for {self._name} of another shape, {contents.shape!r}")
        words = np.ascontiguousarray(contents.load_words())
        self._check(self._library.core_load(self._simulator.pointer, words, len(words)))
        self._held = contents

    @property
    def _contents(self) -> _Contents:
        """What was loaded."""
        if self._held is None:
            raise DeviceError(f"the simulated {self._noun} holds no network; load one first")
        return self._held

    def _run(
        self, words: np.ndarray, batch: int, *, early_exit: bool, stalls: int, most_results: int, most_probes: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give input words of a batch; return the result words and the probe words."""
        results, probes = np.empty(most_results, np.uint64), np.empty(most_probes, np.uint64)
        self._decision_cycles = np.empty(batch, np.uint64)
        probe_count = ctypes.c_size_t()
        count = self._check(
            self._library.core_run(
                self._simulator.pointer,
                np.ascontiguousarray(words),
                len(words),
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
        return results[:count], probes[: probe_count.value]

    @property
    def cycles(self) -> int:
        """Clock cycles since it was made."""
        cycles: int = self._library.core_cycles(self._simulator.pointer)
        return cycles

    @property
    def decision_cycles(self) -> np.ndarray:
        """The values of `cycles` at which the last run's decisions came: int64, shape (batch,)."""
        return self._decision_cycles.astype(np.int64)

    def counters(self) -> dict[str, int]:
        """Return the counters by name (`firstspike_hw.chain.engine.COUNTERS`)."""
        values = np.zeros(len(COUNTERS.members), np.uint64)
        self._library.core_counters(self._simulator.pointer, values)
        return dict(zip(COUNTERS.members, map(int, values), strict=True))

    def _check(self, count: int) -> int:
        if count < 0:
            raise DeviceError(f"the {self._noun} {_FAILURES[count]}; report this")
        return count
