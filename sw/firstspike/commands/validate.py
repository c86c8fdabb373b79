"""The sub-command ``firstspike validate``."""

import json as json_format

import typer

from firstspike_spec.artefact.files import load_network
from firstspike_spec.layered.network import LayeredNetwork
from firstspike_spec.terminal.console import SafeConsole, note
from firstspike_spec.terminal.lanes import parse_lanes
from firstspike_spec.terminal.options import (
    DataOption,
    DatasetOption,
    DeviceOption,
    EarlyExitOption,
    JsonOption,
    LanesOption,
    LimitOption,
    NetworkArgument,
)
from firstspike_spec.terminal.tables import FoldedTable

from ..accelerator import Accelerator
from ..command_line import WRONG_RESULTS
from ..devices import origin_of_figures
from ..devices.kinds import ends_early
from ..progress import progress_of
from .dataset import load_images_for


def validate(
    network: NetworkArgument,
    device: DeviceOption = "golden",
    data: DataOption = None,
    dataset: DatasetOption = None,
    limit: LimitOption = None,
    lanes: LanesOption = None,
    early_exit: EarlyExitOption = True,
    json: JsonOption = False,
) -> None:
    """Run a data set's test images on a device, and compare every value with the golden model.

    Ends with exit code 1 if any value differs. The golden model itself is compared with another form of it, if there is one.
    """
    loaded = load_network(network)
    early_exit = ends_early(loaded, early_exit)
    test = load_images_for(loaded, dataset, data, limit=limit)
    trained = loaded.provenance.get("connectivity_as_trained")

    with Accelerator.open(device, network=loaded, lanes=parse_lanes(lanes), note=note) as accelerator:
        with progress_of(f"validating on {device}", len(test.images)) as progress:
            validation = accelerator.validate(test.images, test.labels, early_exit=early_exit, progress=progress)
        report = {
            "device": device,
            "network": str(network),
            "digest": loaded.digest,
            "dataset": test.name,
            "early_exit": early_exit,
            "lanes": [layer["lanes"] for layer in accelerator.info().get("engine", {}).get("layers", [])],
            **validation.summary(),
            "connectivity": loaded.connectivity,
            "connectivity_as_trained": trained if isinstance(trained, int | float) else None,
            "time_steps": loaded.time_steps,
        }
        # A decision at step t has run t + 1 steps.
        report["steps_saved"] = 1 - (report["decision_step_mean"] + 1) / loaded.time_steps if early_exit else 0.0
    if json:
        print(json_format.dumps(report))
    else:
        _show(report, is_layered=isinstance(loaded, LayeredNetwork))
    if not validation.passed:
        raise typer.Exit(WRONG_RESULTS)


def _comparison(report: dict) -> list[tuple[str, str]]:
    """Return what was compared, as rows."""
    if report["reference"] is None:
        return [("values compared", "none, golden is the reference")]
    return [
        (f"values compared with {report['reference']}", f"{report['compared_values']:,}"),
        ("mismatches", f"{report['mismatches']:,}"),
    ]


def _show(report: dict, *, is_layered: bool) -> None:
    table = FoldedTable(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for what, value in (
        ("data set", report["dataset"]),
        ("images", f"{report['images']:,}"),
        ("accuracy by first spike", f"{report['accuracy']:.2%}"),
        *_comparison(report),
        ("mean decision step", f"{report['decision_step_mean']:.3f}"),
        ("mean synaptic operations", f"{report['synaptic_operations_mean']:,.0f}"),
        *([] if is_layered else [("steps saved by early exit", f"{report['steps_saved']:.1%}")]),
        ("connectivity, dead neurons removed", f"{report['connectivity']:.2%}"),
    ):
        table.add_row(what, value)
    if report["connectivity_as_trained"] is not None:
        table.add_row("connectivity as trained", f"{report['connectivity_as_trained']:.2%}")
    if report["cycles_mean"] is not None:
        table.add_row("mean cycles, first token to decision", f"{report['cycles_mean']:,.1f}")
        table.add_row("most cycles", f"{report['cycles_max']:,}")
        table.add_row("cycles from image to image", f"{report['cycles_between_images']:,.1f}")
    console = SafeConsole()
    console.print(f"{report['network']} on {report['device']} ({origin_of_figures(report['device'])})", style="bold")
    console.print(table)
    for line in report["first_mismatches"]:
        console.print(line)
