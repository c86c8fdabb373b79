"""The sub-command ``firstspike plan``. Amaranth is imported only when it runs."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from firstspike_spec.artefact.files import load_network
from firstspike_spec.common.checks import whole_number
from firstspike_spec.common.errors import InputError, needing
from firstspike_spec.layered.network import LayeredNetwork
from firstspike_spec.terminal.console import SafeConsole, say
from firstspike_spec.terminal.lanes import parse_lanes
from firstspike_spec.terminal.options import AllFiguresOption, JsonOption, NetworkArgument
from firstspike_spec.terminal.records import print_records

from ..flow.tools import TOOLCHAINS, YOWASP, find_tool

if TYPE_CHECKING:
    from ..planning.processors import ProcessorOutlook
    from ..planning.search import Outlook

#: Images whose cycles are counted: by replay, and by the estimates of a search; and by replay on a processor.
REPLAYED_IMAGES, ESTIMATED_IMAGES, PROCESSOR_IMAGES = 500, 200, 8


def plan(
    network: NetworkArgument,
    fpga: Annotated[
        str | None,
        typer.Option(
            help="For a step-by-step network: ecp5-85k, ecp5-45k, ecp5-25k, ecp5-12k, ice40up5k or gw1nr-9.",
            show_default=False,
        ),
    ] = None,
    board: Annotated[
        str | None,
        typer.Option(
            help="For a layered network: the board whose standard processor shall run it. By default all.", show_default=False
        ),
    ] = None,
    lanes: Annotated[
        str | None,
        typer.Option(
            help="Lanes of each hidden layer: one number, or one for each, as in 16,8. By default a search.",
            show_default=False,
        ),
    ] = None,
    engines: Annotated[
        int | None,
        typer.Option(
            help="Engines side by side. By default one with --lanes, else every number that there is room for.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            help=f"Use the first N test images: {REPLAYED_IMAGES} by default, {ESTIMATED_IMAGES} in a search, "
            f"{PROCESSOR_IMAGES} for a layered network.",
            metavar="N",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Name of the data set; by default the one that the network was trained on. If that is not at hand, "
            "spikes are drawn, as often as the network's own activity says.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the data set; also your own images (docs/data.md).", show_default=False),
    ] = None,
    toolchain: Annotated[str, typer.Option(help=f"One of {', '.join(TOOLCHAINS)}.")] = YOWASP,
    verbose: AllFiguresOption = False,
    json: JsonOption = False,
) -> None:
    """Say whether a network fits an FPGA or a board, and what it will do there, without place-and-route.

    A step-by-step network needs an engine of its own. With --lanes, cycles are those of the RTL, exactly. They depend on the
    spikes, and the plan says whose they are: those of the first test images, so figures over all test images differ by some
    per cent. Without --lanes it lists the engines that are worth building, as all others are slower or larger; their cycles
    are estimates. Block RAMs are exact. Logic and clock are estimates, shown with the largest error of such estimates so far.

    A layered network runs on the standard processor of a board. Cycles are those of the RTL, exactly, at the board's clock.
    """
    loaded = load_network(network)
    if isinstance(loaded, LayeredNetwork):
        if unwanted := [name for name, value in (("--fpga", fpga), ("--lanes", lanes), ("--engines", engines)) if value]:
            raise InputError(
                f"{network} is a layered network, which runs on the standard processors of boards: leave out "
                f"{', '.join(unwanted)}, or name a --board"
            )
        _plan_processors(loaded, network, board, limit, dataset, data, json=json, verbose=verbose)
        return
    if board is not None or fpga is None:
        raise InputError(f"{network} is a step-by-step network, which needs an engine of its own: name an --fpga, no --board")
    with needing("boards", "amaranth-boards", "amaranth", "amaranth_boards", what="plan"):
        from ..boards.fpga import find_fpga
        from ..planning.search import outlooks, pareto_front, shapes_to_try
    from ..planning.spikes import input_spikes

    chosen = find_fpga(fpga)
    if engines is not None:
        engines = whole_number(engines, "engines", 1, 1024)
    asked = parse_lanes(lanes)
    if limit is None:
        limit = ESTIMATED_IMAGES if asked is None else REPLAYED_IMAGES
    count = whole_number(limit, "limit", 2, 1 << 31)
    find_tool("yosys", toolchain, note=_note)
    spikes = input_spikes(loaded, count, dataset, data, _note)
    console = SafeConsole(stderr=True, quiet=json)
    with console.status("...") as status:
        found = outlooks(
            loaded,
            chosen,
            spikes.times,
            shapes=shapes_to_try(loaded, chosen) if asked is None else [chosen.family.plan(loaded, asked)],
            engines=engines or (1 if asked is not None else None),
            exact=asked is not None,
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
    title = f"{fpga}: {chosen.logic:,} logic cells, {chosen.block_rams} block RAMs"
    print_records(SafeConsole(), [_cells(one, verbose=verbose) for one in found], title)
    if asked is not None:
        say(f"cycles: exact, from image to image of {spikes.source}")
    else:
        say(f"cycles: estimated, from image to image of {spikes.source};")
        say(f"within {found[0].cycles_error:.0%} of a count of these images for the networks that ship,")
        say("less exact for tiny ones; --lanes counts exactly")
    if not all(one.fits for one in found):
        say(f"It does not fit {fpga}: take fewer lanes or engines, a larger FPGA, or a network with fewer connections.")


def _plan_processors(
    loaded: LayeredNetwork,
    network: Path,
    board: str | None,
    limit: int | None,
    dataset: str | None,
    data: Path | None,
    *,
    json: bool,
    verbose: bool,
) -> None:
    with needing("boards", "amaranth-boards", "amaranth", "amaranth_boards", what="plan"):
        from ..boards.registry import board_named
        from ..boards.standard import STANDARD_PROCESSORS, standard_processor
        from ..planning.processors import processor_outlooks
    from ..planning.spikes import input_spikes

    boards = [board_named(name) for name in (STANDARD_PROCESSORS if board is None else [board])]
    for one in boards:
        standard_processor(one)
    count = PROCESSOR_IMAGES if limit is None else whole_number(limit, "limit", 2, 1 << 31)
    spikes = input_spikes(loaded, count, dataset, data, _note)
    console = SafeConsole(stderr=True, quiet=json)
    with console.status("...") as status:
        found = processor_outlooks(loaded, boards, spikes.times, note=status.update)
    if json:
        report = {"network": str(network), "images": len(spikes.times), "spikes": spikes.source}
        print(json_format.dumps(report | {"plans": [one.as_dict() for one in found]}))
        return
    fit = [_processor_cells(one, verbose=verbose) for one in found if one.fits]
    if fit:
        print_records(SafeConsole(), fit, "Standard processors that run the network")
        say(f"cycles: exact, from image to image of {spikes.source}, at the board's clock;")
        say("a serial line may be slower than the processor")
    for problem in dict.fromkeys(one.problem for one in found if one.problem):
        say(f"{', '.join(one.board for one in found if one.problem == problem)}: {problem}")


def _processor_cells(one: "ProcessorOutlook", *, verbose: bool) -> dict[str, str]:
    figures, latency = one.figures, one.latency_us
    if figures is None or latency is None:
        raise AssertionError(f"{one.board} has no figures")
    cells = {
        "board": one.board,
        "lanes": str(one.lanes),
        "MHz": f"{one.clock_mhz:g}",
        "cycles": f"{figures['cycles_mean']:,.0f}",
        "images/s": f"{one.images_per_second:,.0f}",
        "latency": f"{latency[0]:,.0f} us",
    }
    details = {
        "latency, 99 %": f"{latency[1]:,.0f} us",
        "cycles, 99 %": f"{figures['cycles_p99']:,.0f}",
        "lanes busy": f"{figures['lane_utilisation']:.0%}",
    }
    return cells | details if verbose else cells


def _cells(one: "Outlook", *, verbose: bool) -> dict[str, str]:
    cells = {
        "lanes": ",".join(map(str, one.lanes)),
        "engines": str(one.engines),
        "logic": f"{one.luts.value:,.0f} ±{one.luts.error:.0%}",
        "RAMs": f"{one.block_rams}",
        "MHz": f"{one.fmax_mhz.value:.0f} ±{one.fmax_mhz.error:.0%}",
        "cycles": f"{one.cycles_mean:.1f}",
        "images/s": f"{one.images_per_second:,.0f}",
        "latency": f"{one.latency_us_median:.2f} us",
    }
    details = {
        "latency, 99 %": f"{one.latency_us_p99:.2f} us",
        "cycles, 99 %": f"{one.cycles_p99:.0f}",
        "lanes busy": f"{one.lane_utilisation:.0%}",
        "fits": "yes" if one.fits else "no",
    }
    return cells | details if verbose else cells


def _note(text: str) -> None:
    say(f"note: {text}", error=True)
