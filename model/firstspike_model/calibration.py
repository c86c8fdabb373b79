"""Choice of the output threshold: how long a network gathers evidence before its first output spike."""

from dataclasses import dataclass

import torch

#: Output thresholds that are tried.
CANDIDATES = 64


@dataclass(frozen=True)
class Calibration:
    """How far the output neurons' start potentials are lowered, and what it gives.

    Attributes
    ----------
    lowering : int
        Subtracted from every output's start potential.
    accuracy : float
        Share of images whose first-spike class is right, 0 .. 1.
    mean_decision_step : float
        ``0 .. T - 1``.
    """

    lowering: int
    accuracy: float
    mean_decision_step: float


def calibrate(margins: torch.Tensor, labels: torch.Tensor, tolerance: float) -> Calibration:
    """Return the earliest decisions whose accuracy is within ``tolerance`` of the best.

    Output neurons drive nobody, so lowering their start potentials by a common number only moves their margins by it.
    The lowerings tried are spread evenly over the leading outputs' margins.

    Parameters
    ----------
    margins : Tensor of whole numbers as float, shape (T, batch, classes)
        The outputs' potential minus threshold at each step.
    labels : Tensor of int64, shape (batch,)
    tolerance : float
        Accuracy that may be given up for earlier decisions, 0 .. 1.
    """
    leading = margins.amax(dim=2)
    # At the lowest, every image is decided at the first step; at the highest, none before the last.
    spread = torch.quantile(leading.flatten(), torch.linspace(0, 1, CANDIDATES))
    candidates = {int(leading[0].min()), int(leading.max()) + 1, *spread.int().tolist()}
    tried = [_decide(margins, labels, lowering) for lowering in sorted(candidates)]
    enough = max(calibration.accuracy for calibration in tried) - tolerance
    return min((calibration for calibration in tried if calibration.accuracy >= enough), key=_preference)


def _preference(calibration: Calibration) -> tuple[float, float]:
    return calibration.mean_decision_step, -calibration.accuracy


def _decide(margins: torch.Tensor, labels: torch.Tensor, lowering: int) -> Calibration:
    lowered = margins - lowering
    fires = (lowered >= 0).any(dim=2)
    last = len(margins) - 1
    steps = torch.where(fires.any(dim=0), fires.int().argmax(dim=0), last)
    # At the first step with an output spike, the outputs that spike there are those with a margin of at least 0, so the
    # largest margin is the class; without any spike it is the largest one after the last step.
    classes = lowered[steps, torch.arange(len(labels))].argmax(dim=1)
    return Calibration(lowering, float((classes == labels).float().mean()), float(steps.float().mean()))
