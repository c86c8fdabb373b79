"""The sub-command ``firstspike throughput``."""

import json as json_format

from firstspike_spec.artefact.files import load_network
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
from ..devices import origin_of_figures
from ..devices.kinds import ends_early
from ..progress import progress_of
from .dataset import load_images_for


def throughput(
    network: NetworkArgument,
    device: DeviceOption,
    data: DataOption = None,
    dataset: DatasetOption = None,
    limit: LimitOption = None,
    lanes: LanesOption = None,
    early_exit: EarlyExitOption = True,
    json: JsonOption = False,
) -> None:
    """Measure images per second: end to end over the link, and what the engine could do without it."""
    loaded = load_network(network)
    early_exit = ends_early(loaded, early_exit)
    images = load_images_for(loaded, dataset, data, limit=limit).images
    with (
        Accelerator.open(device, network=loaded, lanes=parse_lanes(lanes), note=note) as accelerator,
        progress_of(f"running on {device}", len(images)) as progress,
    ):
        measured = accelerator.throughput_test(images, early_exit=early_exit, progress=progress)
    report = {"device": device, "network": str(network), "early_exit": early_exit, **measured.summary()}
    if json:
        print(json_format.dumps(report))
        return
    table = FoldedTable(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for what, value, form in (
        ("images", report["images"], ",d"),
        ("seconds, by this host's clock", report["seconds"], ".2f"),
        ("images/s, end to end, by this host's clock", report["images_per_second"], ",.0f"),
        ("images/s, end to end, by the device's clock", report["images_per_device_second"], ",.0f"),
        ("link busy", report["link_busy"], ".1%"),
        ("busy cycles per image", report["busy_cycles_per_image"], ",.0f"),
        ("images/s, logic only", report["logic_only_images_per_second"], ",.0f"),
    ):
        if value is not None:
            table.add_row(what, format(value, form))
    console = SafeConsole()
    console.print(f"{network} on {device} ({origin_of_figures(device)})", style="bold")
    console.print(table)
