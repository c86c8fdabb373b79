"""Results from an engine's result words. Words that no engine with this network can give are refused."""

import numpy as np

from ..compiler.contents import EngineContents
from ..inference.results import Results
from .reports import Reports, check_decisions, read_reports, refuse


def read_results(contents: EngineContents, words: np.ndarray, *, batch: int, early_exit: bool) -> Results:
    """Return the results in an engine's result words.

    Parameters
    ----------
    contents : EngineContents
        The contents of the engine.
    words : ndarray of uint64
        `RESULT_WORD` words: the reports of each inference, then its decision.
    batch : int
        Number of inferences.
    early_exit : bool
        Whether the inferences ended early.

    Raises
    ------
    InputError
        If the words are not of ``batch`` inferences.
    ImpossibleResults
        If no inference of this network can give them: a step, a neuron or a potential is impossible, a report is missing or
        unexpected, or the decision does not follow from the reports.
    """
    network = contents.network
    # An engine with room for more outputs also reports its places without a neuron.
    found = read_reports(words, batch=batch, places=contents.shape.output.neurons, time_steps=network.time_steps)
    _check_potentials(contents, found)
    check_decisions(found, network.time_steps, early_exit)
    potentials = np.where(found.reported, found.values + network.layers[-1].threshold, 0)
    return found.results(network.outputs, potentials)


def _check_potentials(contents: EngineContents, found: Reports) -> None:
    """Refuse potentials that an output cannot have: they contradict its spike, or are out of its range."""
    layer, places, values = contents.network.layers[-1], contents.shape.output.neurons, found.values
    lowest = np.full(places, contents.shape.output.lowest_potential)  # a place without a neuron keeps it
    highest = lowest.copy()
    lowest[: layer.targets], highest[: layer.targets] = layer.potential_range
    spiked = found.latencies < contents.network.time_steps
    refuse(
        found.reported & (spiked != (values >= 0)),
        lambda at: (
            f"output {at[1]} {'spiked' if spiked[at] else 'did not spike'} with a potential of {values[at]:+} "
            "from the threshold"
        ),
    )
    refuse(
        found.reported & ((values < lowest) | (values > highest)),
        lambda at: f"output {at[1]} has a potential of {values[at]:+} from the threshold, which its weights cannot give",
    )
