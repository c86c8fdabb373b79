"""A network: the encoder, and layers of sparse integer weights."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..common.arrays import MAX_SIDES
from ..common.checks import whole_number
from ..common.errors import InputError, InputTypeError
from ..common.text import quoted
from .connections import MAX_CONNECTIONS
from .content import content_digest, description, tensors
from .encoder import LatencyEncoder, check_pixels
from .layer import Layer
from .maps import MAX_NEURONS, MAX_WINDOWS, Maps

#: Limits of a network, for all its layers together. They bound the memory that loading and running take.
MAX_LAYERS = 256
MAX_TOTALS = {
    "neurons": 1 << 20,
    "connections": 1 << 24,
    "possible connections": MAX_CONNECTIONS,
    "taps of all neurons of a channel": MAX_WINDOWS,
}

#: Most characters of a class's name.
MAX_NAME = 100

#: Most nested lists and dictionaries of the provenance, and most bits of its whole numbers.
MAX_JSON_DEPTH, MAX_JSON_BITS = 32, 256


class Size(NamedTuple):
    """The size of a layer: its number of target channels, the number of connections that it keeps, and its maps."""

    channels: int
    synapses: int
    maps: Maps


def check_sizes(layers: Iterable[Size]) -> None:
    """Refuse too many layers, or layers that are too large together. The layers themselves need not exist yet.

    Raises
    ------
    InputError
        If there are no layers, more than `MAX_LAYERS`, or they exceed one of `MAX_TOTALS`.
    """
    layers = list(layers)
    whole_number(len(layers), "number of layers", 1, MAX_LAYERS)
    totals = dict.fromkeys(MAX_TOTALS, 0)
    for index, (channels, synapses, maps) in enumerate(layers):
        counts = (channels * maps.positions, synapses, channels * maps.taps, maps.positions * maps.taps)
        for name, count in zip(totals, counts, strict=True):
            totals[name] += count
            if totals[name] > MAX_TOTALS[name]:
                raise InputError(
                    f"the network has too many {name}: {totals[name]:,} up to layer {index}, at most {MAX_TOTALS[name]:,} are "
                    "possible in all layers together; make it smaller"
                )


def check_network(value: object) -> None:
    """Raise `InputTypeError` unless ``value`` is a `Network`."""
    if not isinstance(value, Network):
        raise InputTypeError(f"a Network is wanted, not {quoted(value)}; load_network reads one from a file")


def _is_text(text: str) -> bool:
    """Return whether UTF-8 can hold a string (half of a surrogate pair it cannot)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_json(value: object, place: tuple[str, ...] = ("provenance",)) -> None:
    """Raise an error unless JSON can hold ``value`` and return it unchanged."""
    if len(place) > MAX_JSON_DEPTH + 1:
        raise InputError(f"{place[0]} is nested too deeply; at most {MAX_JSON_DEPTH} levels are kept")
    if isinstance(value, dict):
        for key, part in value.items():
            if not isinstance(key, str) or not _is_text(key):
                raise InputTypeError(f"{''.join(place)} has the key {quoted(key)}; JSON only has strings as keys")
            _check_json(part, (*place, f"[{quoted(key)}]"))
    elif isinstance(value, list | tuple):
        for part in value:
            _check_json(part, (*place, "[...]"))
    elif isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{''.join(place)} is {value}; only finite numbers are kept")
    elif isinstance(value, int) and value.bit_length() > MAX_JSON_BITS:
        raise InputError(f"{''.join(place)} is {quoted(value)}; whole numbers of at most {MAX_JSON_BITS} bits are kept")
    elif not isinstance(value, str | int | float | None) or (isinstance(value, str) and not _is_text(value)):
        raise InputTypeError(f"{''.join(place)} is {quoted(value)}, which JSON cannot hold")


def _sequence(values: object, name: str) -> tuple[Any, ...]:
    """Return values as a tuple, or raise `InputTypeError` if they are not a sequence; a string does not count."""
    if not isinstance(values, Sequence | np.ndarray) or isinstance(values, str | bytes):
        raise InputTypeError(f"{name} must be a list, not {quoted(values)}")
    return tuple(values)


