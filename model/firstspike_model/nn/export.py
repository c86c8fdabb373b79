"""Quantisation of a whole network, and its export to the integers that all sides agree on."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, get_args, overload

import numpy as np
import torch
from torch import nn

from firstspike_spec import InputError, InputTypeError, LatencyEncoder, LayeredNetwork, Network
from firstspike_spec.common.checks import whole_number
from firstspike_spec.layered.layer import LayeredLayer
from firstspike_spec.layered.projection import Projection

from ..layers.classifier import FirstSpikeClassifier
from ..layers.export import to_network
from .folding import Levels, WholeNumbers, fit_unit, whole_numbers
from .integer_network import IntegerNetwork
from .modules import BatchNorm, Frozen
from .sequential import Sequential
from .structure import LayerPlan
from .thresholds import output_thresholds, spike_thresholds

MIN_WEIGHT_BITS, MAX_WEIGHT_BITS = 2, 8


def quantise(
    model: Sequential, weight_bits: int | Sequence[int] = 4, *, learn_units: bool = False, keep_connected: bool = False
) -> None:
    """Round the weights of a model to whole numbers from now on, with one unit for each layer.

    The unit is the one that rounds the layer's folded weights with the smallest squared error. In training, it follows the
    weights by small steps in every forward pass, or is learned. Calling this again fits the units again.

    Parameters
    ----------
    model : Sequential
        A whole network.
    weight_bits : int or sequence of int
        2 .. 8, of all layers or of each: weights lie in ``-(2 ** (bits - 1) - 1) .. 2 ** (bits - 1) - 1``.
    learn_units : bool
        Whether units are parameters that an optimiser moves, with LSQ's gradient (Esser et al. 2020, arXiv 1902.08153).
        Otherwise each follows its weights.
    keep_connected : bool
        Whether no weight other than 0 becomes 0, so that a network keeps exactly the connections that were not cut.

    Raises
    ------
    InputTypeError, InputError
        If the bits are out of range, a weight is not finite, or a batch normalisation before which neurons are pooled has
        gains that are not above 0.
    """
    layers = model.layers
    bits = list(weight_bits) if isinstance(weight_bits, Sequence) else [weight_bits] * len(layers)
    if len(bits) != len(layers):
        raise InputError(f"weight_bits must be one number, or one for each of {len(layers)} layers, not {len(bits)}")
    bits = [whole_number(bit, "weight_bits", MIN_WEIGHT_BITS, MAX_WEIGHT_BITS) for bit in bits]
    sources = sources_of(model)
    for layer, bit in zip(layers, bits, strict=True):
        check_layer(layer)
        anchor = layer.anchor
        anchor.weight_bits, anchor.learn_unit, anchor.keep_connected = bit, learn_units, keep_connected
        anchor.log_unit.requires_grad_(learn_units)
        fit_unit(layer, sources)


def freeze_statistics(model: nn.Module, what: Frozen = "all") -> None:
    """Make every batch normalisation of a model use its running statistics in training too, and no longer change them.

    Parameters
    ----------
    model : Module
    what : str
        ``"variances"``: the mean of each batch is still subtracted. Then a quantised model's weights change only as training
        moves them, and not with each batch. ``"all"``: training sees the network that `export` writes, initial potentials
        included. ``"nothing"``: back to the statistics of each batch.

    Raises
    ------
    InputError
        If ``what`` is another word.
    """
    if what not in get_args(Frozen):
        raise InputError(f"what is frozen must be one of {', '.join(get_args(Frozen))}, not {what!r}")
    for module in model.modules():
        if isinstance(module, BatchNorm):
            module.frozen = what


def check_layer(layer: LayerPlan) -> None:
    """Raise `InputError` if a layer has numbers that cannot become whole numbers."""
    modules = [module for branch in layer.branches for module in (branch.synapses, branch.norm)]
    for module in (*modules, layer.norm, layer.spikes):
        for name, values in () if module is None else (*module.named_parameters(), *module.named_buffers()):
            if values.is_floating_point() and not values.isfinite().all():
                raise InputError(
                    f"{layer.name}: {name} of {type(module).__name__} has values that are not finite; the training diverged, "
                    "so lower its learning rate"
                )
    if layer.spikes is not None and not 0 < layer.spikes.step.item() < math.inf:
        raise InputError(
            f"{layer.name}: the step of its Spikes is {layer.spikes.step.item()}; lower its learning rate, or use "
            "Spikes(learn_step=False)"
        )
    if layer.pooled_first > 1 and layer.norm is not None and not (layer.norm.weight > 0).all():
        bad = int((layer.norm.weight <= 0).sum())
        raise InputError(
            f"{layer.name}: max pooling comes before a batch normalisation that has {bad} gains of 0 or less, which would "
            "make it a minimum; put MaxPool2d after BatchNorm2d, or use BatchNorm2d(learn_gain=False)"
        )


@overload
def export(
    model: Sequential,
    images: torch.Tensor | np.ndarray | None = ...,
    *,
    class_names: Sequence[str] = ...,
    provenance: Mapping[str, Any] | None = ...,
) -> LayeredNetwork: ...


@overload
def export(
    model: FirstSpikeClassifier,
    images: torch.Tensor | np.ndarray | None = ...,
    *,
    encoder: LatencyEncoder,
    input_shape: Sequence[int],
    class_names: Sequence[str] = ...,
    provenance: Mapping[str, Any] | None = ...,
) -> Network: ...


def export(
    model: Sequential | FirstSpikeClassifier,
    images: torch.Tensor | np.ndarray | None = None,
    *,
    encoder: LatencyEncoder | None = None,
    input_shape: Sequence[int] | None = None,
    class_names: Sequence[str] = (),
    provenance: Mapping[str, Any] | None = None,
) -> LayeredNetwork | Network:
    """Return the network of whole numbers that a quantised model computes in ``eval()``.

    Parameters
    ----------
    model : Sequential or FirstSpikeClassifier
        Quantised: a layered network by `quantise`, a step-by-step one by its layers' ``fit_scale``.
    images : Tensor or ndarray, optional
        Of a layered network: inputs as it takes them, a few hundred of the training's. The thresholds of the output layer,
        which set latencies and no class, then spread their decisions over all steps. Without them, the thresholds divide the
        potentials that are possible.
    encoder : firstspike_spec.LatencyEncoder
    input_shape : sequence of int
        Both only for a step-by-step network, which does not hold them.
    class_names : sequence of str
    provenance : mapping
        As for `firstspike_spec.Network`.

    Returns
    -------
    LayeredNetwork or Network
        Save it with `firstspike_spec.save_network`.

    Raises
    ------
    InputTypeError, InputError
        If the model is of another kind, not quantised, or has numbers that no network can have.
    """
    facts: dict[str, Any] = {"class_names": tuple(class_names), "provenance": dict(provenance or {})}
    if isinstance(model, FirstSpikeClassifier):
        if encoder is None or input_shape is None:
            raise InputError("a step-by-step network holds no encoder; give export its encoder and input_shape")
        return to_network(model, encoder, tuple(input_shape), **facts)
    if not isinstance(model, Sequential):
        raise InputTypeError(f"export takes a Sequential or a FirstSpikeClassifier, not {type(model).__name__}")
    return _layered_network(model, images, facts)


@torch.no_grad()
def _layered_network(model: Sequential, images: torch.Tensor | np.ndarray | None, facts: dict[str, Any]) -> LayeredNetwork:
    sources = sources_of(model)
    parts = []
    for layer in model.layers:
        if not layer.anchor.weight_bits:
            raise InputError(f"{layer.name} has float weights; call quantise(model) first, and train on for a few epochs")
        check_layer(layer)
        parts.append((layer, whole_numbers(layer, sources)))
    kernel = next((layer.spikes.kernel for layer in model.layers if layer.spikes is not None), model.source.kernel)

    def network(thresholds: np.ndarray) -> LayeredNetwork:
        layers = [_layer(layer, numbers, thresholds) for layer, numbers in parts]
        return LayeredNetwork(model.source.code, kernel, tuple(layers), model.source.shape, **facts)

    highest = _highest_potential(*parts[-1], [source.highest for source in sources])
    first = network(output_thresholds(len(kernel), highest))
    if images is None:
        return first
    inputs = torch.as_tensor(images)
    winning = IntegerNetwork(first)(inputs).amax(1).numpy().astype(np.int64)
    return network(output_thresholds(len(kernel), highest, winning))


def _layer(layer: LayerPlan, numbers: WholeNumbers, output: np.ndarray) -> LayeredLayer:
    """Return a layer of the artefact; ``output`` are the thresholds of the output layer."""
    bits = layer.anchor.weight_bits
    projections = []
    for branch, weight in zip(layer.branches, numbers.weights, strict=True):
        matrix = torch.diag(weight) if branch.synapses is None else weight.flatten(1)
        whole = matrix.cpu().numpy().astype(np.int32)
        projections.append(Projection.from_dense(branch.source, whole, bits, maps=branch.maps))
    if layer.spikes is None:
        thresholds = output
    else:
        thresholds = spike_thresholds(layer.spikes.kernel, layer.spikes.step.item(), numbers.unit.item())
    initial_potentials = numbers.initial_potentials.cpu().numpy().astype(np.int64)
    try:
        return LayeredLayer(tuple(projections), initial_potentials, thresholds, layer.pooling)
    except InputError as error:
        raise InputError(f"{layer.name}: {error}") from error


def _highest_potential(layer: LayerPlan, numbers: WholeNumbers, highest: Sequence[int]) -> int:
    """Return the highest potential that a neuron of a layer can have."""
    total = numbers.initial_potentials.double()
    for branch, weight in zip(layer.branches, numbers.weights, strict=True):
        positive = weight.clamp(min=0).double()
        sums = positive if branch.synapses is None else positive.flatten(1).sum(1)
        total = total + sums * branch.maps.pooling**2 * highest[branch.source]
    return int(total.max())


def sources_of(model: Sequential) -> list[Levels]:
    """Return the spikes of the input and of each layer without values: what folding must know of them."""
    source = model.source
    nothing = torch.empty(0)
    sources = [Levels(nothing, source.scale, int(source.kernel[0]), source.offset if source.is_centred else None)]
    for layer in model.layers:
        if layer.spikes is not None:
            sources.append(Levels(nothing, layer.spikes.step, int(layer.spikes.kernel[0])))
    return sources
