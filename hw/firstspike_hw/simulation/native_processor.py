"""A bare processor as native code in this process."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from firstspike_spec.inference.results import Results, with_hidden_spikes
from firstspike_spec.processor.contents import ProcessorContents
from firstspike_spec.processor.shape import ProcessorShape
from firstspike_spec.processor.spikes import input_words
from firstspike_spec.protocol.processor_results import read_processor_results

from ..processor.parameters import ProcessorParameters
from ..processor.processor import Processor
from .build import Design
from .native_core import NativeCore, core_definitions
from .probes import all_spike_times, most_probe_words, probe_definitions


def processor_design(shape: ProcessorShape) -> Design:
    """Return the design of a bare processor."""
    return Design(
        "processor",
        lambda: Processor(ProcessorParameters(shape)),
        shape.digest,
        probe_definitions(1) + core_definitions(),
    )


class NativeProcessor(NativeCore[ProcessorContents]):
    """The compiled RTL of a processor, with the interface of a device.

    Parameters
    ----------
    shape : ProcessorShape
    cache, note
        As for `NativeCore`.
    """

    def __init__(self, shape: ProcessorShape, *, cache: Path | None = None, note: Callable[[str], None] = lambda text: None):
        self.shape = shape
        super().__init__(processor_design(shape), shape, "a processor", cache=cache, note=note)

    def run(self, spike_times: np.ndarray, *, early_exit: bool = False, stalls: int = 0) -> Results:
        """Run a batch of inferences, each directly after the one before.

        Parameters
        ----------
        spike_times : ndarray of int16, shape (batch, inputs)
        early_exit : bool
            Without meaning: layered networks have no early exit.
        stalls : int
            Seed, below 2**64, of random pauses before inputs are sent and results are taken; 0 for no pauses.

        Returns
        -------
        Results
            They include the spike times of all layers, and the cycles.

        Raises
        ------
        SpikesLost
            If an image has more spikes in a layer than the processor has room for.
        """
        network, batch = self._contents.network, len(spike_times)
        results, probes = self._run(
            input_words(self.shape, network, spike_times),
            batch,
            early_exit=False,
            stalls=stalls,
            most_results=batch * (network.outputs + 1),
            most_probes=most_probe_words(self._contents, batch),
        )
        return with_hidden_spikes(
            read_processor_results(network, results, batch=batch),
            all_spike_times(self._contents, probes, spike_times),
            early_exit=False,
            time_steps=network.time_steps,
        )
