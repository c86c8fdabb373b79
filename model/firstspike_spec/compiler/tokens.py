"""From spike times to the tokens that an engine takes, and back."""

from collections.abc import Mapping

import numpy as np

from ..common.errors import InputError
from ..network.encoder import SPIKE_TIME_TYPE
from .engine_shape import EngineShape


def input_tokens(shape: EngineShape, spike_times: np.ndarray, time_steps: int) -> np.ndarray:
    """Return the tokens of a batch of inferences, one inference after the other.

    Parameters
    ----------
    shape : EngineShape
    spike_times : ndarray of int16, shape (batch, inputs)
    time_steps : int
        ``T``.

    Returns
    -------
    ndarray of uint64, shape (tokens,)
        `EngineShape.input_word` words: the spikes of a step by rising address, as many in each token as it has room for. The
        step's last token has the end. Only a step without spikes has a token without spikes.
    """
    ports = shape.spikes_per_token
    image, address = np.nonzero(spike_times < time_steps)
    step = image * time_steps + spike_times[image, address]
    order = np.argsort(step, kind="stable")
    step, address = step[order], address[order]
    spikes = np.bincount(step, minlength=len(spike_times) * time_steps)
    tokens = np.maximum(1, -(-spikes // ports))
    rank = np.arange(len(step)) - (np.cumsum(spikes) - spikes)[step]
    place = (np.cumsum(tokens) - tokens)[step] * ports + rank

    addresses, valid, end = (np.zeros(size, np.int64) for size in (tokens.sum() * ports, tokens.sum() * ports, tokens.sum()))
    addresses[place], valid[place] = address, 1
    end[np.cumsum(tokens) - 1] = 1
    fields = {f"address_{port}": addresses[port::ports] for port in range(ports)}
    fields |= {f"valid_{port}": valid[port::ports] for port in range(ports)}
    return shape.input_word.pack(**fields, end=end)


def token_ports(fields: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the spikes of tokens by port.

    Parameters
    ----------
    fields : mapping of str to ndarray of int, shape (tokens,)
        ``address_0``, ``valid_0``, ``address_1`` and so on; other fields are ignored.

    Returns
    -------
    address, valid : ndarray of int64, shape (tokens, ports)
    """
    ports = range(sum(name.startswith("valid_") for name in fields))
    address, valid = (
        np.stack([np.asarray(fields[f"{name}_{port}"], np.int64) for port in ports], axis=1) for name in ("address", "valid")
    )
    return address, valid


def spike_times_of_tokens(
    address: np.ndarray, valid: np.ndarray, end: np.ndarray, *, batch: int, time_steps: int, addresses: np.ndarray
) -> np.ndarray:
    """Return the spike times in a stream of tokens, the inverse of `input_tokens`.

    Parameters
    ----------
    address, valid : ndarray of int, shape (tokens, ports)
        The spikes of each token. The spikes of a step may come in any order and at any port, and tokens may have none.
    end : ndarray of int, shape (tokens,)
        1 where a step ends, after the token's spikes.
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
        If there are not exactly ``batch * T`` ends, a neuron spikes twice, or an address has no neuron.
    """
    end = np.asarray(end, np.int64)
    ends = int(np.count_nonzero(end))
    if ends != batch * time_steps or (len(end) and not end[-1]):
        raise InputError(f"the stream must have {batch} * {time_steps} ends of steps, the last token being one, not {ends}")
    token, port = np.nonzero(valid)
    image, step = np.divmod((np.cumsum(end) - end)[token], time_steps)
    neuron = _neurons_at(addresses, address[token, port])
    times = np.full((batch, len(addresses)), time_steps, SPIKE_TIME_TYPE)
    times[image, neuron] = step
    if np.count_nonzero(times < time_steps) != len(neuron):
        raise InputError("a neuron spikes twice in one inference")
    return times


def _neurons_at(addresses: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the numbers of the neurons that have the wanted addresses."""
    order = np.argsort(addresses)
    place = np.searchsorted(addresses, wanted, sorter=order)
    neurons = order[np.minimum(place, len(addresses) - 1)]
    wrong = np.flatnonzero(addresses[neurons] != wanted)
    if len(wrong):
        raise InputError(f"no neuron of the network has the address {wanted[wrong[0]]}")
    return neurons
