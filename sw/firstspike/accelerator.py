"""The accelerator: one object for every kind of device."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from firstspike_spec.artefact.files import load_network
from firstspike_spec.common.errors import DeviceError, InputError
from firstspike_spec.inference.golden import check_spike_times
from firstspike_spec.inference.results import Results, join_results

from .devices import Device, open_device
from .devices.kinds import AnyNetwork, check_takes_images
from .selftest import Check, selftest
from .throughput import Throughput
from .validation import BATCH, Validation, validate


class Accelerator:
    """A device with a network in it. Open it with `Accelerator.open`, best in a ``with`` statement.

    Several threads may share it. One call runs at a time, and the others wait.
    """

    def __init__(self, device: Device, network: AnyNetwork):
        self._device: Device | None = device
        self._network = network
        self._turn = threading.RLock()

    @classmethod
    def open(
        cls,
        device: str = "golden",
        *,
        network: AnyNetwork | str | os.PathLike,
        lanes: int | Sequence[int] | None = None,
        note: Callable[[str], None] = lambda text: None,
    ) -> "Accelerator":
        """Open a device and load a network into it.

        Parameters
        ----------
        device : str
            - ``"golden"``: the golden model in numpy.
            - ``"serial:/dev/ttyUSB0"``, ``"serial:COM3@2000000"``: the board at a serial port. Without a baud rate, the
              usual ones are tried.
            - ``"sim"``: the engine with its link: their RTL as native code in this process.
            - ``"sim:ulx3s-85f"``: a whole board, bit by bit on its serial line (slow).
            - ``"engine"``: the RTL of the bare engine, without a link that slows it down.
        network : Network, LayeredNetwork or path of an artefact
            Layered networks run on ``"golden"`` only.
        lanes : int or sequence of int, optional
            Lanes of each hidden layer of a simulated engine: one number for all, or one for each layer, 1 .. 256. By default
            those that the board would be built with, or 16 without a board. A real board keeps those it was built with.
        note : callable
            Called with a text when opening takes a while.

        Raises
        ------
        InputError, InputTypeError
            If the device is unknown or cannot be opened, the artefact cannot be used, or the network does not fit.
        DeviceError
            If the device does not answer, or does not work as it should.
        """
        loaded = _network(network)
        return cls(open_device(device, loaded, lanes=lanes, note=note), loaded)

    def __enter__(self) -> "Accelerator":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the device; closing it twice does nothing."""
        with self._turn:
            if self._device is not None:
                device, self._device = self._device, None
                device.close()

    @property
    def network(self) -> AnyNetwork:
        """The network that is loaded."""
        return self._network

    def load(self, network: AnyNetwork | str | os.PathLike) -> None:
        """Load another network. If it does not fit, the old one stays.

        Parameters
        ----------
        network : Network, LayeredNetwork or path of an artefact
            Layered networks run on ``"golden"`` only.

        Raises
        ------
        InputError
            If the network does not fit; the message says why.
        DeviceError
            If loading failed. The device then holds no network.
        """
        loaded = _network(network)
        with self._turn:
            self._open_device.load(loaded)
            self._network = loaded

    def run(
        self, images: np.ndarray, *, early_exit: bool = True, progress: Callable[[int], None] = lambda done: None
    ) -> Results:
        """Run a batch of any number of images.

        Parameters
        ----------
        images : ndarray of uint8, shape (batch, \\*input_shape) or (batch, inputs)
        early_exit : bool
            End each inference after the first step in which an output spikes. Classes stay the same, but outputs that
            have not spiked by then read as *no spike*. Layered networks have no early exit: they give all latencies.
        progress : callable
            Called with the number of images done, now and then.

        Returns
        -------
        Results

        Raises
        ------
        InputTypeError, InputError
            If the images are not ``uint8`` or of another shape, or the network takes spike times only.
        DeviceError
            If the device fails. Its ``results`` are those of the images before the failure, if there are any.
        """
        with self._turn:
            check_takes_images(self._network)
            spike_times = self._network.spike_times(images)
            parts: list[Results] = []
            for first in range(0, max(len(spike_times), 1), BATCH):
                try:
                    parts.append(self.run_spikes(spike_times[first : first + BATCH], early_exit=early_exit))
                except DeviceError as error:
                    parts += [error.results] if isinstance(error.results, Results) else []
                    error.results = join_results(parts) if parts else None
                    raise
                progress(min(first + BATCH, len(spike_times)))
            return join_results(parts)

    def run_spikes(self, spike_times: np.ndarray, *, early_exit: bool = True) -> Results:
        """Run one batch of input spike times, int16, shape (batch, inputs); otherwise as `run`."""
        with self._turn:
            device = self._open_device
            check_spike_times(self._network, spike_times)
            return device.run(spike_times, early_exit=early_exit)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Return the class of each image, int16, shape (batch,); ``images`` as for `run`."""
        return self.run(images).classes

    def first_spike_times(self, images: np.ndarray) -> np.ndarray:
        """Return the first-spike latency of every output, without early exit.

        Parameters
        ----------
        images : ndarray of uint8
            As for `run`.

        Returns
        -------
        ndarray of int16, shape (batch, outputs)
            The step of each output's spike, or ``T`` for no spike.
        """
        return self.run(images, early_exit=False).latencies

    def validate(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        *,
        early_exit: bool = True,
        progress: Callable[[int], None] = lambda done: None,
    ) -> Validation:
        """Run images with known classes and compare every value with the golden model.

        The golden model is not compared with itself: with early exit, it is compared with its run to the last step, cut at the
        decision; otherwise, and with layered networks, with its form in PyTorch, or with nothing if that is not installed.

        Parameters
        ----------
        images : ndarray of uint8
            As for `run`; at least one.
        labels : ndarray of int, shape (batch,)
        early_exit : bool
        progress : callable
            Called with the number of images done, now and then.
        """
        with self._turn:
            return validate(self._open_device, self._network, images, labels, early_exit=early_exit, progress=progress)

    def throughput_test(
        self, images: np.ndarray, *, early_exit: bool = True, progress: Callable[[int], None] = lambda done: None
    ) -> Throughput:
        """Measure how many images a second the device runs, and how many its engine could run without the link.

        Parameters
        ----------
        images : ndarray of uint8
            As for `run`; at least one. With a few hundred or more, the start and the end have little weight.
        early_exit : bool
        progress : callable
            Called with the number of images done, now and then.
        """
        check_takes_images(self._network)
        self._network.check_images(images)
        if not len(images):
            raise InputError("there is nothing to measure: give at least one image")
        with self._turn:
            info, before, start = self.info(), self.counters(), time.perf_counter()
            self.run(images, early_exit=early_exit, progress=progress)
            seconds = time.perf_counter() - start
            after, then = self.counters(), self.info()
        bytes_before, bytes_after = info.get("link_bytes", (0, 0)), then.get("link_bytes", (0, 0))
        return Throughput(
            images=len(images),
            seconds=seconds,
            counters={name: after[name] - before[name] for name in after},
            clock_hz=info.get("clock_hz") or None,
            baud=info.get("baud") or None,
            link_bytes=tuple(last - first for first, last in zip(bytes_before, bytes_after, strict=True)),
        )

    def selftest(self, progress: Callable[[int], None] = lambda done: None) -> list[Check]:
        """Check the device: its identity, its link, its memories, and a few known images.

        Parameters
        ----------
        progress : callable
            Called with the number of checks done.

        Returns
        -------
        list of Check
            One for each check.
        """
        with self._turn:
            return selftest(self._open_device, self._network, progress)

    def info(self) -> dict[str, Any]:
        """Return what the device is and which network it holds, ready for JSON."""
        with self._turn:
            return {**self._open_device.info(), "network": self._network.summary()}

    def counters(self) -> dict[str, int]:
        """Return the device's counters since it was opened; empty for the golden model."""
        with self._turn:
            return self._open_device.counters()

    @property
    def _open_device(self) -> Device:
        if self._device is None:
            raise InputError("the accelerator is closed; open it again with Accelerator.open")
        return self._device


def _network(network: AnyNetwork | str | os.PathLike) -> AnyNetwork:
    return network if isinstance(network, AnyNetwork) else load_network(network)
