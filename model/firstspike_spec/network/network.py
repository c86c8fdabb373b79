"""A step-by-step network: the encoder, and a chain of layers of sparse integer weights."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..common.checks import sequence
from ..common.errors import InputError, InputTypeError
from ..common.text import quoted
from .base import BaseNetwork, checked_shape, image_maps
from .content import description, tensors
from .encoder import LatencyEncoder
from .layer import Layer
from .provenance import check_provenance, class_names
from .sizes import Size, check_sizes


def chain_refuses(kind: str) -> str:
    """Return why the chain of layers cannot hold a network of another kind, and what to do, for errors."""
    return (
        f"the network is {kind}, and the chain of layers runs step-by-step networks only; run this one on the golden model "
        "(--device golden), or on a processor (docs/processor.md)"
    )


def check_network(value: object) -> None:
    """Raise `InputTypeError` unless ``value`` is a `Network`."""
    if isinstance(value, Network):
        return
    if isinstance(value, BaseNetwork):
        raise InputTypeError(chain_refuses(value.kind))
    raise InputTypeError(f"a Network is wanted, not {quoted(value)}; load_network reads one from a file")


@dataclass(frozen=True, eq=False)
class Network(BaseNetwork):
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

    kind = "step by step"

    def __post_init__(self) -> None:
        if not isinstance(self.encoder, LatencyEncoder):
            raise InputTypeError(f"encoder must be a LatencyEncoder, not {quoted(self.encoder)}")
        layers, names = sequence(self.layers, "layers"), sequence(self.class_names, "class_names")
        for layer in layers:
            if not isinstance(layer, Layer):
                raise InputTypeError(f"layers must be a list of Layer, not of {quoted(layer)}")
        check_sizes(Size.of(layer.channels, layer.synapses, layer.maps) for layer in layers)
        shape = checked_shape(self.input_shape)
        maps = image_maps(shape)
        for index, layer in enumerate(layers):
            try:
                layer.maps.check_follows(maps, "the input" if index == 0 else f"layer {index - 1}")
            except InputError as error:
                raise InputError(f"layer {index} {error}") from error
            maps = layer.target_shape
        names = class_names(names, layers[-1].targets)
        check_provenance(self.provenance)
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "input_shape", shape)
        object.__setattr__(self, "class_names", names)

    @property
    def time_steps(self) -> int:
        """``T``, the number of time steps of an inference."""
        return self.encoder.time_steps

    @property
    def description(self) -> str:
        """Everything but the tensors, as canonical JSON."""
        return description(self.input_shape, self.class_names, self.layers, self.provenance)

    @property
    def tensors(self) -> dict[str, np.ndarray]:
        """The encoder's thresholds and the layers' connections and initial potentials, by their names in the file."""
        return tensors(self.encoder, self.layers)

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
