"""The training loop: prune, cut to the budget, refine with quantised weights, calibrate the output."""

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from firstspike_spec import Dataset, InputError, LatencyEncoder

from ..calibration.output_threshold import Calibration, Target, calibrate
from ..layers.initialisation import rescale_to_fan_in
from ..layers.classifier import FirstSpikeClassifier
from ..layers.surrogate import Surrogate
from ..pruning import allowed, cut_to_budget, layer_budgets
from ..recipes.recipe import Recipe
from .augmentation import RandomVariations
from .checks import check_dataset
from .losses import potential_loss, spike_loss
from .optimisers import PruneOptimisers, RefineOptimisers

#: Images that are measured at once.
CHUNK = 200

#: Steps to a unit of the threshold in which a float network's output threshold is calibrated.
FLOAT_GRID = 64


@dataclass(frozen=True)
class Progress:
    """Where a training stands after an epoch.

    Attributes
    ----------
    phase : str
        ``"prune"`` or ``"refine"``.
    epoch, epochs : int
        Done so far, and in the whole training.
    loss : float
        Mean over the epoch's batches.
    accuracy : float
        On the validation images, by first spike, 0 .. 1.
    connectivity : float
        Share of connections that are not zero, 0 .. 1.
    mean_decision_step : float
    seconds : float
        Since the training began, without the time it was stopped.
    seconds_left : float
        Estimated from the mean duration of the epochs so far.
    """

    phase: str
    epoch: int
    epochs: int
    loss: float
    accuracy: float
    connectivity: float
    mean_decision_step: float
    seconds: float
    seconds_left: float


@dataclass(frozen=True)
class Trained:
    """A trained network, with quantised weights unless the recipe asks for float ones.

    Attributes
    ----------
    classifier : FirstSpikeClassifier
    encoder : LatencyEncoder
    calibration : Calibration
        Not yet folded into the output's initial potentials; its figures are those on the validation images.
    """

    classifier: FirstSpikeClassifier
    encoder: LatencyEncoder
    calibration: Calibration


