"""The training loop: prune, cut to the budget, refine with quantised weights, calibrate the output."""

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from firstspike_spec import Dataset, LatencyEncoder

from ..calibration.held_back import hold_back
from ..calibration.output_threshold import Calibration, Target
from ..layers.classifier import FirstSpikeClassifier
from ..layers.initialisation import rescale_to_fan_in
from ..layers.surrogate import Surrogate
from ..pruning import check_budget, cut_to_budget, layer_budgets
from ..recipes.layer_plan import plan_layers
from ..recipes.recipe import Recipe
from .augmentation import RandomVariations
from .checks import check_dataset
from .evaluation import Evaluator
from .losses import potential_loss, spike_loss
from .optimisers import PruneOptimisers, RefineOptimisers
from .progress import Progress


@dataclass(frozen=True)
class Trained:
    """A trained network. Its weights are quantised unless the recipe asks for float weights.

    Attributes
    ----------
    classifier : FirstSpikeClassifier
    encoder : LatencyEncoder
    calibration : Calibration
        Measured on the validation images. It is not yet part of the outputs' initial potentials.
    """

    classifier: FirstSpikeClassifier
    encoder: LatencyEncoder
    calibration: Calibration


class Training:
    """One training, run epoch by epoch.

    Parameters
    ----------
    recipe : Recipe
    dataset : Dataset
        The training split. After a shuffle, its last images are held back for validation.
    seed : int
        The same seed gives the same network on the same machine and versions.
    device : str
        As PyTorch names it, such as ``"cpu"`` or ``"cuda"``.

    Attributes
    ----------
    classes : int
        Number of classes in the labels.
    classifier : FirstSpikeClassifier
    encoder : LatencyEncoder
    evaluator : Evaluator
    validation : Dataset
        The images held back.
    epoch : int
        Number of finished epochs.

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
            plan_layers(recipe, tuple(images.shape[1:]), self.classes),
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
        self._budget = _budget(recipe, counts)
        check_budget(self._budget, counts)
        self.evaluator = Evaluator(self.classifier, self.encoder, device)
        self._best: Calibration | None = None
        self._best_state: dict[str, Any] | None = None
        self.epoch = 0
        self._seconds = 0.0
        self._enter_phase()

    def run(self, note: Callable[[Progress], None] = lambda progress: None) -> Trained:
        """Run all remaining epochs, call ``note`` after each, and return the best network."""
        while self.epoch < self.recipe.epochs:
            note(self.run_epoch())
        return self.result()

    def run_epoch(self) -> Progress:
        """Train for one epoch and measure on the validation images."""
        started = time.monotonic()
        recipe = self.recipe
        phase = self.phase
        first, last = (0, recipe.prune_epochs) if phase == "prune" else (recipe.prune_epochs, recipe.epochs)
        if isinstance(self._optimisers, PruneOptimisers) and recipe.operations_share:
            self._optimisers.set_costs(self.evaluator.tap_counts(self.validation.images), recipe.operations_share)
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
            self.classifier.connectivity(),
            calibration.mean_decision_step,
            self._seconds,
            self._seconds * (recipe.epochs - self.epoch) / self.epoch,
        )
        if self.epoch == recipe.prune_epochs:
            self._enter_phase()
        return progress

    @property
    def phase(self) -> str:
        """The phase of the next epoch: ``"prune"`` or ``"refine"``."""
        return "prune" if self.epoch < self.recipe.prune_epochs else "refine"

    def result(self) -> Trained:
        """Return the best network; without a refinement phase, the one that the cut left."""
        if self._best_state is not None:
            self.classifier.load_state_dict(self._best_state)
        late = self.recipe.decision == "late"
        calibration = self._measure(late) if late or self._best is None else self._best
        return Trained(self.classifier, self.encoder, calibration)

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to continue from here without a difference: tensors, numbers and strings."""
        return {
            "epoch": self.epoch,
            "seconds": self._seconds,
            "generator": self._generator.get_state(),
            "classifier": self.classifier.state_dict(),
            "optimisers": self._optimisers.state_dict(),
            "best": None if self._best is None else vars(self._best),
            "best_state": self._best_state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a ``state_dict`` of a training with the same recipe, data set and seed."""
        self.epoch, self._seconds = state["epoch"], state["seconds"]
        self._optimise()
        self._generator.set_state(state["generator"])
        self.classifier.load_state_dict(state["classifier"])
        self._optimisers.load_state_dict(state["optimisers"])
        self._best = None if state["best"] is None else Calibration(**state["best"])
        self._best_state = state["best_state"]

    def _enter_phase(self) -> None:
        """Prepare for the phase of the next epoch."""
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
        """Create the optimisers for the phase of the next epoch."""
        self._optimisers: PruneOptimisers | RefineOptimisers
        if self.phase == "prune":
            self._optimisers = PruneOptimisers(self.classifier, self.recipe, self._budget)
        else:
            self._optimisers = RefineOptimisers(self.classifier, self.recipe)

    def _keep_best(self, phase: str, calibration: Calibration) -> None:
        if phase == "refine" and (self._best is None or calibration.accuracy >= self._best.accuracy):
            self._best, self._best_state = calibration, copy.deepcopy(self.classifier.state_dict())

    def _losses(self, batches: tuple[torch.Tensor, ...]) -> Iterator[torch.Tensor]:
        """Yield the loss of each batch."""
        recipe = self.recipe
        for indices in batches:
            labels = self._labels[indices.to(self.device)]
            margins = self.classifier(self.evaluator.present(self._variations.take(indices)))
            loss = torch.zeros((), device=self.device)
            if recipe.potential_weight:
                loss = loss + recipe.potential_weight * potential_loss(margins, labels, recipe.last_step_weight)
            if recipe.spike_weight:
                spikes = self.classifier.spikes(margins, recipe.forced_last_spike)
                loss = loss + recipe.spike_weight * spike_loss(spikes, labels, recipe.decoding, recipe.sharpness)
            yield loss

    def _measure(self, late: bool = False) -> Calibration:
        """Calibrate the outputs on the validation images."""
        target = Target(self.recipe.decision_tolerance, self.recipe.latest_step, late=late)
        return self.evaluator.calibrate(self.validation, target)


def _budget(recipe: Recipe, counts: list[int]) -> float | tuple[float, ...]:
    """Return the recipe's budget, or each layer's where the output layer gets a fixed part of it."""
    if isinstance(recipe.budget, tuple) or not recipe.output_part:
        return recipe.budget
    return layer_budgets(recipe.budget, recipe.output_part, counts)
