"""What a network is: the encoder, and layers of sparse integer weights."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .checks import whole_number
from .encoder import LatencyEncoder
from .errors import InputError, InputTypeError
from .layer import Layer
from .maps import MAX_NEURONS

#: Lists and dictionaries within each other that the provenance may have.
MAX_JSON_DEPTH = 32


def _check_json(value: object, name: str, depth: int = 0) -> None:
    """Raise an error unless JSON can hold ``value`` and give it back."""
    if depth > MAX_JSON_DEPTH:
        raise InputError(f"{name.partition('[')[0]} is nested too deeply; at most {MAX_JSON_DEPTH} levels are kept")
    if isinstance(value, dict):
        for key, part in value.items():
            if not isinstance(key, str):
                raise InputTypeError(f"{name} has the key {key!r}; JSON only has strings as keys")
            _check_json(part, f"{name}[{key!r}]", depth + 1)
    elif isinstance(value, list | tuple):
        for part in value:
            _check_json(part, f"{name}[...]", depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{name} is {value}; only finite numbers are kept")
    elif not isinstance(value, str | int | float | None):
        raise InputTypeError(f"{name} is {value!r}, which JSON cannot hold")


@dataclass(frozen=True, eq=False)
class Network:
    """A complete network: what the golden model runs, the compiler maps and the hardware holds.

    Parameters
    ----------
    encoder : LatencyEncoder
        Its number of thresholds is the number of time steps ``T``.
    layers : sequence of Layer
        At least one; each one's ``sources`` are the neurons of the one before, the first one's are the pixels. Where a
        layer's sources are maps, those are the maps of the layer before, or the image's rows and columns.
    input_shape : sequence of int
        Shape of one image, such as (28, 28). For a layer with maps: height and width, or channels, height and width.
    class_names : sequence of str, optional
        One a neuron of the last layer; by default ``"0"``, ``"1"``, ...
    provenance : dict, optional
        Where the network comes from: recipe, seed, data set, accuracy, versions. Anything that JSON can hold, at most 32
        levels deep.

    Raises
    ------
    InputTypeError, InputError
        If the parts do not fit together.
    """

    encoder: LatencyEncoder
    layers: tuple[Layer, ...]
    input_shape: tuple[int, ...]
    class_names: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        layers = tuple(self.layers)
        if not layers:
            raise InputError("a network must have at least one layer")
        shape = tuple(whole_number(n, "each size of input_shape", 1, MAX_NEURONS) for n in self.input_shape)
        maps = (1,) * (3 - len(shape)) + shape if len(shape) <= 3 else (int(np.prod(shape, dtype=np.int64)), 1, 1)
        for index, layer in enumerate(layers):
            try:
                layer.maps.check_follows(maps, "the input" if index == 0 else f"layer {index - 1}")
            except InputError as error:
                raise InputError(f"layer {index} {error}") from error
            maps = layer.target_shape
        sources = layers[-1].targets
        names = tuple(self.class_names) or tuple(str(index) for index in range(sources))
        if not all(isinstance(name, str) for name in names):
            raise InputTypeError(f"class_names must be strings, not {names!r}")
        if len(names) != sources:
            raise InputError(f"class_names must name the {sources} output neurons, not {len(names)}")
        _check_json(self.provenance, "provenance")
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
        """Share of the possible connections that is kept, over all layers.

        For a network whose dead neurons were removed this is against the layers as they are now; the figure against
        the layers as they were trained is in the provenance.
        """
        return self.synapses / sum(layer.possible_synapses for layer in self.layers)

    @property
    def dataset(self) -> str:
        """Name of the data set that it was trained on; MNIST, where its provenance does not say."""
        return self.provenance.get("dataset", "mnist")

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that the artefact holds but the layers' activity, in hexadecimal.

        The activity changes no result: two networks with the same digest give the same inferences.
        """
        from .artefact import content_digest

        return content_digest(self)

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
        times = self.encoder.encode(images)
        if times.ndim < 2 or times.shape[1:] not in (self.input_shape, (self.inputs,)):
            raise InputError(
                f"images must have the shape (batch, {', '.join(map(str, self.input_shape))}) "
                f"or (batch, {self.inputs}), not {times.shape}"
            )
        return times.reshape(len(times), self.inputs)

    def check_labels(self, labels: np.ndarray) -> None:
        """Raise `InputError` unless each label, an integer, is one of the network's classes, ``0 .. outputs - 1``."""
        if len(labels) and (labels.min() < 0 or labels.max() >= self.outputs):
            raise InputError(
                f"labels must be in 0 .. {self.outputs - 1}, the network's classes, not {labels.min()} .. {labels.max()}; "
                "choose another data set or network"
            )

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
