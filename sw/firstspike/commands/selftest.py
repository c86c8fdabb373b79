"""The sub-command ``firstspike selftest``."""

import json as json_format
from dataclasses import asdict

import typer
from rich.text import Text

from firstspike_spec.artefact.files import load_network
from firstspike_spec.terminal.console import SafeConsole, note
from firstspike_spec.terminal.lanes import parse_lanes
from firstspike_spec.terminal.options import DeviceOption, JsonOption, LanesOption, NetworkArgument
from firstspike_spec.terminal.tables import FoldedTable

from ..accelerator import Accelerator
from ..command_line import WRONG_RESULTS


def selftest(
    network: NetworkArgument, device: DeviceOption = "golden", lanes: LanesOption = None, json: JsonOption = False
) -> None:
    """Check a device: its identity, its link, its memories word by word, and ten known images.

    The golden model has only the images to check. Ends with exit code 1 if a check fails.
    """
    loaded = load_network(network)
    with Accelerator.open(device, network=loaded, lanes=parse_lanes(lanes), note=note) as accelerator:
        checks = accelerator.selftest()
    passed = all(check.passed for check in checks)
    if json:
        report = {"device": device, "network": str(network), "passed": passed, "checks": [asdict(check) for check in checks]}
        print(json_format.dumps(report))
    else:
        table = FoldedTable(show_header=False)
        for check in checks:
            verdict = Text("passed", "green") if check.passed else Text("FAILED", "bold red")
            table.add_row(check.name, verdict, Text(check.told))
        SafeConsole().print(table)
    if not passed:
        raise typer.Exit(WRONG_RESULTS)
