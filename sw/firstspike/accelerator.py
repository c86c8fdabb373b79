"""The accelerator: one object, whatever runs the network."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from firstspike_spec.artefact import load_network
from firstspike_spec.compiler import DEFAULT_LANES
from firstspike_spec.errors import InputError
from firstspike_spec.golden import check_spike_times
from firstspike_spec.network import Network
from firstspike_spec.results import Results, join_results

from .devices import Device, open_device
from .validation import BATCH, Validation, validate


class Accelerator:
    """A device with a network in it. Open it with `Accelerator.open`, best in a ``with`` statement."""

    def __init__(self, device: Device, network: Network):
        self._device: Device | None = device
        self._network = network

    @classmethod
    def open(
        cls,
        device: str = "golden",
        *,
        network: Network | str | os.PathLike,
        lanes: int = DEFAULT_LANES,
        note: Callable[[str], None] = lambda text: None,
    ) -> "Accelerator":
        """Open a device and load a network into it.

        Parameters
        ----------
        device : str
            ``"golden"``, the golden model in numpy; ``"sim"``, the engine's RTL as native code.
        network : Network or path of an artefact
        lanes : int
            Lanes of each layer of a simulated engine, 1 .. 256.
        note : callable
            Told when opening takes a while.

        Raises
        ------
        InputError, InputTypeError
            If the device is unknown or cannot be opened, or the artefact cannot be used.
        """
        loaded = _network(network)
        return cls(open_device(device, loaded, lanes=lanes, note=note), loaded)

    def __enter__(self) -> "Accelerator":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the device; closing twice does nothing."""
        if self._device is not None:
            self._device.close()
            self._device = None

    @property
    def network(self) -> Network:
        """The network that is loaded."""
        return self._network

    def load(self, network: Network | str | os.PathLike) -> None:
        """Load another network. If it does not fit, an `InputError` says why, and the old one stays.

        Parameters
        ----------
        network : Network or path of an artefact
        """
        loaded = _network(network)
        self._open_device.load(loaded)
        self._network = loaded

    def run(
        self, images: np.ndarray, *, early_exit: bool = True, progress: Callable[[int], None] = lambda done: None
    ) -> Results:
        """Run a batch of images, of any size.

        Parameters
        ----------
        images : ndarray of uint8, shape (batch, \\*input_shape) or (batch, inputs)
        early_exit : bool
            End each inference after the first step in which an output spiked. It changes no class, but outputs that had
            not spiked by then read as *no spike*.
        progress : callable
            Told the number of images done, now and then.

        Returns
        -------
        Results

        Raises
        ------
        InputTypeError, InputError
            If the images are not ``uint8`` or of another shape.
        """
        spike_times = self._network.spike_times(images)
        parts = []
        for first in range(0, max(len(spike_times), 1), BATCH):
            parts.append(self.run_spikes(spike_times[first : first + BATCH], early_exit=early_exit))
            progress(min(first + BATCH, len(spike_times)))
        return join_results(parts)

    def run_spikes(self, spike_times: np.ndarray, *, early_exit: bool = True) -> Results:
        """Run input spike times, int16, shape (batch, inputs), in one go; otherwise as `run` does images."""
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
        """Run images with known classes and hold every value against the golden model.

        Parameters
        ----------
        images : ndarray of uint8
            As for `run`; at least one.
        labels : ndarray of int, shape (batch,)
        early_exit : bool
        progress : callable
            Told the number of images done, now and then.
        """
        return validate(self, images, labels, early_exit=early_exit, progress=progress)

    def info(self) -> dict[str, Any]:
        """Return what the device is and what it holds, ready for JSON."""
        return {**self._open_device.info(), "network": self._network.summary()}

    def counters(self) -> dict[str, int]:
        """Return the device's counters since it was opened; none from the golden model."""
        return self._open_device.counters()

    @property
    def _open_device(self) -> Device:
        if self._device is None:
            raise InputError("the accelerator is closed; open it again with Accelerator.open")
        return self._device


def _network(network: Network | str | os.PathLike) -> Network:
    return network if isinstance(network, Network) else load_network(network)