class Training:
    """One training, epoch after epoch.

    Parameters
    ----------
    recipe : Recipe
    dataset : Dataset
        The training split; its last images, after a shuffle, are held back for validation.
    seed : int
        The same seed gives the same network on the same machine and versions.
    device : str
        As PyTorch names it, such as ``"cpu"`` or ``"cuda"``.

    Attributes
    ----------
    classes : int
        As many as the labels have.
    classifier : FirstSpikeClassifier
    encoder : LatencyEncoder
    validation : Dataset
        The images held back.
    epoch : int
        How many are done.

    Raises
    ------
    InputError, InputTypeError
        If the data set cannot be trained on (`firstspike_model.training.checks.check_dataset`).
    """

    def __init__(self, recipe: Recipe, dataset: Dataset, seed: int, device: str = "cpu"):
        self.classes = check_dataset(dataset, recipe.validation_images)
        self.recipe, self.device = recipe, device
        self.encoder = recipe.encoder()
        self._generator = torch.Generator().manual_seed(seed)
        images, labels = torch.tensor(dataset.images), torch.tensor(dataset.labels, dtype=torch.int64)
        chosen, held_back = hold_back(len(images), recipe.validation_images, self._generator)
        self._variations = RandomVariations(
            images[chosen].to(device),
            recipe.largest_shift,
            recipe.mirrored,
            recipe.brightness,
            self._generator,
            largest_rotation=recipe.largest_rotation,
            largest_scaling=recipe.largest_scaling,
        )
        self._labels = labels[chosen].to(device)
        self.validation = replace(dataset, images=images[held_back].numpy(), labels=labels[held_back].numpy())
        self.classifier = FirstSpikeClassifier(
            recipe.layers(tuple(images.shape[1:]), self.classes),
            recipe.time_steps,
            self._generator,
            Surrogate(recipe.surrogate, recipe.surrogate_width),
            dropout=recipe.dropout,
            weight_bits=recipe.weight_bits,
            initialisation=recipe.initialisation,
            normalised=recipe.normalised,
            keep_connected=recipe.keep_connected,
        ).to(device)
        counts = [layer.weights.numel() for layer in self.classifier.layers]
        self._budget = layer_budgets(recipe.budget, recipe.output_part, counts) if recipe.output_part else recipe.budget
        _check_budget(self._budget, counts)
        self._below = torch.tensor(self.encoder.thresholds, dtype=torch.int16, device=device)[:, None, None] - 1
        self._best: Calibration | None = None
        self._best_state: dict | None = None
        self.epoch = 0
        self._seconds = 0.0
        self._enter_phase()

    def run(self, note: Callable[[Progress], None] = lambda progress: None) -> Trained:
        """Train through all epochs that are left, telling ``note`` of each, and return the best network."""
        while self.epoch < self.recipe.epochs:
            note(self.run_epoch())
        return self.result()

    def run_epoch(self) -> Progress:
        """Train one epoch and measure on the validation images."""
        started = time.monotonic()
        recipe = self.recipe
        phase = self.phase
        first, last = (0, recipe.prune_epochs) if phase == "prune" else (recipe.prune_epochs, recipe.epochs)
        if phase == "prune" and recipe.operations_share:
            self._optimisers.set_costs(self._costs(), recipe.operations_share)
        batches = torch.randperm(len(self._labels), generator=self._generator).split(recipe.batch)
        total = torch.zeros((), device=self.device)
        self.classifier.train()
        for number, loss in enumerate(self._losses(batches)):
            self._optimisers.zero_grad()
            loss.backward()
            self._optimisers.step((self.epoch - first + number / len(batches)) / (last - first))
            total += loss.detach()
        self.epoch += 1
        calibration = self._measure()
        self._keep_best(phase, calibration)
        self._seconds += time.monotonic() - started
        progress = Progress(
            phase,
            self.epoch,
            recipe.epochs,
            float(total) / len(batches),
            calibration.accuracy,
            connectivity(self.classifier),
            calibration.mean_decision_step,
            self._seconds,
            self._seconds * (recipe.epochs - self.epoch) / self.epoch,
        )
        if self.epoch == recipe.prune_epochs:
            self._enter_phase()
        return progress

    @property
    def phase(self) -> str:
        """That of the next epoch: ``"prune"`` or ``"refine"``."""
        return "prune" if self.epoch < self.recipe.prune_epochs else "refine"

    def result(self) -> Trained:
        """Return the best network; without refinement, the one that the cut left."""
        if self._best is not None:
            self.classifier.load_state_dict(self._best_state)
        late = self.recipe.decision == "late"
        calibration = self._measure(late) if late or self._best is None else self._best
        return Trained(self.classifier, self.encoder, calibration)

    def state_dict(self) -> dict:
        """Return all that is needed to go on from here, as if never stopped: tensors, numbers and texts."""
        return {
            "epoch": self.epoch,
            "seconds": self._seconds,
            "generator": self._generator.get_state(),
            "classifier": self.classifier.state_dict(),
            "optimisers": self._optimisers.state_dict(),
            "best": None if self._best is None else vars(self._best),
            "best_state": self._best_state,
        }

    def load_state_dict(self, state: dict) -> None:
        """Go on from where ``state_dict`` was taken, in a training of the same recipe, data set and seed."""
        self.epoch, self._seconds = state["epoch"], state["seconds"]
        self._optimise()
        self._generator.set_state(state["generator"])
        self.classifier.load_state_dict(state["classifier"])
        self._optimisers.load_state_dict(state["optimisers"])
        self._best = None if state["best"] is None else Calibration(**state["best"])
        self._best_state = state["best_state"]

    def _enter_phase(self) -> None:
        """Prepare for the next epoch's phase."""
        if self.phase == "refine":
            layers = self.classifier.layers
            masks = cut_to_budget([layer.connected_weights() for layer in layers], self._budget)
            for layer, mask in zip(layers, masks, strict=True):
                layer.cut(mask)
                if self.recipe.rescaled:
                    rescale_to_fan_in(layer.weights, self.recipe.time_steps, layer.maps.pooling)
                layer.fit_scale()
        self._optimise()

    def _optimise(self) -> None:
        """Make the optimisers of the next epoch's phase."""
        if self.phase == "prune":
            self._optimisers = PruneOptimisers(self.classifier, self.recipe, self._budget)
        else:
            self._optimisers = RefineOptimisers(self.classifier, self.recipe)

    def _keep_best(self, phase: str, calibration: Calibration) -> None:
        if phase == "refine" and (self._best is None or calibration.accuracy >= self._best.accuracy):
            self._best, self._best_state = calibration, copy.deepcopy(self.classifier.state_dict())

    def _losses(self, batches: tuple[torch.Tensor, ...]) -> Iterator[torch.Tensor]:
        """Give the loss of each batch."""
        recipe = self.recipe
        for indices in batches:
            labels = self._labels[indices.to(self.device)]
            margins = self.classifier(self._present(self._variations.take(indices)))
            loss = torch.zeros((), device=self.device)
            if recipe.potential_weight:
                loss = loss + recipe.potential_weight * potential_loss(margins, labels, recipe.last_step_weight)
            if recipe.spike_weight:
                spikes = self.classifier.spikes(margins, recipe.forced_last_spike)
                loss = loss + recipe.spike_weight * spike_loss(spikes, labels, recipe.decoding, recipe.sharpness)
            yield loss

    def _present(self, images: torch.Tensor) -> torch.Tensor:
        """Return 1 from the step on at which each pixel spiked, else 0: int8, shape (T, batch, inputs)."""
        # For whole numbers, p >= e is min(max(p - (e - 1), 0), 1): several times as fast as a comparison.
        pixels = images.flatten(start_dim=1).to(torch.int16)
        return (pixels - self._below).clamp_(0, 1).to(torch.int8)

    def _chunks(self, images: np.ndarray) -> Iterator[torch.Tensor]:
        """Give images' spikes, as `_present` does, some images at a time."""
        for part in torch.tensor(images).split(CHUNK):
            yield self._present(part.to(self.device))

    @torch.no_grad()
    def margins(self, images: np.ndarray) -> torch.Tensor:
        """Return the outputs' potential minus threshold at each step, in units of the threshold.

        Parameters
        ----------
        images : ndarray of uint8, shape (count, height, width) or (count, channels, height, width)

        Returns
        -------
        Tensor of float, shape (T, count, classes), on the CPU
        """
        self.classifier.eval()
        return torch.cat([self.classifier(part) for part in self._chunks(images)], dim=1).cpu()

    def _measure(self, late: bool = False) -> Calibration:
        """Calibrate the outputs on the validation images."""
        margins, labels = self.margins(self.validation.images), torch.tensor(self.validation.labels)
        scale = self.classifier.layers[-1].scale
        whole = (margins * FLOAT_GRID if scale is None else margins / scale).round()
        return calibrate(whole, labels, Target(self.recipe.decision_tolerance, self.recipe.latest_step, late=late))

    @torch.no_grad()
    def _costs(self) -> list[torch.Tensor]:
        """Return how often each layer's weights are added for a validation image, shape (1, taps)."""
        counts = [self.classifier.present_at_end(part) for part in self._chunks(self.validation.images)]
        costs = []
        for layer, ends in zip(self.classifier.layers, zip(*counts, strict=True), strict=True):
            rates = torch.cat(ends).float().mean(dim=0, keepdim=True).cpu().numpy()
            costs.append(torch.tensor(layer.maps.windows(rates).sum(axis=1)).to(self.device))
        return costs


def hold_back(images: int, validation_images: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the indices of the images to train on and of those held back: the generator's first draw."""
    order = torch.randperm(images, generator=generator)
    return order[:-validation_images], order[-validation_images:]


def _check_budget(budget: float | tuple[float, ...], counts: list[int]) -> None:
    """Raise `InputError` if the budget leaves a layer without connections."""
    shares = budget if isinstance(budget, tuple) else [budget] * len(counts)
    for number, (share, count) in enumerate(zip(shares, counts, strict=True)):
        if allowed(share, count) == 0:
            raise InputError(f"the budget leaves none of the {count:,} connections of layer {number}; give it a larger one")


@torch.no_grad()
def connectivity(classifier: FirstSpikeClassifier) -> float:
    """Return the share of connections that are kept and whose (quantised) weight is not zero, 0 .. 1."""
    weights = [layer.connected_weights() if layer.scale is None else layer.integer_weights() for layer in classifier.layers]
    return sum(int(torch.count_nonzero(weight)) for weight in weights) / sum(weight.numel() for weight in weights)
