"""The simulated processor: its own RTL, compiled to native code."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from firstspike_spec.common.checks import whole_number
from firstspike_spec.common.errors import DeviceError, InputError
from firstspike_spec.inference.results import Results
from firstspike_spec.layered.network import LayeredNetwork
from firstspike_spec.processor.compile import compile_layered
from firstspike_spec.processor.plan import plan_processor
from firstspike_spec.processor.results import SpikesLost

from .kinds import AnyNetwork, layered_network
from .simulated import closing_on_failure, needing_simulation

#: Lanes of a simulated processor if nothing else is asked for.
LANES = 16

#: How many times the rows and entries of the smallest processor it has, so that layers can be shared out over slots.
_ROOM = 4


class SimulatedProcessor:
    """The bare processor, without a link that slows it down. Its sizes suit the first network.

    When a processor shape is opened for the first time, its RTL is translated and compiled, which takes about a minute. Later
    it is taken from the user's cache.

    Parameters
    ----------
    network : LayeredNetwork
    lanes : int, optional
        16 by default.
    note : callable
        Called with a text when the processor has to be compiled.

    Raises
    ------
    InputError
        If the hardware part of firstspike or a C++ compiler is not installed, or ``lanes`` is not one number in 1 .. 255.
    """

    def __init__(self, network: LayeredNetwork, *, lanes: int | Sequence[int] | None, note: Callable[[str], None]):
        if isinstance(lanes, Sequence):
            if len(lanes) != 1:
                raise InputError(f"a processor has one set of lanes, so give one number of lanes, not {len(lanes)}")
            lanes = lanes[0]
        smallest = plan_processor(network, LANES if lanes is None else whole_number(lanes, "lanes", 1, 255))
        self._shape = replace(
            smallest,
            rows=min(_ROOM * smallest.rows, 1 << 16),
            entries=min(_ROOM * smallest.entries, 1 << 16),
            program=2 * smallest.program,
            inputs=1 << (2 * network.inputs).bit_length(),
        )
        contents = compile_layered(network, self._shape)
        with needing_simulation():
            from firstspike_hw.simulation import NativeProcessor
        self._processor = NativeProcessor(self._shape, note=note)
        with closing_on_failure(self._processor):
            self._processor.load(contents)

    def load(self, network: AnyNetwork) -> None:
        """Load another network into the same processor, if it fits."""
        self._processor.load(compile_layered(layered_network(network, "the simulated processor"), self._shape))

    def run(self, spike_times: np.ndarray, *, early_exit: bool) -> Results:
        """Run a batch of inferences without gaps.

        Raises
        ------
        InputError
            If an image has more spikes in a layer than the processor has room for.
        DeviceError
            If the processor gives impossible results.
        """
        try:
            return self._processor.run(spike_times, early_exit=early_exit)
        except SpikesLost:
            raise
        except InputError as error:
            raise DeviceError(f"the simulated processor gave impossible results: {error}; report this") from error

    def info(self) -> dict[str, Any]:
        """Return what the device is, with the shape of its processor."""
        return {"device": "engine", "processor": self._shape.as_dict(), "processor_digest": self._shape.digest}

    def counters(self) -> dict[str, int]:
        """Return the processor's counters."""
        return self._processor.counters()

    def close(self) -> None:
        """Free the processor."""
        self._processor.close()
