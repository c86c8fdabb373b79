"""The golden model as a device."""

from typing import Any

import numpy as np

from firstspike_spec.inference.golden import infer_spikes
from firstspike_spec.inference.results import Results
from firstspike_spec.network.network import Network


class GoldenDevice:
    """Runs the numpy form of the golden model.

    Parameters
    ----------
    network : Network
    **options
        Options of other devices; unused here.
    """

    def __init__(self, network: Network, **options: object):
        del options
        self._network = network

    def load(self, network: Network) -> None:
        """Replace the network."""
        self._network = network

    def run(self, spike_times: np.ndarray, *, early_exit: bool) -> Results:
        """Run a batch of inferences."""
        return Results.from_inference(infer_spikes(self._network, spike_times, early_exit=early_exit), early_exit=early_exit)

    def info(self) -> dict[str, Any]:
        """Return what the device is."""
        return {"device": "golden"}

    def counters(self) -> dict[str, int]:
        """Return no counters: there is no hardware."""
        return {}

    def close(self) -> None:
        """Do nothing: there is nothing to close."""
