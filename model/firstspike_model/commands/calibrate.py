"""The sub-command ``firstspike calibrate``.

PyTorch is imported only when the command runs, so that the command line starts quickly.
"""

import json as json_format
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from firstspike_spec import InputError, LatencyEncoder, LayeredNetwork, infer, load_network, profile, save_network
from firstspike_spec.common.files import check_writable
from firstspike_spec.datasets import fit_dataset, load_splits
from firstspike_spec.terminal.console import say
from firstspike_spec.terminal.options import DataOption, DatasetOption, JsonOption

from ..inference.provenance import test_facts
from .parts import check_network_name, importing_torch


def calibrate(
    network: Annotated[Path, typer.Argument(help="The network's file.")],
    out: Annotated[Path, typer.Option(help="The changed network's file.", show_default=False)],
    accuracy: Annotated[
        float | None, typer.Option(help="Find the earliest decisions with this accuracy, 0 .. 1.", show_default=False)
    ] = None,
    decision_step: Annotated[
        float | None, typer.Option(help="Find the best accuracy with at most this mean decision step.", show_default=False)
    ] = None,
    encoder: Annotated[
        bool, typer.Option("--encoder/--keep-encoder", help="Whether the encoder's thresholds may change too.")
    ] = True,
    dataset: DatasetOption = None,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Trade accuracy for earlier decisions, or the other way round, without training.

    The initial potentials of the outputs and the thresholds of the encoder are
    chosen so that a target is met best on images that the training held back.
    The test images only serve to measure the result.
    """
    if accuracy is None and decision_step is None:
        raise InputError("the target is missing: give --accuracy 0.98, say, or --decision-step 0.5, or both")
    if accuracy is not None and not 0 <= accuracy <= 1:
        raise InputError(f"accuracy must be in 0 .. 1, not {accuracy}")
    if decision_step is not None and not 0 <= decision_step <= 255:
        raise InputError(f"decision-step must be in 0 .. 255, not {decision_step}")
    check_network_name(out)
    loaded = load_network(network)
    if isinstance(loaded, LayeredNetwork):
        raise InputError(
            f"{network}: the network is layered: each layer waits for all spikes before it, so no decision can come earlier; "
            "name a step-by-step network"
        )
    if dataset is None and data is None and loaded.dataset is None:
        raise InputError(f"{network} does not say what it was trained on: give --dataset NAME, or --data FOLDER")
    check_writable(out)
    with importing_torch("calibration"):
        from ..calibration.held_back import held_back_images
        from ..calibration.output_threshold import Calibration, Target
        from ..calibration.recalibration import recalibrate
        from ..inference.torch_setup import prepare_torch
    prepare_torch()

    def report(text: str) -> None:
        say(text, error=json)

    def note(encoder: LatencyEncoder, calibration: Calibration) -> None:
        thresholds = ", ".join(map(str, encoder.thresholds))
        report(f"encoder {thresholds}: validation {calibration.accuracy:.2%} at step {calibration.mean_decision_step:.3f}")

    splits = load_splits(dataset, data, usual=loaded.dataset, note=report)
    train, test = (fit_dataset(split, loaded, report) for split in splits)
    held_back = held_back_images(loaded, train)
    target = Target(latest_step=decision_step, accuracy=accuracy)
    changed, calibration = recalibrate(loaded, held_back.images, held_back.labels, target, encoder=encoder, note=note)
    before, after = infer(loaded, test.images), infer(changed, test.images)
    facts = {
        "calibrated_from": loaded.digest,
        "validation_accuracy": calibration.accuracy,
        "validation_decision_step": calibration.mean_decision_step,
        **test_facts(after, test),
    }
    changed = profile(changed, held_back.images)  # decisions at other steps, so other spikes before them
    save_network(replace(changed, provenance=loaded.provenance | facts), out)
    earlier = {
        f"{name}_before": value
        for name, value in test_facts(before, test).items()
        if name in ("test_accuracy", "mean_decision_step")
    }
    thresholds = changed.encoder.thresholds.tolist()
    if json:
        print(json_format.dumps({"file": str(out), "encoder_thresholds": thresholds, **facts, **earlier}))
        return
    say(
        f"wrote {out}: encoder {', '.join(map(str, thresholds))}; test accuracy {earlier['test_accuracy_before']:.2%} -> "
        f"{facts['test_accuracy']:.2%}, mean decision step {earlier['mean_decision_step_before']:.3f} -> "
        f"{facts['mean_decision_step']:.3f} (simulated, golden model)"
    )
