"""The training loop: rewire with Grad R, cut to the budget, refine with quantised weights, calibrate the output."""

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from firstspike_spec import Dataset, InputError, LatencyEncoder

from .augmentation import RandomShifts
from .calibration import Calibration, calibrate
from .gradr import GradR, cut_to_budget
from .layers import FirstSpikeClassifier
from .losses import step_loss, temporal_loss
from .recipe import Recipe

#: Classes of every data set so far.
CLASSES = 10


@dataclass(frozen=True)
class Progress:
    """Where a training stands after an epoch.

    Attributes
    ----------
    phase : str
        ``"rewire"`` or ``"refine"``.
    epoch, epochs : int
        Done so far, and in the whole training.
    accuracy : float
        On the validation images, by first spike, 0 .. 1.
    connectivity : float
        Share of connections that are not zero, 0 .. 1.
    mean_decision_step : float
    seconds_left : float
        Estimated from the mean duration of the epochs so far.
    """

    phase: str
    epoch: int
    epochs: int
    accuracy: float
    connectivity: float
    mean_decision_step: float
    seconds_left: float


@dataclass(frozen=True)
class Trained:
    """A trained network, with quantised weights.

    Attributes
    ----------
    classifier : FirstSpikeClassifier
    encoder : LatencyEncoder
    calibration : Calibration
        Not yet folded into the output's start potentials; its figures are those on the validation images.
    """

    classifier: FirstSpikeClassifier
    encoder: LatencyEncoder
    calibration: Calibration


