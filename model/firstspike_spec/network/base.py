"""What both kinds of network have in common: images in, classes out, and a content with a digest."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..common.arrays import MAX_SIDES
from ..common.checks import sequence, whole_number
from ..common.errors import InputError
from .content import content_digest
from .encoder import check_pixels
from .maps import MAX_NEURONS


class BaseNetwork:
    """What a step-by-step `Network` and a `LayeredNetwork` have in common; a base class.

    Attributes
    ----------
    layers : tuple of layers
    input_shape : tuple of int
        Shape of one image.
    class_names : tuple of str
        One for each output.
    provenance : dict
    """

    layers: tuple[Any, ...]
    input_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    provenance: dict[str, Any]

    #: The kind, as users read it.
    kind: str

    @property
    def inputs(self) -> int:
        """Number of input sources; of an image, its values."""
        return math.prod(self.input_shape)

    @property
    def outputs(self) -> int:
        """Number of output neurons, which is the number of classes."""
        return len(self.class_names)

    @property
    def synapses(self) -> int:
        """Number of connections kept in all layers."""
        return sum(layer.synapses for layer in self.layers)

    @property
    def connectivity(self) -> float:
        """Share of the possible connections that is kept, over all layers, 0 .. 1.

        If dead neurons were removed, only connections between the remaining neurons count as possible. The share of the
        layers as they were trained is in the provenance.
        """
        return self.synapses / sum(layer.possible_synapses for layer in self.layers)

    @property
    def dataset(self) -> str | None:
        """Name of the data set that the network was trained on, if its provenance names one."""
        name = self.provenance.get("dataset")
        return name if isinstance(name, str) else None

    @property
    def time_steps(self) -> int:
        """``T``, the number of steps in which a neuron of a layer can spike."""
        raise NotImplementedError

    @property
    def input_time_steps(self) -> int:
        """Number of steps in which an input can spike; it means *no spike* in the inputs' spike times."""
        return self.time_steps

    def spike_times(self, images: np.ndarray) -> np.ndarray:
        """Return the spike times of the inputs for a batch of images, int16, shape (batch, inputs)."""
        raise NotImplementedError

    def summary(self) -> dict[str, Any]:
        """Return what ``firstspike info`` shows, ready for JSON."""
        raise NotImplementedError

    @property
    def description(self) -> str:
        """Everything but the tensors, as canonical JSON."""
        raise NotImplementedError

    @property
    def tensors(self) -> dict[str, np.ndarray]:
        """The tensors by their names in the file, without the layers' activity."""
        raise NotImplementedError

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that the file holds but the layers' activity, in hexadecimal.

        The activity changes no result: two networks with the same digest give the same inferences.
        """
        return content_digest(self.description, self.tensors)

    def check_images(self, images: np.ndarray) -> None:
        """Raise `InputTypeError` or `InputError` unless `spike_times` accepts ``images``."""
        check_pixels(images)
        if images.ndim >= 2 and images.shape[1:] in (self.input_shape, (self.inputs,)):
            return
        shapes = dict.fromkeys([self.input_shape, (self.inputs,)])
        wanted = " or ".join(f"(batch, {', '.join(map(str, shape))})" for shape in shapes)
        raise InputError(f"images must have the shape {wanted}, not {images.shape}{self._advice(images.shape)}")

    def _advice(self, shape: tuple[int, ...]) -> str:
        """Return advice about images of a wrong shape, if there is any."""
        if shape in (self.input_shape, (self.inputs,)):
            return "; if it is one image, give images[None]"
        if len(self.input_shape) == 1 and len(shape) > 2 and math.prod(shape[1:]) == self.inputs:
            sides = ",".join(map(str, shape[1:]))
            return (
                f"; the network does not say what shape its images have: import it again with --input-shape {sides}, or give "
                f"images.reshape(len(images), {self.inputs})"
            )
        return ""

    def check_labels(self, labels: np.ndarray) -> None:
        """Raise `InputError` unless every label is a class of the network, ``0 .. outputs - 1``.

        Parameters
        ----------
        labels : ndarray of int, shape (count,)
        """
        if not len(labels) or (labels.min() >= 0 and labels.max() < self.outputs):
            return
        low, high = labels.min(), labels.max()
        from_one = (low, high) == (1, self.outputs)
        advice = "classes are numbered from 0: subtract 1 from each" if from_one else "choose another data set or network"
        raise InputError(f"labels must be in 0 .. {self.outputs - 1}, the network's classes, not {low} .. {high}; {advice}")


def image_maps(input_shape: Sequence[int]) -> tuple[int, int, int]:
    """Return channels, height and width of an image's values; of shapes that are no image, all values as channels."""
    shape = tuple(input_shape)
    if len(shape) > 3:
        return math.prod(shape), 1, 1
    channels, height, width = (1,) * (3 - len(shape)) + shape
    return channels, height, width


def checked_shape(value: object) -> tuple[int, ...]:
    """Return ``value`` as the shape of an image, or raise `InputTypeError` or `InputError` if it is none."""
    shape = sequence(value, "input_shape")
    whole_number(len(shape), "number of input_shape's sides", 0, MAX_SIDES)
    return tuple(whole_number(n, "each size of input_shape", 1, MAX_NEURONS) for n in shape)
