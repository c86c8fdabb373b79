"""Calibration of a finished network: the thresholds of its encoder and outputs, on images that it was not trained on."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch

from firstspike_spec import LatencyEncoder, Layer, Network
from firstspike_spec.inference.golden import sums

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

    Each candidate encoder has the outputs calibrated for it (`firstspike_model.calibration.output_threshold.calibrate`). The
    encoder's thresholds move one at a time, in smaller and smaller steps, as long as this improves the result: with lower
    thresholds darker pixels spike earlier, and so do the outputs. The weights do not change.

    Parameters
    ----------
    network : Network
    images : ndarray of uint8, shape (count, \\*input_shape)
        Used neither for training nor for testing.
    labels : ndarray of int, shape (count,)
    target : Target
    encoder : bool
        Whether the encoder may change.
    note : callable
        Called after each improvement.

    Returns
    -------
    Network
        Without provenance, which the caller must write.
    Calibration
        Its figures on the images. The network already contains the lowering.
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


def output_margins(network: Network, images: np.ndarray) -> torch.Tensor:
    """Return the outputs' potential minus threshold after every step, whole numbers as float, (T, count, classes)."""
    sources = infer(network, images, early_exit=False).spike_times[-2]
    last = network.layers[-1]
    weights = last.dense().T.astype(np.float64)
    steps = (sums(last, (sources <= step).astype(np.float64), weights) for step in range(network.time_steps))
    potentials = np.stack(list(steps)) + last.neuron_initial_potentials
    return torch.from_numpy((potentials - last.threshold).astype(np.float32))


def with_lower_outputs(network: Network, lowering: int) -> Network:
    """Return the network with ``lowering`` subtracted from the initial potential of every output."""
    last = network.layers[-1]
    lowered = Layer(  # not `replace`, which would keep the width of the potentials
        last.row_starts,
        last.row_targets,
        last.row_weights,
        last.initial_potentials.astype(np.int64) - lowering,
        last.threshold,
        last.weight_bits,
        activity=last.activity,
        maps=last.maps,
    )
    return replace(network, layers=(*network.layers[:-1], lowered))


def _neighbours(encoder: LatencyEncoder, move: int) -> list[LatencyEncoder]:
    """Return the encoders with one threshold moved whose thresholds still fall strictly and are in 1 .. 256."""
    found = []
    for step in range(len(encoder.thresholds)):
        for change in (-move, move):
            thresholds = encoder.thresholds.tolist()
            thresholds[step] += change
            if thresholds[-1] >= 1 and thresholds[0] <= 256 and all(early > late for early, late in pairwise(thresholds)):
                found.append(LatencyEncoder(np.array(thresholds)))
    return found