class Training:
    """One training, phase after phase.

    Parameters
    ----------
    recipe : Recipe
    dataset : Dataset
        The training split; its last images, after a shuffle, are held back for validation.
    seed : int
        The same seed gives the same network on the same machine and versions.
    note : callable
        Told of each epoch's `Progress`.

    Attributes
    ----------
    classifier : FirstSpikeClassifier
    encoder : LatencyEncoder
    validation : Dataset
        The images held back.

    Raises
    ------
    InputError
        If there are too few images, or labels that are no class.
    """

    def __init__(self, recipe: Recipe, dataset: Dataset, seed: int, note: Callable[[Progress], None] = lambda progress: None):
        self.recipe, self.note = recipe, note
        self.encoder = LatencyEncoder.linear(recipe.time_steps, recipe.dimmest)
        self._generator = torch.Generator().manual_seed(seed)
        _check(dataset, recipe.validation_images)
        images, labels = torch.tensor(dataset.images), torch.tensor(dataset.labels, dtype=torch.int64)
        order = torch.randperm(len(images), generator=self._generator)
        chosen, held_back = order[: -recipe.validation_images], order[-recipe.validation_images :]
        self._shifts = RandomShifts(images[chosen], recipe.largest_shift, self._generator)
        self._labels = labels[chosen]
        self.validation = Dataset(dataset.name, images[held_back].numpy(), labels[held_back].numpy())
        sizes = [images[0].numel(), *recipe.hidden, CLASSES]
        self.classifier = FirstSpikeClassifier(
            sizes, recipe.time_steps, recipe.weight_bits, recipe.surrogate_width, self._generator
        )
        self._thresholds = torch.tensor(self.encoder.thresholds)[:, None, None]
        self._epoch = 0
        self._started = time.monotonic()

    def run(self) -> Trained:
        """Train through all phases and return the best network."""
        self._rewire()
        self._cut()
        best = self._refine()
        return Trained(self.classifier, self.encoder, best)

    def _rewire(self) -> None:
        recipe = self.recipe
        gradr = GradR([layer.weights for layer in self.classifier.layers], recipe.rewire_learning_rate, recipe.alpha)
        others = torch.optim.Adam([layer.start_potentials for layer in self.classifier.layers])
        rate = _cosine(recipe.rewire_learning_rate, recipe.rewire_epochs * self._batches)
        for _ in range(recipe.rewire_epochs):
            for loss in self._losses():
                self.classifier.zero_grad()
                loss.backward()
                gradr.learning_rate = others.param_groups[0]["lr"] = next(rate)
                gradr.step()
                others.step()
            self._report("rewire")

    def _cut(self) -> None:
        layers = self.classifier.layers
        masks = cut_to_budget([layer.weights for layer in layers], self.recipe.connectivity)
        for layer, mask in zip(layers, masks, strict=True):
            layer.mask.copy_(mask)
            layer.fit_scale()

    def _refine(self) -> Calibration:
        recipe = self.recipe
        optimiser = torch.optim.Adam(self.classifier.parameters())
        rate = _cosine(recipe.refine_learning_rate, recipe.refine_epochs * self._batches)
        best, state = None, None
        for _ in range(recipe.refine_epochs):
            for loss in self._losses():
                optimiser.zero_grad()
                loss.backward()
                optimiser.param_groups[0]["lr"] = next(rate)
                optimiser.step()
            calibration = self._report("refine")
            if best is None or calibration.accuracy >= best.accuracy:
                best, state = calibration, copy.deepcopy(self.classifier.state_dict())
        self.classifier.load_state_dict(state)
        return best

    @property
    def _batches(self) -> int:
        return math.ceil(len(self._labels) / self.recipe.batch)

    def _losses(self) -> Iterator[torch.Tensor]:
        """Give the loss of each batch of one epoch."""
        recipe = self.recipe
        for indices in torch.randperm(len(self._labels), generator=self._generator).split(recipe.batch):
            images = self._shifts.take(indices).reshape(len(indices), -1)
            spikes, margins = self.classifier(self._present(images))
            loss = step_loss(margins, self._labels[indices], recipe.last_step_weight)
            if recipe.temporal_weight:
                loss = loss + recipe.temporal_weight * temporal_loss(spikes, self._labels[indices], recipe.temporal_sharpness)
            yield loss

    def _present(self, images: torch.Tensor) -> torch.Tensor:
        """Return 1 from the step on at which each pixel spiked, shape (T, batch, inputs)."""
        return (images >= self._thresholds).float()

    @torch.no_grad()
    def _report(self, phase: str) -> Calibration:
        """Measure on the validation images and tell of it."""
        images = torch.tensor(self.validation.images).flatten(start_dim=1)
        parts = [self.classifier(self._present(part))[1] for part in images.split(1000)]
        margins = torch.cat(parts, dim=1)
        last = self.classifier.layers[-1]
        unit = last.scale if last.scale is not None else 1 / 64  # before there are integers, any fine grid will do
        calibration = calibrate((margins / unit).round(), torch.tensor(self.validation.labels), self.recipe.decision_tolerance)
        self._epoch += 1
        epochs = self.recipe.rewire_epochs + self.recipe.refine_epochs
        self.note(
            Progress(
                phase,
                self._epoch,
                epochs,
                calibration.accuracy,
                connectivity(self.classifier),
                calibration.mean_decision_step,
                (time.monotonic() - self._started) * (epochs - self._epoch) / self._epoch,
            )
        )
        return calibration


def _check(dataset: Dataset, validation_images: int) -> None:
    if len(dataset.images) <= validation_images:
        raise InputError(
            f"the training split has {len(dataset.images):,} images, {validation_images:,} of them for validation: "
            "none is left to train on; use more images"
        )
    wrong = np.flatnonzero(dataset.labels >= CLASSES)
    if len(wrong):
        raise InputError(
            f"label {dataset.labels[wrong[0]]} of image {wrong[0]} is no class: wanted 0 .. {CLASSES - 1}; get the data again"
        )


@torch.no_grad()
def connectivity(classifier: FirstSpikeClassifier) -> float:
    """Return the share of connections that are kept and whose (quantised) weight is not zero, 0 .. 1."""
    weights = [layer.weights * layer.mask if layer.scale is None else layer.integer_weights() for layer in classifier.layers]
    return sum(int(torch.count_nonzero(weight)) for weight in weights) / sum(weight.numel() for weight in weights)


def _cosine(rate: float, steps: int) -> Iterator[float]:
    """Give a learning rate for each step, falling from ``rate`` to a hundredth of it along half a cosine."""
    for step in range(steps):
        yield rate * (0.01 + 0.99 * (1 + math.cos(math.pi * step / steps)) / 2)
