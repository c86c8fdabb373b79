"""A layered network: an input code, a kernel, and layers that may read any earlier ones."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..common.checks import sequence, whole_number
from ..common.errors import InputError, InputTypeError
from ..common.text import quoted
from ..network.base import BaseNetwork, checked_shape, image_maps
from ..network.layer import checked_potential_bits
from ..network.provenance import check_provenance, class_names
from ..network.sizes import check_sizes
from .content import description, tensors
from .input_code import TAKES_SPIKE_TIMES, InputCode
from .kernels import checked_kernel
from .layer import LayeredLayer


@dataclass(frozen=True, eq=False)
class LayeredNetwork(BaseNetwork):
    """A complete layered network. ``docs/contract.md`` says what it computes.

    Parameters
    ----------
    input_code : InputCode
    kernel : array_like of int, shape (T,)
        What a spike of any layer counts, by its step: 2 .. 32 numbers in 1 .. 65535, each below the one before.
    layers : sequence of LayeredLayer
        1 .. 256, within the totals of `check_sizes`; each with ``T`` thresholds. A projection's ``source`` is the input (0) or
        an earlier layer; its sources have the shape of that layer's spikes. Every hidden layer is read by a later one.
    input_shape : sequence of int
        Shape of one input, such as (3, 32, 32). For images of one channel, (height, width).
    class_names : sequence of str, optional
        One for each neuron of the last layer, which has no max pooling; by default ``"0"``, ``"1"``, ...
    provenance : dict, optional
        As for `firstspike_spec.Network`.

    Raises
    ------
    InputTypeError, InputError
        If a part is of the wrong kind or out of range, or the parts do not fit together.
    """

    input_code: InputCode
    kernel: np.ndarray
    layers: tuple[LayeredLayer, ...]
    input_shape: tuple[int, ...]
    class_names: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)

    kind = "layered"

    def __post_init__(self) -> None:
        if not isinstance(self.input_code, InputCode):
            raise InputTypeError(f"input_code must be an InputCode, not {quoted(self.input_code)}")
        object.__setattr__(self, "kernel", checked_kernel(self.kernel, "kernel"))
        layers, names = sequence(self.layers, "layers"), sequence(self.class_names, "class_names")
        for layer in layers:
            if not isinstance(layer, LayeredLayer):
                raise InputTypeError(f"layers must be a list of LayeredLayer, not of {quoted(layer)}")
        check_sizes(layer.size for layer in layers)
        shape = checked_shape(self.input_shape)
        self._check_channels(shape)
        shapes = [image_maps(shape), *(layer.spike_shape for layer in layers)]
        checked = []
        for index, layer in enumerate(layers):
            try:
                checked.append(self._checked_layer(layer, shapes[: index + 1]))
            except InputError as error:
                raise InputError(f"layer {index}: {error}") from error
        read = {part.source for layer in layers for part in layer.projections}
        unread = next((index for index in range(len(layers) - 1) if index + 1 not in read), None)
        if unread is not None:
            raise InputError(f"layer {unread} is read by no later layer; leave it out")
        if layers[-1].max_pooling > 1:
            raise InputError(
                f"the output layer must not be pooled, but has max_pooling = {layers[-1].max_pooling}; leave it out"
            )
        names = class_names(names, layers[-1].targets)
        check_provenance(self.provenance)
        object.__setattr__(self, "layers", tuple(checked))
        object.__setattr__(self, "input_shape", shape)
        object.__setattr__(self, "class_names", names)

    def _check_channels(self, shape: tuple[int, ...]) -> None:
        wanted = image_maps(shape)[0] if len(shape) <= 3 else 1
        if self.input_code.channels not in (None, wanted):
            raise InputError(
                f"the input code must have thresholds for {wanted} channels, those of inputs of {shape}, "
                f"not for {self.input_code.channels}"
            )

    def _checked_layer(self, layer: LayeredLayer, shapes: list[tuple[int, int, int]]) -> LayeredLayer:
        """Return a layer with the width of its potentials, if it fits the shapes of the input and of earlier layers."""
        if layer.time_steps != len(self.kernel):
            raise InputError(
                f"it must have {len(self.kernel)} thresholds, one for each step of the kernel, not {layer.time_steps}"
            )
        for part in layer.projections:
            whole_number(part.source, "source (0 is the input, n is layer n - 1, which must come before)", 0, len(shapes) - 1)
            what = "the input" if part.source == 0 else f"layer {part.source - 1}"
            try:
                part.maps.check_follows(shapes[part.source], what)
            except InputError as error:
                raise InputError(f"its projection from source {part.source} {error}") from error
        low, high = layer.potential_range(self.highest_values)
        limit = 1 << 31
        whole_number(int(low.min()), "the lowest potential", -limit, limit - 1)
        whole_number(int(high.max()), "the highest potential", -limit, limit - 1)
        bits = checked_potential_bits(layer.potential_bits, layer.required_potential_bits(self.highest_values))
        return replace(layer, potential_bits=bits)

    @property
    def time_steps(self) -> int:
        """``T``, the number of steps of every layer's spikes."""
        return len(self.kernel)

    @property
    def input_time_steps(self) -> int:
        """Number of steps in which an input can spike; it means *no spike* in the inputs' spike times."""
        return self.input_code.time_steps

    @cached_property
    def highest_values(self) -> list[int]:
        """The most that a spike counts: of the input, then of each layer."""
        return [int(self.input_code.kernel[0])] + [int(self.kernel[0])] * len(self.layers)

    @property
    def description(self) -> str:
        """Everything but the tensors, as canonical JSON."""
        return description(self.input_shape, self.class_names, self.layers, self.provenance)

    @property
    def tensors(self) -> dict[str, np.ndarray]:
        """The kernels, thresholds, connections and initial potentials, by their names in the file."""
        return tensors(self.input_code, self.kernel, self.layers)

    def spike_times(self, images: np.ndarray) -> np.ndarray:
        """Return the spike times of the inputs for a batch of images.

        Parameters
        ----------
        images : ndarray of uint8, shape (batch, \\*input_shape) or (batch, inputs)

        Returns
        -------
        ndarray of int16, shape (batch, inputs)
            Steps of the input's kernel, or their number for no spike.

        Raises
        ------
        InputTypeError, InputError
            If the images are not ``uint8`` or of another shape, or the network takes spike times only.
        """
        self.check_images(images)
        channels = self.input_code.channels or 1
        pixels = images.reshape(len(images), channels, self.inputs // channels)
        return self.input_code.encode(pixels).reshape(len(images), self.inputs)

    def check_images(self, images: np.ndarray) -> None:
        """Raise `InputTypeError` or `InputError` unless `spike_times` accepts ``images``."""
        if self.input_code.thresholds is None:
            raise InputError(TAKES_SPIKE_TIMES)
        super().check_images(images)

    def summary(self) -> dict[str, Any]:
        """Return what ``firstspike info`` shows, ready for JSON."""
        thresholds = self.input_code.thresholds
        return {
            "kind": self.kind,
            "time_steps": self.time_steps,
            "kernel": self.kernel.tolist(),
            "input_kernel": self.input_code.kernel.tolist(),
            "encoder_thresholds": None if thresholds is None else thresholds.tolist(),
            "input_shape": list(self.input_shape),
            "class_names": list(self.class_names),
            "layers": [
                {
                    "neurons": layer.targets,
                    "spike_shape": list(layer.spike_shape),
                    "max_pooling": layer.max_pooling,
                    "synapses": layer.synapses,
                    "connectivity": layer.connectivity,
                    "potential_bits": layer.potential_bits,
                    "thresholds": layer.thresholds.tolist(),
                    "projections": [
                        {
                            "source": part.source,
                            "maps": None if part.maps.is_flat else part.maps.as_dict(),
                            "synapses": part.synapses,
                            "connectivity": part.connectivity,
                            "weight_bits": part.weight_bits,
                            "expected_operations": part.expected_operations,
                        }
                        for part in layer.projections
                    ],
                }
                for layer in self.layers
            ],
            "synapses": self.synapses,
            "connectivity": self.connectivity,
            "digest": self.digest,
            "provenance": self.provenance,
        }


def check_layered(value: object) -> None:
    """Raise `InputTypeError` unless ``value`` is a `LayeredNetwork`."""
    if not isinstance(value, LayeredNetwork):
        what = f"one that is {value.kind}" if isinstance(value, BaseNetwork) else quoted(value)
        raise InputTypeError(f"a LayeredNetwork is wanted, not {what}; load_network reads one from a file")
