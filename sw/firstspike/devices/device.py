"""The interface of a device."""

from typing import Any, Protocol

import numpy as np

from firstspike_spec.inference.results import Results

from .kinds import AnyNetwork


class Device(Protocol):
    """Something that holds a network and runs it."""

    def load(self, network: AnyNetwork) -> None:
        """Replace the network. If it does not fit, raise `InputError` and keep the old one."""

    def run(self, spike_times: np.ndarray, *, early_exit: bool) -> Results:
        """Run a batch of inferences on input spike times, int16, shape (batch, inputs).

        A layered network has no early exit: every inference gives all results.
        """

    def info(self) -> dict[str, Any]:
        """Return what the device is, ready for JSON."""

    def counters(self) -> dict[str, int]:
        """Return the device's counters since it was opened; empty for a device without counters."""

    def close(self) -> None:
        """Close the device."""
