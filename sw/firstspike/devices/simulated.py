"""Simulated devices: the gateware's own RTL, compiled to native code."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import numpy as np

from firstspike_spec.common.errors import DeviceError, InputError, needing
from firstspike_spec.inference.results import Results, with_hidden_spikes
from firstspike_spec.processor.shape import ProcessorShape
from firstspike_spec.protocol.messages import Identity
from firstspike_spec.protocol.processor_results import SpikesLost
from firstspike_spec.protocol.shapes import facts_of, kind_of

from ..link.link import Link
from ..link.transport import SerialTransport
from .cores import compile_for
from .kinds import AnyNetwork, ends_early
from .linked import LinkedDevice
from .plans import Lanes, needing_simulation, plan_for, plan_on

#: Size of a simulated board's buffer of requests, in bytes: for an engine, and for a processor, whose images are larger.
_ENGINE_BUFFER_BYTES, _PROCESSOR_BUFFER_BYTES = 2048, 1 << 15


@contextmanager
def closing_on_failure(opened: Any) -> Iterator[None]:
    """Close something if the block fails, because its owner is then never made."""
    try:
        yield
    except BaseException:
        opened.close()
        raise


class SimulatedBoard(LinkedDevice):
    """The engine or the processor with its link, in this process: the same bytes as over a cable, and all hidden spikes.

    It has the size that the first network needs. When a shape is opened for the first time, its RTL is translated and
    compiled, which takes about a minute. Later it is taken from the user's cache.

    Parameters
    ----------
    network : Network or LayeredNetwork
    lanes : int or sequence of int, optional
        Lanes of each hidden layer, one number for all or one for each, or the lanes of a processor; 16 by default.
    note : callable
        Called with a text when the RTL has to be compiled.

    Raises
    ------
    InputError
        If the hardware part of firstspike or a C++ compiler is not installed.
    """

    def __init__(self, network: AnyNetwork, *, lanes: Lanes, note: Callable[[str], None]):
        shape = plan_for(network, lanes)
        buffer = _PROCESSOR_BUFFER_BYTES if isinstance(shape, ProcessorShape) else _ENGINE_BUFFER_BYTES
        identity = Identity(shape, board="simulated", clock_hz=0, baud=0, buffer_bytes=buffer)
        with needing_simulation():
            from firstspike_hw.simulation import NativeLink
        self._far_end = NativeLink(identity, note=note)
        with closing_on_failure(self._far_end):
            link = Link(self._far_end)
            link.connect()
            super().__init__(link, network)

    def run(self, spike_times: np.ndarray, *, early_exit: bool) -> Results:
        """Run a batch of inferences; the results have the spike times of all layers."""
        image, resent = self._loaded, self.link.resent
        self._far_end.watch(image, len(spike_times))
        results = super().run(spike_times, early_exit=early_exit)
        if self.link.resent != resent:
            return results
        return with_hidden_spikes(
            results,
            self._far_end.spike_times(image, spike_times),
            early_exit=ends_early(image.network, early_exit),
            time_steps=image.network.time_steps,
        )


class SimulatedPins(LinkedDevice):
    """A board's whole design, bit by bit on its serial line. It is behind a pseudo-terminal, opened like a serial port.

    Parameters
    ----------
    network : Network or LayeredNetwork
        A layered network runs on the board's standard processor.
    place : str
        Name of the board (``firstspike boards``).
    lanes : int or sequence of int, optional
        Lanes of each hidden layer, one number for all or one for each; by default the board's.
    note : callable
        Called with a text about each long step: this device is slow, a few kilobytes per second.
    """

    #: Seconds to wait for an answer, which takes far longer than from a real board.
    _TIMEOUT = 30.0

    def __init__(self, network: AnyNetwork, place: str, *, lanes: Lanes, note: Callable[[str], None]):
        with needing_simulation():
            from firstspike_hw.simulation import NativeSerialPort
        with needing("boards", "amaranth-boards", "amaranth_boards", what="a simulated board"):
            from firstspike_hw.boards.registry import board_named
        board = board_named(place)
        self._port = NativeSerialPort(board, plan_on(board, network, lanes), note=note)
        with closing_on_failure(self._port):
            link = Link(SerialTransport(self._port.path, board.baud), timeout=self._TIMEOUT)
            with closing_on_failure(link):
                link.connect()
                note(f"loading the network into the simulated {board.name}, which may take minutes")
                super().__init__(link, network)

    def close(self) -> None:
        """Close the link, and stop the design."""
        with closing(self._port):
            super().close()


class SimulatedCore:
    """The bare engine or processor, without a link that slows it down. Otherwise as `SimulatedBoard`."""

    def __init__(self, network: AnyNetwork, *, lanes: Lanes, note: Callable[[str], None]):
        self._shape = shape = plan_for(network, lanes)
        self._name = f"the simulated {kind_of(shape)}"
        contents = compile_for(shape, network, self._name)
        with needing_simulation():
            from firstspike_hw.simulation import NativeEngine, NativeProcessor
        self._core: Any
        if isinstance(shape, ProcessorShape):
            self._core = NativeProcessor(shape, note=note)
        else:
            self._core = NativeEngine(shape, note=note)
        with closing_on_failure(self._core):
            self._core.load(contents)

    def load(self, network: AnyNetwork) -> None:
        """Load another network into the same hardware, if it fits."""
        self._core.load(compile_for(self._shape, network, self._name))

    def run(self, spike_times: np.ndarray, *, early_exit: bool) -> Results:
        """Run a batch of inferences without gaps.

        Raises
        ------
        SpikesLost
            If an image has more spikes in a layer than the processor has room for.
        DeviceError
            If the results are impossible.
        """
        try:
            results: Results = self._core.run(spike_times, early_exit=early_exit)
        except SpikesLost:
            raise
        except InputError as error:
            raise DeviceError(f"{self._name} gave impossible results: {error}; report this") from error
        return results

    def info(self) -> dict[str, Any]:
        """Return what the device is, with its shape."""
        return {"device": "engine", **facts_of(self._shape)}

    def counters(self) -> dict[str, int]:
        """Return the counters."""
        counters: dict[str, int] = self._core.counters()
        return counters

    def close(self) -> None:
        """Free the simulator."""
        self._core.close()
