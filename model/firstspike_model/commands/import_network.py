"""The sub-command ``firstspike import``.

PyTorch is imported only when the command runs, so that the command line starts quickly.
"""

import json as json_format
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import numpy as np
import typer

from firstspike_spec import InputError, LatencyEncoder, Network, load_dataset, save_network
from firstspike_spec.common.files import check_writable, same_file
from firstspike_spec.common.text import quoted
from firstspike_spec.terminal.console import say
from firstspike_spec.terminal.options import JsonOption

from ..importing.entry_names import listed
from ..importing.weight_files import read_weights
from .parts import check_network_name, importing_torch, network_report

if TYPE_CHECKING:
    from types import ModuleType

Value = TypeVar("Value")


def import_network(
    weights: Annotated[Path, typer.Argument(help="Linear layers: numpy.savez, torch.save of a state dict, or safetensors.")],
    out: Annotated[Path, typer.Option(help="The network's file, FILE.safetensors.", show_default=False)],
    threshold: Annotated[
        str | None,
        typer.Option(help="Firing threshold, of all layers or of each: 1.5 or 2.0,1.5. Always needed.", show_default=False),
    ] = None,
    time_steps: Annotated[int | None, typer.Option(help="Steps of a linear encoder.", show_default=False)] = None,
    dimmest: Annotated[
        int | None,
        typer.Option(help="For a linear encoder, the smallest pixel that spikes; 1 if not given.", show_default=False),
    ] = None,
    encoder_thresholds: Annotated[
        str | None,
        typer.Option(help="Instead of a linear encoder: the threshold of each step, falling: 200,120,40.", show_default=False),
    ] = None,
    weight_bits: Annotated[int, typer.Option(help="2 .. 8.")] = 4,
    layers: Annotated[
        str | None,
        typer.Option(
            help="All layers from the input to the output: fc1,fc2. By default ordered by number.", show_default=False
        ),
    ] = None,
    leave_out: Annotated[
        str | None, typer.Option(help="Entries that are not part of the network: epoch,lif*.", show_default=False)
    ] = None,
    under: Annotated[
        str | None, typer.Option(help="In a checkpoint, the key that holds the weights: model.", show_default=False)
    ] = None,
    transpose: Annotated[
        bool | None,
        typer.Option("--transpose/--no-transpose", help="Whether matrices are (sources, targets).", show_default=False),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(help="Measure on this data set's test images; by default what --data has.", show_default=False),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the data set, or an .npz file; by default found or downloaded.", show_default=False),
    ] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Choose when the outputs spike, on the last of the training images.")
    ] = False,
    input_shape: Annotated[
        str | None, typer.Option(help="Shape of one image: 28,28. By default the data set's.", show_default=False)
    ] = None,
    class_names: Annotated[str | None, typer.Option(help="One for each output: cat,dog.", show_default=False)] = None,
    json: JsonOption = False,
) -> None:
    """Quantise weights that were trained elsewhere, measure the loss, and write the network to a file."""
    if threshold is None:
        raise InputError(
            "the firing threshold is missing: give --threshold VALUE, the membrane potential at which a neuron of the trained "
            "model spikes (often 1.0), or one value for each layer, as in 2.0,1.5"
        )
    thresholds = numbers(threshold, "threshold", float)
    encoder = encoder_of(time_steps, dimmest, encoder_thresholds)
    shape = None if input_shape is None else numbers(input_shape, "input-shape", int)
    measured = dataset is not None or data is not None
    if calibrate and not measured:
        raise InputError("--calibrate needs images with their classes: give --dataset NAME or --data FOLDER")
    check_network_name(out)
    if same_file(out, weights):
        raise InputError(f"cannot write {out}: the weights are in it; choose another name")
    importing = _importing()
    source = read_weights(
        weights,
        None if layers is None else parts_of(layers),
        transpose=transpose,
        leave_out=() if leave_out is None else parts_of(leave_out),
        under=under,
    )

    def note(text: str) -> None:
        say(text, error=True)

    train = load_dataset(dataset, "train", data, note=note) if calibrate else None
    test = load_dataset(dataset, "test", data, note=note) if measured else None
    check_writable(out)
    network = importing.import_weights(
        source,
        thresholds,
        encoder,
        weight_bits=weight_bits,
        input_shape=shape,
        class_names=() if class_names is None else parts_of(class_names),
        training=train,
        test=test,
    )
    save_network(network, out)
    for warning in network.provenance["warnings"]:
        say(f"firstspike: warning: {warning}", error=True)
    say(json_format.dumps(network_report(network, out)) if json else summary(network, out))


