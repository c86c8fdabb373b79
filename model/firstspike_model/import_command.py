"""The sub-command ``firstspike import``.

PyTorch is imported only when the command runs: the command line must start without it.
"""

import json as json_format
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from firstspike_spec import InputError, LatencyEncoder, Network, load_dataset, save_network
from firstspike_spec.files import check_writable

from .command_parts import check_network_name, importing_torch, network_report
from .weight_files import read_weights

if TYPE_CHECKING:
    from types import ModuleType

Value = TypeVar("Value")


def import_network(
    weights: Annotated[Path, typer.Argument(help="Matrices of linear layers: .npz, .pt, .pth or .safetensors.")],
    threshold: Annotated[str, typer.Option(help="Of all layers, or one for each: 1.5 or 2.0,1.5.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The network's file, FILE.safetensors.", show_default=False)],
    time_steps: Annotated[int | None, typer.Option(help="Steps of a linear encoder.", show_default=False)] = None,
    dimmest: Annotated[
        int | None,
        typer.Option(help="The linear encoder's smallest pixel that spikes; 1 if not given.", show_default=False),
    ] = None,
    encoder_thresholds: Annotated[
        str | None, typer.Option(help="Instead: the pixel value of each step, falling: 200,120,40.", show_default=False)
    ] = None,
    weight_bits: Annotated[int, typer.Option(help="2 .. 8.")] = 4,
    layers: Annotated[
        str | None, typer.Option(help="Layers from the input to the output: fc1,fc2. By default all.", show_default=False)
    ] = None,
    transpose: Annotated[bool, typer.Option("--transpose", help="The matrices have the shape (sources, targets).")] = False,
    dataset: Annotated[
        str | None, typer.Option(help="Measure the accuracy on this data set's test images.", show_default=False)
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of the data set; by default found or downloaded.", show_default=False)
    ] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Choose when the outputs fire, on the last of the training images.")
    ] = False,
    input_shape: Annotated[
        str | None, typer.Option(help="Shape of one image: 28,28. By default the data set's.", show_default=False)
    ] = None,
    class_names: Annotated[str | None, typer.Option(help="One for each output: cat,dog.", show_default=False)] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> None:
    """Quantise weights that were trained elsewhere, measure what that costs, and write the network to a file."""
    thresholds = numbers(threshold, "threshold", float)
    encoder = encoder_of(time_steps, dimmest, encoder_thresholds)
    shape = None if input_shape is None else numbers(input_shape, "input-shape", int)
    if dataset is None and (data is not None or calibrate):
        raise InputError(f"{'--data' if data is not None else '--calibrate'} needs to know the data set: give --dataset NAME")
    check_network_name(out)
    if out.resolve() == weights.resolve():
        raise InputError(f"cannot write {out}: the weights are in it; choose another name")
    importing = _importing()
    names = None if layers is None else layers.split(",")
    source = read_weights(weights, names, transpose=transpose)
    train, test = (
        load_dataset(dataset, split, data, note=_tell) if wanted else None
        for split, wanted in (("train", calibrate), ("test", dataset is not None))
    )
    check_writable(out)
    network = importing.import_weights(
        source,
        thresholds,
        encoder,
        weight_bits=weight_bits,
        input_shape=shape,
        class_names=() if class_names is None else class_names.split(","),
        training=train,
        test=test,
    )
    save_network(network, out)
    print(json_format.dumps(network_report(network, out)) if json else summary(network, out))


def numbers(text: str, name: str, kind: Callable[[str], Value]) -> list[Value]:
    """Return the numbers of a list such as ``"2.0,1.5"``.

    Raises
    ------
    InputError
        If ``kind`` does not take one of them.
    """
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        wanted = "whole numbers" if kind is int else "numbers"
        raise InputError(f"{name} must be {wanted} with commas between them, not {text!r}") from None


def encoder_of(time_steps: int | None, dimmest: int | None, thresholds: str | None) -> LatencyEncoder:
    """Return the encoder that the options ask for.

    Raises
    ------
    InputError
        If they contradict each other, or do not say how many steps there are.
    """
    if thresholds is None:
        if time_steps is None:
            raise InputError("the number of time steps is missing: give --time-steps, or --encoder-thresholds")
        return LatencyEncoder.linear(time_steps, 1 if dimmest is None else dimmest)
    if dimmest is not None:
        raise InputError("--dimmest is for the linear encoder: give it or --encoder-thresholds, not both")
    encoder = LatencyEncoder(numbers(thresholds, "encoder-thresholds", int))
    if time_steps not in (None, encoder.time_steps):
        raise InputError(f"--encoder-thresholds has {encoder.time_steps} steps, --time-steps {time_steps}; leave one out")
    return encoder


def summary(network: Network, out: Path) -> str:
    """Return the result in words."""
    facts = network.provenance
    lines = [
        f"layer {layer['name']!r}: {layer['sources']:,} sources, {layer['neurons']:,} neurons; scale {layer['scale']:.4g}, "
        f"threshold {layer['threshold']:.4g} became {layer['integer_threshold']:,}; "
        f"largest weight {layer['largest_weight']:.4g}, largest error {layer['largest_weight_error']:.4g}; "
        f"{layer['weights_to_zero']:,} of {layer['weights']:,} weights became 0"
        for layer in facts["layers"]
    ]
    if "calibration" in facts:
        chosen = facts["calibration"]
        lines.append(
            f"calibration: outputs' start potentials {'lowered' if chosen['lowering'] > 0 else 'raised'} by "
            f"{abs(chosen['lowering']):,}; of {chosen['validation_images']:,} training images "
            f"{chosen['validation_accuracy_before']:.2%} right before, {chosen['validation_accuracy']:.2%} after"
        )
    if "test_accuracy" in facts:
        lines.append(
            f"{facts['float_accuracy']:.2%} of {facts['test_images']:,} test images right by first spike with float weights, "
            f"{facts['test_accuracy']:.2%} with whole numbers (simulated, golden model); same class for "
            f"{facts['same_class']:.2%}"
        )
        lines.append(
            f"mean decision step {facts['mean_decision_step']:.2f} of 0 .. {network.time_steps - 1}, "
            f"{facts['mean_synaptic_operations']:,.0f} synaptic operations an image"
        )
    else:
        lines.append("accuracy not measured: give --dataset NAME")
    lines.append(
        f"wrote {out}: {network.synapses:,} synapses, connectivity {facts['connectivity']:.2%}, "
        f"{network.layers[0].weight_bits}-bit weights"
    )
    return "\n".join(lines)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _importing() -> "ModuleType":
    """Import what needs PyTorch, or say how to get it."""
    with importing_torch("importing weights"):
        from . import importing
    return importing
