"""The sub-command ``firstspike benchmark``. Amaranth is imported only when it runs."""

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from firstspike_spec.artefact.files import load_step_network
from firstspike_spec.artefact.shipped import shipped_network
from firstspike_spec.common.errors import InputError, needing
from firstspike_spec.common.files import check_writable_folder, write_file
from firstspike_spec.datasets import load_dataset
from firstspike_spec.terminal.console import SafeConsole
from firstspike_spec.terminal.options import AllFiguresOption, JsonOption
from firstspike_spec.terminal.records import print_records

from ..benchmark.points import POINTS, Point
from ..benchmark.table import cells
from ..flow.tools import TOOLCHAINS, YOWASP


def benchmark(
    points: Annotated[list[str] | None, typer.Argument(help=f"What to measure: {', '.join(POINTS)}; default: all.")] = None,
    seeds: Annotated[int, typer.Option(help="Seeds of place-and-route.", min=1, max=100)] = 8,
    limit: Annotated[
        int, typer.Option(help="Count the cycles of the first N test images, on the compiled RTL.", metavar="N", min=2)
    ] = 10_000,
    networks: Annotated[
        Path | None, typer.Option(help="Folder of the networks.", show_default="those that come with firstspike")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results, one JSON file a point.")] = Path("docs/results/benchmark"),
    work: Annotated[Path, typer.Option(help="Folder for intermediate files.")] = Path("build/benchmark"),
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with a folder for each data set of the networks (docs/data.md). By default found or downloaded.",
            show_default=False,
        ),
    ] = None,
    toolchain: Annotated[str, typer.Option(help=f"One of {', '.join(TOOLCHAINS)}.")] = YOWASP,
    verbose: AllFiguresOption = False,
    json: JsonOption = False,
) -> None:
    """Measure bare engines: cycles on the network's test images, clock and size by place-and-route.

    Each point takes minutes a seed. A run that was stopped continues where it was; what is up to date is not done again.
    Clock and size are those that place-and-route reports, with a register at each port of the engine; no FPGA is needed.
    """
    unknown = [name for name in points or () if name not in POINTS]
    if unknown:
        raise InputError(f"unknown point {unknown[0]!r}: name some of {', '.join(POINTS)}")
    with needing("boards", "amaranth-boards", "amaranth", "amaranth_boards", what="a benchmark"):
        from ..benchmark.measure import measure
    chosen = [POINTS[name] for name in points or POINTS]
    for point in chosen:
        load_step_network(_file(point, networks))  # what is missing is an error now, not after hours
    for folder in (out, work):
        check_writable_folder(folder)
    console = SafeConsole(stderr=True, quiet=json)
    results = []
    for point in chosen:
        name = point.name

        def note(text: str, name: str = name) -> None:
            console.print(f"{name}: {text}")

        network = load_step_network(_file(point, networks))
        pictures = load_dataset(network.dataset, "test", data).first(limit).images
        result = measure(point, network, pictures, seeds=seeds, folder=work / name, toolchain=toolchain, note=note)
        write_file(out / f"{name}.json", json_format.dumps(result, indent=1) + "\n")
        results.append(result)
    if json:
        print(json_format.dumps({"points": results}))
        return
    print_records(SafeConsole(), [cells(result, verbose=verbose) for result in results])


def _file(point: Point, networks: Path | None) -> Path:
    return shipped_network(point.network) if networks is None else networks / f"{point.network}.safetensors"
