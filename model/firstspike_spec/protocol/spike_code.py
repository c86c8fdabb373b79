"""The code of an image on the link: its spikes in the order in which the engine takes them, in nibbles.

==================  ============================================================================
nibbles             meaning
==================  ============================================================================
``g`` (0 .. 13)     ``g`` inputs of this step without a spike, then a spike
``14, low, high``   ``14 + v`` inputs without a spike, then a spike; ``v = low + 16 high`` up to 254
``14, 15, 15``      269 inputs without a spike
``15``              the end of the step; the next one begins at input 0
==================  ============================================================================

An inference has exactly ``T`` ends. A byte holds two nibbles, the low one first; an unused nibble in the last byte is 0.
Neighbouring pixels of a stroke take a nibble each: an MNIST image takes about 120 bytes, instead of 784 as pixels.
"""

import numpy as np

from ..common.errors import InputError
from ..network.encoder import SPIKE_TIME_TYPE

#: Shorter gaps are coded as one nibble.
LONG_GAP = 14
END_OF_STEP = 15

#: Number of inputs that ``14, 15, 15`` skips.
SKIP = LONG_GAP + 255


def encode_spikes(spike_times: np.ndarray, time_steps: int) -> bytes:
    """Return the code of one inference.

    Parameters
    ----------
    spike_times : ndarray of int, shape (inputs,)
        ``0 .. T - 1``, or ``T`` for no spike.
    time_steps : int
        ``T``.
    """
    indices = np.flatnonzero(spike_times < time_steps)
    steps = np.asarray(spike_times)[indices].astype(np.int64)
    order = np.argsort(steps, kind="stable")
    indices, steps = indices[order], steps[order]
    first = np.diff(steps, prepend=-1) != 0
    gaps = np.where(first, indices, indices - np.concatenate([[-1], indices[:-1]]) - 1)

    # Of each spike: the number of skips before it, then one or three nibbles.
    skips, rests = np.divmod(gaps, SKIP)
    values = np.maximum(rests - LONG_GAP, 0)
    long = rests >= LONG_GAP
    own = np.stack([np.where(long, LONG_GAP, rests), values & 15, values >> 4], axis=1)
    lengths = 3 * skips + np.where(long, 3, 1)
    places = np.cumsum(lengths) - np.where(long, 3, 1) + steps  # every earlier step has added an end
    nibbles = np.full(int(lengths.sum()) + time_steps, END_OF_STEP, np.uint8)
    for column in range(3):
        chosen = long if column else slice(None)
        nibbles[places[chosen] + column] = own[chosen, column]
    # A skip is 14, 15, 15; the array is already filled with 15.
    for number in range(int(skips.max(initial=0))):
        chosen = skips > number
        nibbles[places[chosen] - 3 * (number + 1)] = LONG_GAP
    nibbles = np.append(nibbles, np.zeros(len(nibbles) % 2, np.uint8))
    return (nibbles[::2] | nibbles[1::2] << 4).tobytes()


def decode_spikes(code: bytes, inputs: int, time_steps: int) -> np.ndarray:
    """Return the spike times of a code, the inverse of `encode_spikes`.

    Parameters
    ----------
    code : bytes
    inputs : int
        Number of inputs.
    time_steps : int
        ``T``.

    Returns
    -------
    ndarray of int16, shape (inputs,)
        ``0 .. T - 1``, or ``T`` for no spike.

    Raises
    ------
    InputError
        If it does not have exactly ``T`` ends with nothing after the last, or an input does not exist or spikes twice.
    """
    nibbles = [nibble for byte in code for nibble in (byte & 15, byte >> 4)]
    times = np.full(inputs, time_steps, SPIKE_TIME_TYPE)
    index = step = at = 0
    while step < time_steps:
        if at >= len(nibbles):
            raise InputError(f"the code ends in step {step}; it must have {time_steps} ends of steps")
        gap = nibbles[at]
        at += 1
        if gap == END_OF_STEP:
            index, step = 0, step + 1
            continue
        if gap == LONG_GAP:
            if at + 2 > len(nibbles):
                raise InputError(f"the code ends within a gap, in step {step}")
            gap, at = LONG_GAP + nibbles[at] + 16 * nibbles[at + 1], at + 2
        index += gap
        if gap == SKIP:
            continue
        if index >= inputs:
            raise InputError(f"the code has a spike of input {index}; there are {inputs} inputs, from 0")
        if times[index] < time_steps:
            raise InputError(f"the code has two spikes of input {index}")
        times[index] = step
        index += 1
    if len(nibbles) - at > 1 or any(nibbles[at:]):
        raise InputError(f"the code goes on after {time_steps} ends of steps")
    return times
