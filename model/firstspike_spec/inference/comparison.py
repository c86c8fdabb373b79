"""Comparison of an implementation's results with the golden model's, value by value."""

from dataclasses import dataclass, field

import numpy as np

from ..common.errors import InputError
from .inference import Inference

#: Most differences that a report names.
MAX_NAMED = 20


@dataclass
class Comparison:
    """Counts what was compared and names what differed.

    Attributes
    ----------
    compared_values : int
        Number of values that were compared.
    mismatches : int
        Number of values that differed.
    named : list of str
        The first differences, each with image, layer, neuron, expected and got.
    """

    compared_values: int = 0
    mismatches: int = 0
    named: list[str] = field(default_factory=list)

    def compare(
        self,
        what: str,
        expected: np.ndarray,
        got: np.ndarray,
        where: np.ndarray | None = None,
        *,
        axes: tuple[str, ...] = ("image", "neuron"),
        first: int = 0,
    ) -> None:
        """Compare two arrays.

        Parameters
        ----------
        what : str
            The name of the values in a report.
        expected, got : ndarray of int, of one shape
        where : ndarray of bool, same shape, optional
            Compare only where it is true.
        axes : tuple of str
            Names of the dimensions, for the report.
        first : int
            Number of the first image, for the report.

        Raises
        ------
        InputError
            If the shapes differ.
        """
        expected, got = np.asarray(expected), np.asarray(got)
        if expected.shape != got.shape:
            raise InputError(f"{what}: results of the shape {got.shape} cannot be compared with {expected.shape}")
        different = expected != got
        if where is not None:
            different &= where
        self.compared_values += expected.size if where is None else int(np.count_nonzero(where))
        self.mismatches += int(np.count_nonzero(different))
        for place in np.argwhere(different)[: MAX_NAMED - len(self.named)]:
            named = [f"{axis} {at + (first if axis == 'image' else 0)}" for axis, at in zip(axes, place, strict=False)]
            at = tuple(place)
            self.named.append(f"{what}: {', '.join(named)}: expected {expected[at]}, got {got[at]}")

    def add(self, other: "Comparison") -> None:
        """Add another comparison's counts and named differences."""
        self.compared_values += other.compared_values
        self.mismatches += other.mismatches
        self.named += other.named[: MAX_NAMED - len(self.named)]

    @property
    def passed(self) -> bool:
        """Whether values were compared and none differed."""
        return self.compared_values > 0 and self.mismatches == 0

    def check(self) -> None:
        """Raise `AssertionError` unless values were compared and none differed."""
        if self.compared_values == 0:
            raise AssertionError("nothing was compared")
        if self.mismatches:
            raise AssertionError(f"{self.mismatches} of {self.compared_values} values differ:\n  " + "\n  ".join(self.named))


def compare_inferences(expected: Inference, got: Inference, *, first: int = 0) -> Comparison:
    """Compare everything that two inferences of the same batch hold.

    Parameters
    ----------
    expected, got : Inference
        A layer's potentials in ``got`` may be ``None``, for hardware that does not show them.
    first : int
        Number of the batch's first image, for the report.
    """
    comparison = Comparison()
    for index, (wanted, found) in enumerate(zip(expected.spike_times, got.spike_times, strict=True)):
        name = "spike time of input" if index == 0 else f"spike time in layer {index - 1}"
        comparison.compare(name, wanted, found, first=first)
    for index, (wanted, found) in enumerate(zip(expected.potentials, got.potentials, strict=True)):
        if found is not None:
            comparison.compare(f"potential in layer {index}", wanted, found, first=first)
    for name in ("classes", "decision_steps", "spikes", "synaptic_operations"):
        comparison.compare(name.replace("_", " "), getattr(expected, name), getattr(got, name), first=first)
    return comparison
