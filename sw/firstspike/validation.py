"""Validation: accuracy, and every value compared with the golden model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from firstspike_spec.common.checks import array_of
from firstspike_spec.common.errors import InputError, InputTypeError
from firstspike_spec.inference.comparison import Comparison
from firstspike_spec.inference.golden import count_operations
from firstspike_spec.inference.results import Results, compare_results, cut_at_decision, join_results

from .devices import Device
from .devices.kinds import AnyNetwork, check_takes_images, ends_early
from .reference import reference_for

#: Images that a device runs in one batch. Progress is reported after each batch.
BATCH = 250


@dataclass(frozen=True)
class Validation:
    """What a validation found.

    Attributes
    ----------
    reference : str or None
        What the results were compared with: ``"the golden model"``, or for the golden model itself another form of it, such as
        ``"the golden model in PyTorch"``. ``None`` if there is none.
    comparison : Comparison
        The comparison of every value from the device with the reference's; empty without a reference.
    results : Results
        The device's results.
    labels : ndarray of int, shape (images,)
        The true classes.
    synaptic_operations : ndarray of int64, shape (images,)
        In the golden model, up to the decision step; of layered networks, of the whole inference.
    counters : dict
        What the device counted during the validation; empty for a device without counters.
    """

    reference: str | None
    comparison: Comparison
    results: Results
    labels: np.ndarray
    synaptic_operations: np.ndarray
    counters: dict[str, int]

    @property
    def passed(self) -> bool:
        """Whether no value differed from the reference's; without a reference, nothing can."""
        return self.reference is None or self.comparison.passed

    @property
    def accuracy(self) -> float:
        """Share of the images that got their true class."""
        return float((self.results.classes == self.labels).mean())

    def summary(self) -> dict[str, Any]:
        """Return the figures, ready for JSON."""
        images, cycles = len(self.labels), self.results.cycles
        return {
            "images": images,
            "accuracy": self.accuracy,
            "reference": self.reference,
            "mismatches": self.comparison.mismatches,
            "compared_values": self.comparison.compared_values,
            "first_mismatches": self.comparison.named,
            "decision_step_mean": float(self.results.decision_steps.mean()),
            "cycles_mean": None if cycles is None else float(cycles.mean()),
            "cycles_max": None if cycles is None else int(cycles.max()),
            "cycles_between_images": self.counters["busy_cycles"] / images if self.counters else None,
            "synaptic_operations_mean": float(self.synaptic_operations.mean()),
            "counters": self.counters,
        }


def validate(
    device: Device,
    network: AnyNetwork,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    early_exit: bool,
    progress: Callable[[int], None],
) -> Validation:
    """Run images with known classes, as `Accelerator.validate` describes.

    The reference (`reference_for`) runs every image to its last step. With early exit, its results are cut at the decision
    step. Layered networks have no early exit, and nothing is cut.
    """
    check_takes_images(network)
    early_exit = ends_early(network, early_exit)
    spike_times = network.spike_times(images)
    labels = array_of(labels, "labels")
    if labels.dtype.kind not in "iu":
        raise InputTypeError(f"labels must be integers, not an array of type {labels.dtype}")
    if labels.shape != (len(images),):
        raise InputError(f"labels must have the shape ({len(images)},), one for each image, not {labels.shape}")
    if not len(images):
        raise InputError("there is nothing to validate: give at least one image")
    network.check_labels(labels)

    comparison, reference = Comparison(), reference_for(device, network, early_exit=early_exit)
    before = device.counters()
    parts, operations = [], []
    full_operations = spikes = 0
    for first in range(0, len(images), BATCH):
        batch = spike_times[first : first + BATCH]
        got = device.run(batch, early_exit=early_exit)
        parts.append(got)
        if reference is None:
            assert got.spike_times is not None, "the golden device shows all spikes"
            operations.append(count_operations(network, got.spike_times))
        else:
            inference = reference.infer(batch)
            expected = Results.from_inference(inference, early_exit=early_exit)
            comparison.add(compare_results(expected, got, first=first))
            if early_exit:
                until_decision = cut_at_decision(inference.spike_times, inference.decision_steps, network.time_steps)
                operations.append(count_operations(network, until_decision))
            else:
                operations.append(inference.synaptic_operations)
            full_operations += int(inference.synaptic_operations.sum())
            spikes += int(inference.spikes.sum())
        progress(min(first + BATCH, len(images)))

    counters = {name: value - before[name] for name, value in device.counters().items()}
    if counters and not early_exit:
        # With early exit, the device may have begun the next step before the decision, depending on the timing.
        comparison.compare("counted spikes", np.array([spikes]), np.array([counters["spikes"]]), axes=("total",))
        comparison.compare(
            "counted synaptic operations",
            np.array([full_operations]),
            np.array([counters["synaptic_operations"]]),
            axes=("total",),
        )
    return Validation(
        reference=None if reference is None else reference.name,
        comparison=comparison,
        results=join_results(parts),
        labels=labels,
        synaptic_operations=np.concatenate(operations),
        counters=counters,
    )