@dataclass(frozen=True, eq=False)
class Network:
    """A complete network: the golden model runs it, the compiler maps it, and the hardware holds it.

    Parameters
    ----------
    encoder : LatencyEncoder
        Its number of thresholds is the number of time steps ``T``.
    layers : sequence of Layer
        1 .. 256, within the totals of `check_sizes`. The ``sources`` of the first layer are the pixels; those of every other
        layer are the neurons of the layer before. If a layer's sources are maps, they have the shape of the layer before, or
        of the image.
    input_shape : sequence of int
        Shape of one image, such as (28, 28); at most 8 sides. For a layer with maps: height and width, or channels,
        height and width.
    class_names : sequence of str, optional
        One for each neuron of the last layer, of at most 100 characters; by default ``"0"``, ``"1"``, ...
    provenance : dict, optional
        Where the network comes from: recipe, seed, data set, accuracy, versions. Anything that JSON can hold, nested at most
        32 levels deep.

    Raises
    ------
    InputTypeError, InputError
        If a part is of the wrong kind or out of range, or the parts do not fit together.
    """

    encoder: LatencyEncoder
    layers: tuple[Layer, ...]
    input_shape: tuple[int, ...]
    class_names: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.encoder, LatencyEncoder):
            raise InputTypeError(f"encoder must be a LatencyEncoder, not {quoted(self.encoder)}")
        layers, names = _sequence(self.layers, "layers"), _sequence(self.class_names, "class_names")
        for layer in layers:
            if not isinstance(layer, Layer):
                raise InputTypeError(f"layers must be a list of Layer, not of {quoted(layer)}")
        check_sizes(Size(layer.channels, layer.synapses, layer.maps) for layer in layers)
        shape = _sequence(self.input_shape, "input_shape")
        whole_number(len(shape), "number of input_shape's sides", 0, MAX_SIDES)
        shape = tuple(whole_number(n, "each size of input_shape", 1, MAX_NEURONS) for n in shape)
        maps = (1,) * (3 - len(shape)) + shape if len(shape) <= 3 else (math.prod(shape), 1, 1)
        for index, layer in enumerate(layers):
            try:
                layer.maps.check_follows(maps, "the input" if index == 0 else f"layer {index - 1}")
            except InputError as error:
                raise InputError(f"layer {index} {error}") from error
            maps = layer.target_shape
        sources = layers[-1].targets
        names = names or tuple(str(index) for index in range(sources))
        for name in names:
            if not isinstance(name, str) or not _is_text(name):
                raise InputTypeError(f"class_names must be strings, not {quoted(names)}")
            if len(name) > MAX_NAME:
                raise InputError(f"a class's name must have at most {MAX_NAME} characters, not {len(name):,}: {quoted(name)}")
        if len(names) != sources:
            raise InputError(f"class_names must name the {sources} output neurons, not {len(names)}")
        if not isinstance(self.provenance, dict):
            raise InputTypeError(f"provenance must be a dictionary, not {quoted(self.provenance)}")
        _check_json(self.provenance)
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "input_shape", shape)
        object.__setattr__(self, "class_names", names)

    @property
    def time_steps(self) -> int:
        """``T``, the number of time steps of an inference."""
        return self.encoder.time_steps

    @property
    def inputs(self) -> int:
        """Number of pixels."""
        return self.layers[0].sources

    @property
    def outputs(self) -> int:
        """Number of output neurons, which is the number of classes."""
        return self.layers[-1].targets

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
    def description(self) -> str:
        """Everything but the tensors, as canonical JSON."""
        return description(self.input_shape, self.class_names, self.layers, self.provenance)

    @property
    def tensors(self) -> dict[str, np.ndarray]:
        """The encoder's thresholds and the layers' connections and initial potentials, by their names in the file."""
        return tensors(self.encoder, self.layers)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that the file holds but the layers' activity, in hexadecimal.

        The activity changes no result: two networks with the same digest give the same inferences.
        """
        return content_digest(self.description, self.tensors)

    def spike_times(self, images: np.ndarray) -> np.ndarray:
        """Return the spike times of the inputs for a batch of images.

        Parameters
        ----------
        images : ndarray of uint8, shape (batch, \\*input_shape) or (batch, inputs)

        Returns
        -------
        ndarray of int16, shape (batch, inputs)
            Steps ``0 .. T - 1``, or ``T`` for no spike.

        Raises
        ------
        InputTypeError, InputError
            If the images are not ``uint8`` or of another shape.
        """
        self.check_images(images)
        return self.encoder.encode(images).reshape(len(images), self.inputs)

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

    def summary(self) -> dict[str, Any]:
        """Return what ``firstspike info`` shows, ready for JSON."""
        return {
            "time_steps": self.time_steps,
            "encoder_thresholds": self.encoder.thresholds.tolist(),
            "input_shape": list(self.input_shape),
            "class_names": list(self.class_names),
            "layers": [
                {
                    "neurons": layer.targets,
                    "maps": None if layer.maps.is_flat else layer.maps.as_dict(),
                    "synapses": layer.synapses,
                    "connectivity": layer.connectivity,
                    "weight_bits": layer.weight_bits,
                    "potential_bits": layer.potential_bits,
                    "threshold": layer.threshold,
                    "expected_operations": layer.expected_operations,
                }
                for layer in self.layers
            ],
            "synapses": self.synapses,
            "connectivity": self.connectivity,
            "digest": self.digest,
            "provenance": self.provenance,
        }
