"""The choice of the output threshold: how long a network collects evidence before its first output spike."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

#: Output thresholds that are tried.
CANDIDATES = 64


@dataclass(frozen=True)
class Calibration:
    """A reduction of the outputs' initial potentials, and the figures that it gives.

    Attributes
    ----------
    lowering : int
        Subtracted from the initial potential of every output.
    accuracy : float
        Share of images whose first-spike class is right, 0 .. 1.
    mean_decision_step : float
        ``0 .. T - 1``.
    """

    lowering: int
    accuracy: float
    mean_decision_step: float


@dataclass(frozen=True)
class Target:
    """The wanted compromise between early and right decisions.

    Attributes
    ----------
    tolerance : float
        Accuracy below the best possible that may be lost for earlier decisions, 0 .. 1.
    latest_step : float or None
        Upper limit of the mean decision step.
    accuracy : float or None
        Accuracy that is enough, 0 .. 1: above it, only earlier decisions count.
    late : bool
        Whether to use all the time that ``latest_step`` allows, whatever the measured accuracies are. A network that waits
        longer knows more. So with few images, the time predicts the accuracy on others better than the measured accuracy.
    """

    tolerance: float = 0.0
    latest_step: float | None = None
    accuracy: float | None = None
    late: bool = False

    def best(self, tried: Sequence[Calibration]) -> Calibration:
        """Return the calibration that meets the target best.

        Only calibrations within ``latest_step`` count; if there are none, the one with the earliest decisions. Of these, it is
        the latest if ``late``, else the earliest that is accurate enough, or the most accurate if none is.
        """
        if self.latest_step is not None:
            in_time = [calibration for calibration in tried if calibration.mean_decision_step <= self.latest_step]
            tried = in_time or [min(tried, key=_preference)]
        if self.late:
            return max(tried, key=lambda calibration: (calibration.mean_decision_step, calibration.accuracy))
        best = max(calibration.accuracy for calibration in tried)
        enough = best - self.tolerance if self.accuracy is None else min(best, self.accuracy)
        return min((calibration for calibration in tried if calibration.accuracy >= enough), key=_preference)


def calibrate(margins: torch.Tensor, labels: torch.Tensor, target: Target) -> Calibration:
    """Return the calibration that meets a target best.

    The outputs have no targets, so lowering their initial potentials by a common number only lowers their margins by it. The
    numbers that are tried are quantiles of the largest margins.

    Parameters
    ----------
    margins : Tensor of whole numbers as float, shape (T, batch, classes)
        The outputs' potential minus threshold at each step.
    labels : Tensor of int64, shape (batch,)
    target : Target
    """
    leading = margins.amax(dim=2)
    # With the lowest number every image is decided at the first step, with the highest none before the last step.
    spread = torch.quantile(leading.flatten(), torch.linspace(0, 1, CANDIDATES))
    candidates = {int(leading[0].min()), int(leading.max()) + 1, *spread.int().tolist()}
    return target.best([_measure(margins, labels, lowering) for lowering in sorted(candidates)])


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
    # At the first step with an output spike, the spiking outputs are those with a margin of at least 0, so the largest margin
    # gives the class. Without any spike, the largest margin after the last step does.
    return margins[steps, torch.arange(len(steps), device=steps.device)].argmax(dim=1), steps


def _preference(calibration: Calibration) -> tuple[float, float]:
    return calibration.mean_decision_step, -calibration.accuracy


def _measure(margins: torch.Tensor, labels: torch.Tensor, lowering: int) -> Calibration:
    classes, steps = decide(margins - lowering)
    return Calibration(lowering, float((classes == labels).double().mean()), float(steps.double().mean()))
