"""Results from a processor's result words. Words that no processor with this network can give are refused."""

import numpy as np

from ..common.errors import InputError
from ..inference.results import Results
from ..layered.network import LayeredNetwork
from .reports import Reports, check_decisions, read_reports, refuse

#: What a decision says instead of its cycles if spikes of a layer were lost.
SPIKES_LOST = -1


class SpikesLost(InputError):
    """An image has more spikes in a layer than the processor has room for, so its results are wrong.

    Attributes
    ----------
    image : int
        The number of the image.
    """

    def __init__(self, image: int) -> None:
        super().__init__(
            f"image {image} has more spikes in a layer than the processor's memory holds; use a processor with more room for "
            "spikes, or a network that spikes less"
        )
        self.image = image


def read_processor_results(network: LayeredNetwork, words: np.ndarray, *, batch: int) -> Results:
    """Return the results in a processor's result words.

    Parameters
    ----------
    network : LayeredNetwork
    words : ndarray of uint64
        `RESULT_WORD` words: a report of each output for each inference, with its potential, then the decision.
    batch : int
        Number of inferences.

    Raises
    ------
    InputError
        If the words are not of ``batch`` inferences.
    SpikesLost
        If a processor says that it had no room for all spikes of an image.
    ImpossibleResults
        If no inference of this network can give them.
    """
    found = read_reports(words, batch=batch, places=network.outputs, time_steps=network.time_steps)
    lost = np.flatnonzero(found.cycles == SPIKES_LOST)
    if len(lost):
        raise SpikesLost(int(lost[0]))
    _check_potentials(network, found)
    check_decisions(found, network.time_steps, early_exit=False)
    return found.results(network.outputs, found.values)


def _check_potentials(network: LayeredNetwork, found: Reports) -> None:
    """Refuse potentials that an output cannot have: they contradict its spike, or are out of its range."""
    layer, values = network.layers[-1], found.values
    lowest, highest = layer.potential_range(network.highest_values)
    wanted = network.time_steps - (values[:, :, None] >= layer.thresholds).sum(axis=2)
    refuse(
        found.reported & (found.latencies != wanted),
        lambda at: (
            f"output {at[1]} spiked in step {found.latencies[at]} with a potential of {values[at]}, not in {wanted[at]}"
        ),
    )
    refuse(
        found.reported & ((values < lowest) | (values > highest)),
        lambda at: f"output {at[1]} has a potential of {values[at]}, which its weights cannot give",
    )
