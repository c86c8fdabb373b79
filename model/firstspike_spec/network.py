"""What a network is: the encoder, and layers of sparse integer weights."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .checks import whole_array, whole_number
from .encoder import LatencyEncoder
from .errors import InputError, InputTypeError

MAX_NEURONS = 1 << 16
MAX_WEIGHT_BITS = 16
MAX_POTENTIAL_BITS = 32

#: The activity of a source that spikes in every inference.
FULL_ACTIVITY = (1 << 16) - 1

#: Possible connections of a layer, kept or not; the golden model holds them as a matrix.
MAX_CONNECTIONS = 1 << 28


def signed_bits(low: int, high: int) -> int:
    """Return the width of the narrowest two's-complement number that holds ``low .. high``."""
    return 1 + max((-1 - low if low < 0 else low).bit_length(), (-1 - high if high < 0 else high).bit_length())


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
class Layer:
    """A sparsely connected layer of integrate-and-fire neurons.

    The connections are stored by source neuron, as the hardware reads them: row ``i`` holds the targets of source ``i``
    in ``row_targets[row_starts[i] : row_starts[i + 1]]``, in rising order, and their weights at the same places of
    ``row_weights``. A pruned connection has no entry, so no stored weight is zero.

    Parameters
    ----------
    row_starts : array_like of int, shape (sources + 1,)
    row_targets : array_like of int, shape (synapses,)
        Each in ``0 .. targets - 1``.
    row_weights : array_like of int, shape (synapses,)
        Each a non-zero signed number of ``weight_bits``.
    start_potentials : array_like of int, shape (targets,)
        ``b``: the potential of each neuron before the first step.
    threshold : int
        ``theta``, at least 1.
    weight_bits : int
        1 .. 16.
    potential_bits : int, optional
        Width of the potential minus the threshold, the number that the hardware keeps. By default the narrowest one that
        can neither wrap nor saturate (`required_potential_bits`); at most 32.
    activity : array_like of int, shape (sources,), optional
        Share of inferences in which each source spikes no later than the decision step, in units of 1/65535: 0 .. 65535.
        `firstspike_spec.profile` measures it. It changes no result, and is no part of a network's digest; the compiler
        shares out the work by it.

    Raises
    ------
    InputTypeError, InputError
        If any of it does not fit together, the message names the place.
    """

    row_starts: np.ndarray
    row_targets: np.ndarray
    row_weights: np.ndarray
    start_potentials: np.ndarray
    threshold: int
    weight_bits: int
    potential_bits: int | None = None
    activity: np.ndarray | None = None

    def __post_init__(self):
        def put(name, value):
            object.__setattr__(self, name, value)

        put("weight_bits", whole_number(self.weight_bits, "weight_bits", 1, MAX_WEIGHT_BITS))
        put("threshold", whole_number(self.threshold, "threshold", 1, (1 << 31) - 1))
        limit = 1 << 31
        put("start_potentials", whole_array(self.start_potentials, "start_potentials", -limit, limit - 1, np.int32))
        whole_number(len(self.start_potentials), "number of neurons", 1, MAX_NEURONS)

        put("row_targets", whole_array(self.row_targets, "row_targets", 0, self.targets - 1, np.int32))
        half = 1 << (self.weight_bits - 1)
        put("row_weights", whole_array(self.row_weights, "row_weights", -half, half - 1, np.int16, self.synapses))
        put("row_starts", whole_array(self.row_starts, "row_starts", 0, self.synapses, np.int64))
        whole_number(self.sources, "number of sources", 1, MAX_NEURONS)
        whole_number(self.sources * self.targets, "number of possible connections", 1, MAX_CONNECTIONS)
        self._check_rows()
        if self.activity is not None:
            put("activity", whole_array(self.activity, "activity", 0, FULL_ACTIVITY, np.uint16, self.sources))

        low, high = (int(end) + self.threshold for end in (self.potential_range[0].min(), self.potential_range[1].max()))
        whole_number(low, "the lowest potential", -limit, limit - 1)
        whole_number(high, "the highest potential", -limit, limit - 1)
        wanted = self.required_potential_bits
        if self.potential_bits is None:
            put("potential_bits", wanted)
        put("potential_bits", whole_number(self.potential_bits, "potential_bits", 1, MAX_POTENTIAL_BITS))
        if self.potential_bits < wanted:
            raise InputError(
                f"potential_bits = {self.potential_bits} is too narrow: with these weights the worst case needs {wanted} bits"
            )

    def _check_rows(self):
        starts = self.row_starts
        if starts[0] != 0 or starts[-1] != self.synapses:
            raise InputError(
                f"row_starts must run from 0 to the number of synapses, {self.synapses}, not from {starts[0]} to {starts[-1]}"
            )
        falling = np.flatnonzero(np.diff(starts) < 0)
        if len(falling):
            raise InputError(f"row_starts must not fall, but falls after source {falling[0]}")
        unsorted = np.flatnonzero((np.diff(self.row_targets) <= 0) & (np.diff(self.sources_of_synapses) == 0))
        if len(unsorted):
            at = int(unsorted[0])
            raise InputError(
                f"the targets of source {self.sources_of_synapses[at]} must strictly rise, "
                f"but {self.row_targets[at]} is followed by {self.row_targets[at + 1]}"
            )
        zero = np.flatnonzero(self.row_weights == 0)
        if len(zero):
            raise InputError(f"row_weights[{zero[0]}] is 0: a pruned connection has no entry; leave it out")

    @classmethod
    def from_dense(
        cls,
        weights: np.ndarray,
        start_potentials: np.ndarray,
        threshold: int,
        weight_bits: int,
        potential_bits: int | None = None,
        activity: np.ndarray | None = None,
    ) -> "Layer":
        """Return the layer with the non-zero entries of a matrix of weights.

        Parameters
        ----------
        weights : array_like of int, shape (targets, sources)
            ``w[j, i]``: from source ``i`` to target ``j``; 0 where there is no connection.
        start_potentials, threshold, weight_bits, potential_bits, activity
            As for `Layer`.
        """
        weights = np.asarray(weights)
        if weights.dtype.kind not in "iu":
            raise InputTypeError(f"weights must be integers, not an array of type {weights.dtype}")
        if weights.ndim != 2:
            raise InputError(f"weights must have the shape (targets, sources), not {weights.shape}")
        sources, targets = np.nonzero(weights.T)
        row_starts = np.concatenate([[0], np.cumsum(np.bincount(sources, minlength=weights.shape[1]))])
        row_weights = weights[targets, sources]
        return cls(row_starts, targets, row_weights, start_potentials, threshold, weight_bits, potential_bits, activity)

    def dense(self) -> np.ndarray:
        """Return the matrix of weights ``w[j, i]``, int32, shape (targets, sources)."""
        weights = np.zeros((self.targets, self.sources), np.int32)
        weights[self.row_targets, self.sources_of_synapses] = self.row_weights
        return weights

    @property
    def sources(self) -> int:
        """Number of source neurons."""
        return len(self.row_starts) - 1

    @property
    def targets(self) -> int:
        """Number of neurons of this layer."""
        return len(self.start_potentials)

    @property
    def synapses(self) -> int:
        """Number of connections kept."""
        return len(self.row_targets)

    @property
    def connectivity(self) -> float:
        """Share of the possible connections that is kept, 0 .. 1."""
        return self.synapses / (self.sources * self.targets)

    @cached_property
    def row_lengths(self) -> np.ndarray:
        """Number of connections that each source has, shape (sources,)."""
        return np.diff(self.row_starts)

    @cached_property
    def sources_of_synapses(self) -> np.ndarray:
        """The source of each entry, shape (synapses,)."""
        return np.repeat(np.arange(self.sources), self.row_lengths)

    @property
    def expected_operations(self) -> float | None:
        """Weights that an inference with early exit adds on average, or ``None`` without `activity`."""
        return None if self.activity is None else float(self.row_lengths @ (self.activity / FULL_ACTIVITY))

    @cached_property
    def potential_range(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest value that ``V - theta`` of each neuron can take, two arrays of shape (targets,).

        Each source spikes at most once and in any order, so the extremes are the start plus all negative, and the start
        plus all positive weights.
        """
        start = self.start_potentials.astype(np.int64) - self.threshold
        low, high = start.copy(), start.copy()
        np.add.at(low, self.row_targets, np.minimum(self.row_weights, 0))
        np.add.at(high, self.row_targets, np.maximum(self.row_weights, 0))
        return low, high

    @cached_property
    def largest_sum(self) -> int:
        """A bound of the magnitude of the threshold, and of every sum of weights on the way to any potential ``V``."""
        positive, negative = (np.zeros(self.targets, np.int64) for _ in range(2))
        np.add.at(positive, self.row_targets, np.maximum(self.row_weights, 0))
        np.add.at(negative, self.row_targets, np.maximum(-self.row_weights.astype(np.int64), 0))
        start = np.abs(self.start_potentials.astype(np.int64))
        return max(self.threshold, int((start + np.maximum(positive, negative)).max()))

    @property
    def required_potential_bits(self) -> int:
        """Width of the narrowest signed number that holds every value of `potential_range`."""
        low, high = self.potential_range
        return signed_bits(int(low.min()), int(high.max()))


@dataclass(frozen=True, eq=False)
class Network:
    """A complete network: what the golden model runs, the compiler maps and the hardware holds.

    Parameters
    ----------
    encoder : LatencyEncoder
        Its number of thresholds is the number of time steps ``T``.
    layers : sequence of Layer
        At least one; each one's ``sources`` are the neurons of the one before, the first one's are the pixels.
    input_shape : sequence of int
        Shape of one image, such as (28, 28).
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
        sources = int(np.prod(shape, dtype=np.int64))
        for index, layer in enumerate(layers):
            if layer.sources != sources:
                before = "the input" if index == 0 else f"layer {index - 1}"
                raise InputError(f"layer {index} has {layer.sources} sources, but {before} has {sources} neurons")
            sources = layer.targets
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
        return self.synapses / sum(layer.sources * layer.targets for layer in self.layers)

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
