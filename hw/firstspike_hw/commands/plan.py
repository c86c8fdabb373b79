"""The sub-command ``firstspike plan``. Amaranth is imported only when it runs."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from firstspike_spec.common.checks import whole_number
from firstspike_spec.common.errors import needing
from firstspike_spec.network.artefact import load_network
from firstspike_spec.terminal.console import SafeConsole, say
from firstspike_spec.terminal.lanes import parse_lanes

from ..flow.tools import TOOLCHAINS, YOWASP, find_tool

if TYPE_CHECKING:
    from ..planning.search import Outlook


def plan(
    network: Annotated[Path, typer.Argument(help="The network's file (.safetensors).", show_default=False)],
    fpga: Annotated[str, typer.Option(help="ecp5-85k, ecp5-25k, ice40up5k or gw1nr-9.", show_default=False)],
    lanes: Annotated[
        str | None,
        typer.Option(help="Lanes of each hidden layer: one number, or one for each, as in 16,8. By default a search."),
    ] = None,
    engines: Annotated[
        int | None,
        typer.Option(help="Engines side by side. By default one with --lanes, else every number that there is room for."),
    ] = None,
    images: Annotated[int, typer.Option(help="Images whose cycles are counted.")] = 500,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Name of the data set whose test images they are; by default the one that the network was trained on. If "
            "that is not at hand, spikes are drawn, as often as the network's own activity says.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the data set; your own images, too (docs/data.md).", show_default=False),
    ] = None,
    toolchain: Annotated[str, typer.Option(help=f"One of {', '.join(TOOLCHAINS)}.")] = YOWASP,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")] = False,
) -> None:
    """Say whether bare engines for a network fit an FPGA, and what they will do there, before any synthesis.

    Block RAMs are those that synthesis makes, and cycles those of the RTL, both exact; cycles depend on the spikes, and the
    plan says whose they are: of the first --images test images, so figures over all test images differ by some per cent.
    Logic and clock are estimates, each with the largest error that it has had. Without --lanes it prints what is worth
    building: all else is slower or larger.
    """
    with needing("boards", "amaranth-boards", "amaranth", "amaranth_boards", what="plan"):
        from ..boards.fpga import find_fpga
        from ..planning.search import lanes_to_try, outlooks, pareto_front
    from ..planning.spikes import input_spikes

    chosen = find_fpga(fpga)
    if engines is not None:
        engines = whole_number(engines, "engines", 1, 1024)
    count = whole_number(images, "images", 2, 1 << 31)
    loaded = load_network(network)
    asked = parse_lanes(lanes)
    find_tool("yosys", toolchain, note=_tell)
    spikes = input_spikes(loaded, count, dataset, data, _tell)
    console = SafeConsole(stderr=True, quiet=json)
    with console.status("...") as status:
        found = outlooks(
            loaded,
            chosen,
            spikes.times,
            lanes=lanes_to_try(loaded, chosen) if asked is None else [asked],
            engines=engines or (1 if asked is not None else None),
            toolchain=toolchain,
            note=status.update,
        )
    if asked is None:
        found = pareto_front(found)
    if json:
        report = {"network": str(network), "fpga": fpga, "images": len(spikes.times), "spikes": spikes.source}
        print(json_format.dumps(report | {"plans": [one.as_dict() for one in found]}))
        return
    if not found:
        say(f"No engine for {network} fits {fpga}: take a larger FPGA, or a network with fewer connections.")
        return
    SafeConsole().print(_table(found, f"{fpga}: {chosen.logic:,} logic cells, {chosen.block_rams} block RAMs"))
    say(f"cycles of {spikes.source}")
    if not all(one.fits for one in found):
        say(f"It does not fit {fpga}: take fewer lanes or engines, a larger FPGA, or a network with fewer connections.")


def _tell(text: str) -> None:
    say(f"note: {text}", error=True)


def _table(found: "list[Outlook]", title: str) -> Table:
    table = Table(title=title, box=box.SIMPLE, padding=0, pad_edge=False)  # all of it on 80 columns
    for heading in ("lanes", "engines", "logic", "block\nRAMs", "MHz", "cycles", "images/s", "median\nus", "99 %\nus"):
        table.add_column(Text(heading), justify="right", no_wrap=True)
    for one in found:
        table.add_row(
            ", ".join(map(str, one.lanes)),
            str(one.engines),
            f"{one.luts.value:,.0f} ±{one.luts.error:.0%}",
            f"{one.block_rams}",
            f"{one.fmax_mhz.value:.0f} ±{one.fmax_mhz.error:.0%}",
            f"{one.cycles_mean:.1f}",
            f"{one.images_per_second:,.0f}",
            f"{one.latency_us_median:.2f}",
            f"{one.latency_us_p99:.2f}",
            style=None if one.fits else "red",
        )
    return table
