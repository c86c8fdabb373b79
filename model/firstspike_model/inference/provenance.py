"""Facts that the provenance of every network holds under the same names."""

from importlib.metadata import version
from typing import Any

from firstspike_spec import Dataset, Inference


def versions() -> dict[str, str]:
    """Return the versions of the packages that a network is made with."""
    return {name: version(name) for name in ("firstspike", "torch", "numpy")}


def test_facts(inference: Inference, test: Dataset) -> dict[str, Any]:
    """Return the figures of a network from an inference of the test images with early exit.

    These are ``test_accuracy`` (share of the images, by first spike), ``test_images``, ``mean_decision_step`` and
    ``mean_synaptic_operations``.
    """
    return {
        "test_accuracy": float((inference.classes == test.labels).mean()),
        "test_images": len(test.images),
        "mean_decision_step": float(inference.decision_steps.mean()),
        "mean_synaptic_operations": float(inference.synaptic_operations.mean()),
    }
