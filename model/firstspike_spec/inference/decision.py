"""The decision: which class the outputs' spikes and potentials mean."""

import numpy as np


def decide(latencies: np.ndarray, potentials: np.ndarray) -> np.ndarray:
    """Return the class of each image: earliest spike, then largest potential, then lowest index.

    Parameters
    ----------
    latencies : ndarray of int, shape (batch, outputs)
        If no output of an image spiked, all are ``T``, and the largest potential decides.
    potentials : ndarray of int, shape (batch, outputs)

    Returns
    -------
    ndarray of int16, shape (batch,)
    """
    earliest = latencies == latencies.min(axis=1, keepdims=True)
    lowest = np.iinfo(np.int64).min
    return np.where(earliest, potentials.astype(np.int64), lowest).argmax(axis=1).astype(np.int16)
