"""The golden model as a device."""

from typing import Any

import numpy as np

from firstspike_spec.inference.golden import infer_spikes
from firstspike_spec.inference.results import Results

from .kinds import AnyNetwork, ends_early


class GoldenDevice:
    """Runs the numpy form of the golden model.

    Parameters
    ----------
    network : Network or LayeredNetwork
    """

    def __init__(self, network: AnyNetwork):
        self._network = network

    def load(self, network: AnyNetwork) -> None:
        """Replace the network."""
        self._network = network

    def run(self, spike_times: np.ndarray, *, early_exit: bool) -> Results:
        """Run a batch of inferences."""
        early_exit = ends_early(self._network, early_exit)
        return Results.from_inference(infer_spikes(self._network, spike_times, early_exit=early_exit), early_exit=early_exit)

    def info(self) -> dict[str, Any]:
        """Return what the device is."""
        return {"device": "golden"}

    def counters(self) -> dict[str, int]:
        """Return no counters: there is no hardware."""
        return {}

    def close(self) -> None:
        """Do nothing: there is nothing to close."""