def parts_of(text: str) -> list[str]:
    """Return the parts of a text between its commas."""
    return [part.strip() for part in text.split(",")]


def numbers(text: str, name: str, kind: Callable[[str], Value]) -> list[Value]:
    """Return the numbers of a list such as ``"2.0,1.5"``.

    Raises
    ------
    InputError
        If ``kind`` refuses one of them.
    """
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        wanted = "whole numbers" if kind is int else "numbers"
        raise InputError(f"{name} must be {wanted} with commas between them, not {quoted(text)}") from None


def encoder_of(time_steps: int | None, dimmest: int | None, thresholds: str | None) -> LatencyEncoder:
    """Return the encoder that the options ask for.

    Raises
    ------
    InputError
        If they contradict each other, or do not give the number of steps.
    """
    if thresholds is None:
        if time_steps is None:
            raise InputError("the number of time steps is missing: give --time-steps, or --encoder-thresholds")
        return LatencyEncoder.linear(time_steps, 1 if dimmest is None else dimmest)
    if dimmest is not None:
        raise InputError("--dimmest is for the linear encoder: give it or --encoder-thresholds, not both")
    encoder = LatencyEncoder(np.array(numbers(thresholds, "encoder-thresholds", int)))
    if time_steps not in (None, encoder.time_steps):
        raise InputError(f"--encoder-thresholds has {encoder.time_steps} steps, --time-steps {time_steps}; leave one out")
    return encoder


def summary(network: Network, out: Path) -> str:
    """Return the result in words."""
    facts = network.provenance
    lines = [
        f"layer {quoted(layer['name'])}: {layer['sources']:,} sources, {layer['neurons']:,} neurons; "
        f"scale {layer['scale']:.4g}, threshold {layer['threshold']:.4g} became {layer['integer_threshold']:,}; "
        f"{_exactness(layer)}"
        for layer in facts["layers"]
    ]
    lines += _entries(facts)
    if "calibration" in facts:
        chosen = facts["calibration"]
        lines.append(
            f"calibration: outputs' initial potentials {'lowered' if chosen['lowering'] > 0 else 'raised'} by "
            f"{abs(chosen['lowering']):,}; of {chosen['validation_images']:,} training images "
            f"{chosen['validation_accuracy_before']:.2%} right before, {chosen['validation_accuracy']:.2%} after"
        )
    if facts["exact"]:
        lines.append("exact: every image gets the same class, at the same step, as with float weights")
    if "test_accuracy" in facts:
        lines += [
            f"same class as with float weights for {facts['same_class']:.2%} of {facts['test_images']:,} test images",
            f"right by first spike: {facts['float_accuracy']:.2%} with float weights, {facts['test_accuracy']:.2%} with whole "
            "numbers (simulated, golden model)",
            f"mean decision step {facts['mean_decision_step']:.2f} of 0 .. {network.time_steps - 1}, "
            f"{facts['mean_synaptic_operations']:,.0f} synaptic operations an image",
        ]
    else:
        lines.append("accuracy not measured: give --dataset NAME or --data FOLDER")
    lines.append(
        f"wrote {out}: {network.synapses:,} synapses, connectivity {facts['connectivity']:.2%}, "
        f"{network.layers[0].weight_bits}-bit weights"
    )
    return "\n".join(lines)


def _exactness(layer: dict[str, Any]) -> str:
    """Return whether a layer is still the same, or how much it changed."""
    if layer["exact"]:
        return "exact"
    if layer["largest_weight_error"] == 0 and layer.get("tie_error"):
        return f"exact but for outputs whose potentials differ by at most {layer['tie_error']:.4g}, which are equal now"
    return (
        f"largest weight {layer['largest_weight']:.4g}, largest error {layer['largest_weight_error']:.4g}; "
        f"{layer['weights_to_zero']:,} of {layer['weights']:,} weights became 0"
    )


def _entries(facts: dict[str, Any]) -> list[str]:
    """Return which entries of the file were used, and which were left out."""
    used = [entry for layer in facts["layers"] for entry in layer["entries"]]
    lies = "(sources, targets)" if facts["settings"]["transposed"] else "(targets, sources)"
    lines = [f"entries used: {len(used):,} ({listed(used)}), with matrices as {lies}"]
    if facts["entries_left_out"]:
        lines.append(f"entries left out: {len(facts['entries_left_out']):,} ({listed(facts['entries_left_out'])})")
    return lines


def _importing() -> "ModuleType":
    """Import what needs PyTorch; if it is missing, the error says how to install it."""
    with importing_torch("importing weights"):
        from ..importing import conversion as importing
    return importing
