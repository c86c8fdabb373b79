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


def calibrate(margins: torch.Tensor, labels: torch.Tensor, tolerance: float, latest_step: float | None = None) -> Calibration:
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
    latest_step : float, optional
        The mean decision step may be no later: only such lowerings count, or the one with the earliest decisions if there
        is none.
    """
    leading = margins.amax(dim=2)
    # At the lowest, every image is decided at the first step; at the highest, none before the last.
    spread = torch.quantile(leading.flatten(), torch.linspace(0, 1, CANDIDATES))
    candidates = {int(leading[0].min()), int(leading.max()) + 1, *spread.int().tolist()}
    tried = [_measure(margins, labels, lowering) for lowering in sorted(candidates)]
    if latest_step is not None:
        in_time = [calibration for calibration in tried if calibration.mean_decision_step <= latest_step]
        tried = in_time or [min(tried, key=_preference)]
    enough = max(calibration.accuracy for calibration in tried) - tolerance
    return min((calibration for calibration in tried if calibration.accuracy >= enough), key=_preference)


def decide(margins: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the class of each image by first spike, and the step at which it is decided.

    Parameters
    ----------
    margins : Tensor of float, shape (T, batch, classes)
        The outputs' potential minus threshold at each step.

    Returns
    -------
    classes, steps : Tensor of int64, shape (batch,)
    """
    fires = (margins >= 0).any(dim=2)
    steps = torch.where(fires.any(dim=0), fires.int().argmax(dim=0), len(margins) - 1)
    # At the first step with an output spike, the outputs that spike there are those with a margin of at least 0, so the
    # largest margin is the class; without any spike it is the largest one after the last step.
    return margins[steps, torch.arange(len(steps), device=steps.device)].argmax(dim=1), steps


def _preference(calibration: Calibration) -> tuple[float, float]:
    return calibration.mean_decision_step, -calibration.accuracy


def _measure(margins: torch.Tensor, labels: torch.Tensor, lowering: int) -> Calibration:
    classes, steps = decide(margins - lowering)
    return Calibration(lowering, float((classes == labels).float().mean()), float(steps.float().mean()))
