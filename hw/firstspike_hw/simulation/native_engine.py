"""A bare engine as native code in this process."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from firstspike_spec.compiler.contents import EngineContents
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.tokens import input_tokens
from firstspike_spec.inference.results import Results, with_hidden_spikes
from firstspike_spec.protocol.result_words import read_results

from ..chain.engine import Engine
from .build import Design
from .native_core import NativeCore, core_definitions
from .probes import max_tokens, probe_definitions, spike_times_of_probes


def engine_design(shape: EngineShape) -> Design:
    """Return the design of a bare engine."""
    return Design("engine", lambda: Engine(shape), shape.digest, probe_definitions(len(shape.layers) + 1) + core_definitions())


class NativeEngine(NativeCore[EngineContents]):
    """The compiled RTL of an engine, with the interface of a device.

    Parameters
    ----------
    shape : EngineShape
    cache, note
        As for `NativeCore`.
    """

    def __init__(self, shape: EngineShape, *, cache: Path | None = None, note: Callable[[str], None] = lambda text: None):
        self.shape = shape
        super().__init__(engine_design(shape), shape, "an engine", cache=cache, note=note)

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
        contents, batch = self._contents, len(spike_times)
        network = contents.network
        results, probes = self._run(
            input_tokens(self.shape, spike_times, network.time_steps),
            batch,
            early_exit=early_exit,
            stalls=stalls,
            most_results=batch * (self.shape.output.neurons + 1),
            most_probes=max_tokens(contents, batch),
        )
        return with_hidden_spikes(
            read_results(contents, results, batch=batch, early_exit=early_exit),
            spike_times_of_probes(contents, probes, batch),
            early_exit=early_exit,
            time_steps=network.time_steps,
        )
