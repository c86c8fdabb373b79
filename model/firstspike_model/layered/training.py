"""The training loop of layered networks: dense, then pruned and quantised."""

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch.nn import functional

from firstspike_spec import Dataset, LayeredNetwork

from .. import nn
from ..calibration.held_back import hold_back
from ..pruning import cut_to_budget
from ..recipes.layered_recipe import LayeredRecipe
from ..training.augmentation import RandomVariations
from ..training.checks import check_dataset
from ..training.progress import Progress
from .network import build_network, connection_budgets, trained_synapses
from .operations import soft_operations
from .optimisers import Optimisers

#: Scores are divided by this before the loss: with few classes, potentials would otherwise be too sure from the start.
SCORE_SCALE = 9.0

#: Images that are measured at once, and training images that the outputs' thresholds are spread over.
MEASURED, CALIBRATED = 500, 2000

#: Momentum of the running statistics once weights are quantised. Weights are rounded after the running variances are folded
#: in, so whole numbers would change with every batch.
QUANTISED_MOMENTUM = 0.05

#: One in this many images of a batch has its synaptic operations counted for the loss.
COUNTED_SHARE = 4


class LayeredTraining:
    """One training of a layered network, run epoch by epoch.

    Parameters
    ----------
    recipe : LayeredRecipe
    dataset : Dataset
        The training split. After a shuffle, its last images are held back for validation.
    seed : int
        The same seed gives the same network on the same machine and versions.
    device : str
        As PyTorch names it.

    Attributes
    ----------
    classes : int
    network : firstspike_model.nn.Sequential
    validation : Dataset
        The images held back.
    epoch : int
        Number of finished epochs.

    Raises
    ------
    InputError, InputTypeError
        If the data set cannot be trained on, or the recipe does not fit its images.
    """

    def __init__(self, recipe: LayeredRecipe, dataset: Dataset, seed: int, device: str = "cpu"):
        self.classes = check_dataset(dataset, recipe.validation_images)
        self.recipe, self.device = recipe, device
        self._generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)  # of new weights
        images, labels = torch.tensor(dataset.images), torch.tensor(dataset.labels, dtype=torch.int64)
        chosen, held_back = hold_back(len(images), recipe.validation_images, self._generator)
        self._images, self._labels = images[chosen], labels[chosen].to(device)
        self._variations = RandomVariations(
            self._images.to(device),
            recipe.largest_shift,
            False,
            recipe.brightness,
            self._generator,
            largest_rotation=recipe.largest_rotation,
            largest_scaling=recipe.largest_scaling,
            reflected=recipe.reflected,
            alternating=recipe.alternating,
            cutout=recipe.cutout,
        )
        indices = held_back.numpy()
        self.validation = replace(dataset, images=dataset.images[indices], labels=dataset.labels[indices])
        self.network = build_network(recipe, self._images, self.classes).to(device)
        self._budgets = connection_budgets(recipe, self.network)
        self._teacher: nn.Sequential | None = None
        self.epoch = 0
        self._seconds = 0.0
        self._stage = ""
        self._optimisers = self._enter("dense" if recipe.dense_epochs else self._sparse_stage(0.0))

    def run(self, note: Callable[[Progress], None] = lambda progress: None) -> LayeredNetwork:
        """Run all remaining epochs, call ``note`` after each, and return the network."""
        while self.epoch < self.recipe.epochs:
            note(self.run_epoch())
        names = self.validation.class_names
        return nn.export(self.network, self._images[:CALIBRATED], class_names=names)

    def run_epoch(self) -> Progress:
        """Train for one epoch and measure on the validation images."""
        started = time.monotonic()
        recipe = self.recipe
        dense = self.epoch < recipe.dense_epochs
        if not dense and self._stage == "dense":
            self._teacher = copy.deepcopy(self.network).eval() if recipe.distillation else None
            self._optimisers = self._enter(self._sparse_stage(0.0))
        first, count = (0, recipe.dense_epochs) if dense else (recipe.dense_epochs, recipe.sparse_epochs)
        batches = list(torch.randperm(len(self._labels), generator=self._generator).split(recipe.batch))
        if len(batches) > 1 and len(batches[-1]) < recipe.batch:
            batches.pop()  # statistics of a small batch would disturb batch normalisation
        total = torch.zeros((), device=self.device)
        self._variations.epoch = self.epoch
        self.network.train()
        for number, indices in enumerate(batches):
            done = (self.epoch - first + number / len(batches)) / count
            if not dense and self._sparse_stage(done) != self._stage:
                self._optimisers = self._enter(self._sparse_stage(done), self._optimisers)
            loss = self._loss(indices)
            self._optimisers.zero_grad()
            loss.backward()
            self._optimisers.step(done, self._budgets, 0.0 if dense else done / max(recipe.prune_by, 1e-9))
            total += loss.detach()
        phase = self._stage
        self.epoch += 1
        accuracy = self.accuracy()
        self._seconds += time.monotonic() - started
        return Progress(
            phase,
            self.epoch,
            recipe.epochs,
            float(total) / len(batches),
            accuracy,
            self.connectivity(),
            None,
            self._seconds,
            self._seconds * (recipe.epochs - self.epoch) / self.epoch,
        )

    def accuracy(self) -> float:
        """Return the share of the validation images that the network, as it is now, gives the right class."""
        self.network.eval()
        with torch.no_grad():
            images = torch.tensor(self.validation.images, device=self.device)
            scores = torch.cat([self.network(part) for part in images.split(MEASURED)])
        self.network.train()
        return float((scores.argmax(1).cpu() == torch.tensor(self.validation.labels)).float().mean())

    def connectivity(self) -> float:
        """Return the share of the connections that are not 0, 0 .. 1."""
        weights = [layer.anchor.connected_weights().detach() for layer in self.network.layers]
        return sum(int(weight.count_nonzero()) for weight in weights) / sum(weight.numel() for weight in weights)

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to continue from here without a difference: tensors, numbers and strings."""
        return {
            "epoch": self.epoch,
            "seconds": self._seconds,
            "stage": self._stage,
            "generator": self._generator.get_state(),
            "network": self.network.state_dict(),
            "teacher": None if self._teacher is None else self._teacher.state_dict(),
            "optimisers": self._optimisers.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a ``state_dict`` of a training with the same recipe, data set and seed."""
        self.epoch, self._seconds, self._stage = state["epoch"], state["seconds"], state["stage"]
        self._generator.set_state(state["generator"])
        if state["teacher"] is not None:
            self._teacher = copy.deepcopy(self.network).eval()
            self._teacher.load_state_dict(state["teacher"])
        self.network.load_state_dict(state["network"])
        if self._stage.endswith("quantise"):
            self._slow_down_statistics()
        self._optimisers = self._made_optimisers(self._stage)
        self._optimisers.load_state_dict(state["optimisers"])

    def _sparse_stage(self, done: float) -> str:
        """Return the stage at a share of the sparse phase: whether connections are fixed, and weights quantised."""
        recipe = self.recipe
        cut = "cut" if done >= recipe.cut_at else "prune"
        quantised = "quantise" if done >= recipe.quantise_at else "float"
        return f"{cut}, {quantised}"

    def _enter(self, stage: str, optimisers: Optimisers | None = None) -> Optimisers:
        """Prepare the network for a stage, and return the optimisers for it."""
        before, self._stage = self._stage, stage
        if stage.startswith("cut") and not before.startswith("cut"):
            optimisers = None
            modules = trained_synapses(self.network)
            for module, mask in zip(modules, cut_to_budget([part.weight for part in modules], self._budgets), strict=True):
                module.cut(mask)  # what steering left, within the budget
        if not stage.endswith(("float", "dense")) and before.endswith(("float", "dense")):
            recipe = self.recipe
            bits = [recipe.first_weight_bits] + [recipe.weight_bits] * (len(self.network.layers) - 1)
            nn.quantise(self.network, bits, keep_connected=True)
            self._slow_down_statistics()
        return self._made_optimisers(stage) if optimisers is None else optimisers

    def _slow_down_statistics(self) -> None:
        for module in self.network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.momentum = QUANTISED_MOMENTUM

    def _made_optimisers(self, stage: str) -> Optimisers:
        recipe = self.recipe
        rate = recipe.learning_rate if stage == "dense" else recipe.sparse_learning_rate
        return Optimisers(self.network, recipe, rate, pruned=stage.startswith("prune"))

    def _loss(self, indices: torch.Tensor) -> torch.Tensor:
        recipe = self.recipe
        images, labels = self._variations.take(indices), self._labels[indices.to(self.device)]
        spikes = self.network.run(images)
        scores = spikes[-1].values.flatten(1) / SCORE_SCALE
        loss = functional.cross_entropy(scores, labels, label_smoothing=recipe.label_smoothing)
        if recipe.operations_penalty and self._stage != "dense":
            some = [part._replace(values=part.values[: -(-len(images) // COUNTED_SHARE)]) for part in spikes]
            loss = loss + recipe.operations_penalty * soft_operations(self.network, some).clamp(min=1).log()
        if self._teacher is None:
            return loss
        with torch.no_grad():
            taught = functional.softmax(self._teacher(images) / SCORE_SCALE / recipe.temperature, dim=1)
        learned = functional.log_softmax(scores / recipe.temperature, dim=1)
        distance = functional.kl_div(learned, taught, reduction="batchmean") * recipe.temperature**2
        return (1 - recipe.distillation) * loss + recipe.distillation * distance
