"""Calibration of a finished network: its encoder's thresholds and its outputs', on images that it was not trained on."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from firstspike_spec import Dataset, InputError, LatencyEncoder, Network
from firstspike_spec.inference.golden import sums

from ..training.loop import hold_back
from ..inference.golden import infer
from .output_threshold import Calibration, Target, calibrate

#: Pixel values by which the encoder's thresholds are moved, coarse to fine.
MOVES = (32, 16, 8, 4)


def recalibrate(
    network: Network,
    images: np.ndarray,
    labels: np.ndarray,
    target: Target,
    *,
    encoder: bool = True,
    note: Callable[[LatencyEncoder, Calibration], None] = lambda encoder, calibration: None,
) -> tuple[Network, Calibration]:
    """Return the network with the thresholds that meet a target best on some images.

    For each encoder that is tried, the outputs are calibrated (`firstspike_model.calibration.output_threshold.calibrate`). The encoder's
    thresholds are moved one at a time, by less and less, as long as that gains: earlier thresholds let darker pixels spike
    earlier, which brings decisions forward; the weights stay what they are.

    Parameters
    ----------
    network : Network
    images : ndarray of uint8, shape (count, \\*input_shape)
        Neither trained on nor tested with.
    labels : ndarray of int, shape (count,)
    target : Target
    encoder : bool
        Whether the encoder may change.
    note : callable
        Told of each improvement.

    Returns
    -------
    Network
        Without provenance; that is the caller's to write.
    Calibration
        Its figures on the images; the lowering is part of the network already.
    """
    truth = torch.from_numpy(labels.astype(np.int64))

    def measured(candidate: LatencyEncoder) -> Calibration:
        return calibrate(output_margins(replace(network, encoder=candidate), images), truth, target)

    best, chosen = network.encoder, measured(network.encoder)
    note(best, chosen)
    for move in MOVES if encoder else ():
        gained = True
        while gained:
            gained = False
            for candidate in _neighbours(best, move):
                calibration = measured(candidate)
                if calibration != chosen and target.best([chosen, calibration]) is calibration:
                    best, chosen, gained = candidate, calibration, True
                    note(best, chosen)
    changed = with_lower_outputs(replace(network, encoder=best, provenance={}), chosen.lowering)
    return changed, chosen


def held_back_images(network: Network, training: Dataset, count: int = 5000) -> Dataset:
    """Return images of the training split on which a network may be calibrated.

    Those that its own training held back, if its provenance tells (`firstspike_model.training.workflow`); else the last ``count``,
    at most a sixth of all.

    Raises
    ------
    InputError
        If there are fewer than 6 images.
    """
    held = _held_back(network.provenance, training)
    if held is not None:
        seed, size = held
        chosen = hold_back(len(training.images), size, torch.Generator().manual_seed(seed))[1].numpy()
    else:
        size = min(count, len(training.images) // 6)
        if size == 0:
            raise InputError(f"{training.name} has {len(training.images)} training images; calibration needs 6 or more")
        chosen = np.arange(len(training.images) - size, len(training.images))
    return training.at(chosen)


def _held_back(facts: dict[str, Any], training: Dataset) -> tuple[int, int] | None:
    """Return the seed and the number of the images that a training on these held back, if its provenance tells rightly."""
    settings = facts.get("settings")
    seed, size = facts.get("seed"), settings.get("validation_images") if isinstance(settings, dict) else None
    told = facts.get("dataset") == training.name and type(seed) is type(size) is int
    return (seed, size) if told and 0 <= seed < 1 << 63 and 0 < size < len(training.images) else None


def output_margins(network: Network, images: np.ndarray) -> torch.Tensor:
    """Return the outputs' potential minus threshold after every step, whole numbers as float, shape (T, count, classes)."""
    sources = infer(network, images, early_exit=False).spike_times[-2]
    last = network.layers[-1]
    weights = last.dense().T.astype(np.float64)
    steps = (sums(last, (sources <= step).astype(np.float64), weights) for step in range(network.time_steps))
    potentials = np.stack(list(steps)) + last.neuron_initial_potentials
    return torch.from_numpy((potentials - last.threshold).astype(np.float32))


def with_lower_outputs(network: Network, lowering: int) -> Network:
    """Return the network with ``lowering`` taken from every output's initial potential."""
    last = network.layers[-1]
    starts = last.initial_potentials.astype(np.int64) - lowering
    return replace(network, layers=(*network.layers[:-1], replace(last, initial_potentials=starts, potential_bits=None)))


def _neighbours(encoder: LatencyEncoder, move: int) -> list[LatencyEncoder]:
    """Return the encoders with one threshold moved, of those that are still decreasing and within 1 .. 256."""
    found = []
    for step in range(len(encoder.thresholds)):
        for change in (-move, move):
            thresholds = encoder.thresholds.tolist()
            thresholds[step] += change
            if thresholds[-1] >= 1 and thresholds[0] <= 256 and all(early > late for early, late in pairwise(thresholds)):
                found.append(LatencyEncoder(thresholds))
    return found
