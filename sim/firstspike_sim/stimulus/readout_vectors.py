"""Verdicts for the read-out, and the result words that it must give for them."""

import numpy as np

from firstspike_hw.lib.layouts import verdict_layout
from firstspike_spec.common.words import RESULT_WORD
from firstspike_spec.compiler.shapes import OutputShape
from firstspike_spec.inference.decision import decide

from .handover import Vectors
from .vectors import fields_of, word_of


def random_verdicts(
    rng: np.random.Generator, batch: int, outputs: int, steps: int, bits: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return spike times and potentials (minus the threshold) of outputs, two arrays of shape (batch, outputs).

    There are few different potentials, so that ties abound: all of the first images are cases of their own.
    """
    lowest, highest = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    times = rng.integers(0, steps, (batch, outputs))
    times[rng.random((batch, outputs)) < rng.uniform(0, 1, (batch, 1))] = steps
    times[0:4] = steps  # silent
    times[4:6] = 0  # all at once, at the first step
    times[6:8] = steps - 1  # at the last step
    times[8], times[8, -1] = steps, steps - 1  # one at the last step, the others silent
    times[9], times[9, 0] = 1, 0  # one at the first step, the others late
    fired = rng.choice([0, 1, highest], (batch, outputs))
    silent = rng.choice([lowest, lowest + 1, -1], (batch, outputs))
    fired[[4, 6]], silent[0] = 1, -1  # ties of all
    silent[1], silent[2] = lowest, np.arange(outputs) - outputs
    return times, np.where(times < steps, fired, silent)


def readout_vectors(
    rng: np.random.Generator, shape: OutputShape, times: np.ndarray, potentials: np.ndarray, *, steps: int, latency: int
) -> Vectors:
    """Return the vectors for a batch of inferences.

    Parameters
    ----------
    rng : Generator
    shape : OutputShape
        The outputs are some of its neurons, and no verdicts come of the others.
    times, potentials : ndarray of int, shape (batch, outputs)
    steps : int
        ``T``.
    latency : int
        The documented one.
    """
    verdict = word_of(verdict_layout(shape.address_bits, shape.potential_bits))
    addresses = np.sort(rng.permutation(shape.neurons)[: times.shape[1]])
    classes = decide(times, potentials)
    tokens: list[int] = []
    words = {"early": [], "full": []}  # of (image, token that it comes from, result)
    for image, (image_times, image_potentials) in enumerate(zip(times, potentials, strict=True)):
        first = int(image_times.min())
        decision = {
            "value": 0,
            "neuron": addresses[classes[image]],
            "step": min(first, steps - 1),
            "fired": int(first < steps),
            "decision": 1,
        }
        for step in range(steps):
            last = step == steps - 1
            given = image_times >= steps - 1 if last else image_times == step
            for output in np.flatnonzero(given):
                fired = int(image_times[output] < steps)
                fields = {"potential": image_potentials[output], "fired": fired, "end": 0, "last": 0}
                report = {
                    "value": fields["potential"],
                    "neuron": addresses[output],
                    "step": step,
                    "fired": fired,
                    "decision": 0,
                }
                words["full"].append((image, len(tokens), RESULT_WORD.pack(**report)))
                if step <= first:
                    words["early"].append((image, len(tokens), RESULT_WORD.pack(**report)))
                tokens.append(verdict.pack(address=addresses[output], **fields))
            if last:
                words["full"].append((image, len(tokens), RESULT_WORD.pack(**decision)))
            if step == decision["step"]:
                words["early"].append((image, len(tokens), RESULT_WORD.pack(**decision)))
            tokens.append(verdict.pack(address=0, potential=0, fired=0, end=1, last=int(last)))
    arrays = {"tokens": np.array(tokens, np.uint64)}
    for key, entries in words.items():
        images, sources, results = zip(*entries, strict=True)
        arrays |= {f"{key}_images": np.array(images), f"{key}_tokens": np.array(sources)}
        arrays[f"{key}_words"] = np.array(results, np.uint64)
    spikes = int((times < steps).sum())
    settings = {"verdict": fields_of(verdict), "latency": latency, "batch": len(times), "spikes": spikes}
    return Vectors(settings, arrays)
