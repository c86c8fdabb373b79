"""From spike times to the tokens that an engine takes, and from the words that it gives to results."""

import numpy as np

from .compiler import EngineImage
from .encoder import SPIKE_TIME_TYPE
from .engine import EngineShape
from .errors import InputError
from .results import Results
from .words import RESULT_WORD, Word


def input_word(shape: EngineShape) -> Word:
    """Return the word that an engine takes, that of its first layer."""
    return shape.layers[0].input_word


def input_tokens(shape: EngineShape, spike_times: np.ndarray, time_steps: int) -> np.ndarray:
    """Return the tokens of a batch of inferences, one after the other.

    Parameters
    ----------
    shape : EngineShape
    spike_times : ndarray of int16, shape (batch, inputs)
    time_steps : int
        ``T``.

    Returns
    -------
    ndarray of uint64, shape (spikes + batch * T,)
        `input_word` words: the spikes of a step by rising address, then its end.
    """
    batch = len(spike_times)
    image, address = np.nonzero(spike_times < time_steps)
    step = spike_times[image, address].astype(np.int64)
    ends = np.arange(batch * time_steps)
    image = np.concatenate([image, ends // time_steps])
    step = np.concatenate([step, ends % time_steps])
    end = np.repeat([0, 1], [len(address), len(ends)])
    address = np.concatenate([address, np.zeros(len(ends), np.int64)])
    order = np.lexsort((address, end, step, image))
    return input_word(shape).pack(address=address[order], end=end[order])


def spike_times_of_tokens(
    address: np.ndarray, end: np.ndarray, *, batch: int, time_steps: int, addresses: np.ndarray
) -> np.ndarray:
    """Return the spike times that a stream of tokens tells of, the reverse of `input_tokens`.

    Parameters
    ----------
    address, end : ndarray of int, shape (tokens,)
        The fields of the tokens; the spikes of a step may come in any order.
    batch : int
        Number of inferences in the stream.
    time_steps : int
        ``T``.
    addresses : ndarray of int, shape (neurons,)
        The address of each neuron.

    Returns
    -------
    ndarray of int16, shape (batch, neurons)

    Raises
    ------
    InputError
        If there are not exactly ``batch`` times ``T`` ends, a neuron spikes twice, or an address has no neuron.
    """
    ends = int(np.count_nonzero(end))
    if ends != batch * time_steps or (len(end) and not end[-1]):
        raise InputError(f"the stream must have {batch} * {time_steps} ends of steps, the last token being one, not {ends}")
    step = np.cumsum(end) - end
    spikes = end == 0
    image, step = np.divmod(step[spikes], time_steps)
    neuron = _neurons_at(addresses, address[spikes])
    times = np.full((batch, len(addresses)), time_steps, SPIKE_TIME_TYPE)
    times[image, neuron] = step
    if np.count_nonzero(times < time_steps) != len(neuron):
        raise InputError("a neuron spikes twice in one inference")
    return times


def read_results(image: EngineImage, words: np.ndarray, *, batch: int) -> Results:
    """Return the results that an engine's words tell of.

    Parameters
    ----------
    image : EngineImage
        What the engine holds.
    words : ndarray of uint64
        `RESULT_WORD` words: of each inference its reports, then its decision.
    batch : int
        Number of inferences.

    Raises
    ------
    InputError
        If the words are not those of ``batch`` inferences of this network.
    """
    network = image.network
    fields = RESULT_WORD.unpack(words)
    is_decision = fields["decision"] == 1
    if np.count_nonzero(is_decision) != batch or (len(words) and not is_decision[-1]):
        raise InputError(f"the engine gave {np.count_nonzero(is_decision)} decisions for {batch} images")
    number = (np.cumsum(is_decision) - is_decision)[~is_decision]
    address, step, fired, value = (fields[name][~is_decision] for name in ("neuron", "step", "fired", "value"))

    # A larger engine also reports the places that this network leaves empty.
    addresses = image.addresses[-1]
    used = np.isin(address, addresses)
    if np.any(fired[~used]):
        raise InputError("the engine reported a spike of a neuron that the network does not have")
    number, step, fired, value = (array[used] for array in (number, step, fired, value))
    neuron = _neurons_at(addresses, address[used])

    latencies = np.full((batch, network.outputs), network.time_steps, SPIKE_TIME_TYPE)
    latencies[number, neuron] = np.where(fired, step, network.time_steps)
    potentials = np.zeros(latencies.shape, np.int32)
    potentials[number, neuron] = value + network.layers[-1].threshold
    reported = np.zeros(latencies.shape, bool)
    reported[number, neuron] = True
    if np.count_nonzero(reported) != len(neuron):
        raise InputError("the engine reported a neuron twice in one inference")

    decision_steps = fields["step"][is_decision].astype(SPIKE_TIME_TYPE)
    return Results(
        latencies=latencies,
        potentials=potentials,
        reported=reported,
        classes=_neurons_at(addresses, fields["neuron"][is_decision]).astype(np.int16),
        decision_steps=decision_steps,
        cycles=fields["value"][is_decision],
    )


def _neurons_at(addresses: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the numbers of the neurons that have the wanted addresses."""
    order = np.argsort(addresses)
    place = np.searchsorted(addresses, wanted, sorter=order)
    neurons = order[np.minimum(place, len(addresses) - 1)]
    wrong = np.flatnonzero(addresses[neurons] != wanted)
    if len(wrong):
        raise InputError(f"no neuron of the network has the address {wanted[wrong[0]]}")
    return neurons
