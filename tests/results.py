"""Writes the tables of README.md and docs/results.md from the reports that are stored in docs/results.

    python -m tests.results

A table stands between two comments, ``<!-- table NAME -->`` and ``<!-- end -->``. `tests/test_results.py` checks that the
pages hold what this would write.
"""

import csv
import json
import re
import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from firstspike_spec import load_network

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "results.md")
RESULTS = ROOT / "docs" / "results"

#: The step-by-step networks that ship, in the order of the tables.
NETWORKS = (
    "mnist-mlp",
    "mnist-mlp-2",
    "mnist-mlp-448",
    "mnist-conv",
    "fashion-mlp",
    "fashion-conv",
    "mnist-mlp-200",
    "mnist-mlp-88",
)
#: The layered networks that ship.
LAYERED = ("mnist-conv-layered", "fashion-conv-layered", "cifar10-100k")
#: Networks whose whole test set has run on the compiled RTL, and one on the whole of a board.
RTL = ("mnist-mlp", "mnist-mlp-2", "mnist-mlp-448", "mnist-conv", "fashion-conv", "mnist-conv-ulx3s-85f")
#: The benchmark's points, in the order of the tables.
POINTS = (
    *("fast", "balanced", "accurate", "conv", "fashion", "filled", "small", "eight", "two"),
    *("icebreaker", "icebreaker-one", "icebreaker-88", "tang-one", "tang-88", "tang"),
)
#: What README.md shows of the benchmark's points and of the boards.
README_POINTS = ("filled", "fast", "accurate", "conv", "fashion")
README_BOARDS = ("ulx3s-12f", "ulx3s-85f", "ulx3s-85f-conv", "icebreaker", "tang-nano-9k")

#: How each part of the training changes a dense network: name, settings, file in docs/results/ablation.
ABLATION = (
    ("baseline", "initialisation=kaiming decoding=count potential_weight=0 spike_weight=1", "1-baseline"),
    ("+ initialisation", "decoding=count potential_weight=0 spike_weight=1", "2-initialisation"),
    ("+ normalisation", "normalised=true decoding=count potential_weight=0 spike_weight=1", "3-normalisation"),
    ("+ temporal decoding", "normalised=true potential_weight=0 spike_weight=1", "4-decoding"),
    ("+ potential loss", "normalised=true", "5-potential-loss"),
)
#: Ways to prune: name and file in docs/results/pruning.
PRUNING = (
    ("Grad R", "gradr"),
    ("STDS", "stds"),
    ("magnitude, refined", "magnitude"),
    ("magnitude, cut only", "cut-only"),
)
#: What the recipes give: data set, connectivity, file in docs/results, budget (None: all rows).
RECIPES = (
    ("MNIST", "dense", "mnist-mlp-dense", None),
    ("MNIST", "5 %", "mnist-mlp", "0.05"),
    ("MNIST", "5 %, float weights", "mnist-mlp-float", None),
    ("MNIST", "2 %", "mnist-mlp", "0.02"),
    ("MNIST", "1 %", "mnist-mlp", "0.01"),
    ("Fashion-MNIST", "dense", "fashion-mlp-dense", None),
    ("Fashion-MNIST", "5 %", "fashion-mlp", "0.05"),
    ("Fashion-MNIST", "2 %", "fashion-mlp", "0.02"),
    ("Fashion-MNIST", "1 %", "fashion-mlp-1", None),
)

#: FPGAs as README.md calls them.
FPGAS = {"ecp5-85k": "ECP5-85F", "ecp5-25k": "ECP5-25F", "ice40up5k": "iCE40UP5K", "gw1nr-9": "GW1NR-9"}

Row = Iterable[object]


def markdown(headings: Row, rows: Iterable[Row]) -> str:
    """Return a table in Markdown."""
    headings = [str(heading) for heading in headings]
    lines = [headings, ["---"] * len(headings), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def report(*parts: str) -> Any:
    """Return the content of a JSON file in docs/results."""
    return json.loads(RESULTS.joinpath(*parts).with_suffix(".json").read_text("utf-8"))


def runs(name: str, **settings: str) -> list[dict[str, float | None]]:
    """Return the rows of a CSV file in docs/results whose columns have the values that are given."""
    with (RESULTS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if all(row[key] == value for key, value in settings.items())]
    return [{key: _number(value) for key, value in row.items()} for row in rows]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def mean(rows: list[dict[str, float | None]], column: str) -> float | None:
    """Return a column's mean; None where it is empty."""
    values = [value for row in rows if (value := row[column]) is not None]
    return statistics.fmean(values) if values else None


def spread(rows: list[dict[str, float | None]]) -> str:
    """Return the accuracy by first spike in per cent: mean, least and greatest."""
    values = [100 * value for row in rows if (value := row["test_accuracy"]) is not None]
    return f"{statistics.fmean(values):.2f} ({min(values):.2f} .. {max(values):.2f})"


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form).replace("%", " %")


def networks() -> str:
    """Step-by-step networks that ship, by the golden model."""
    rows = []
    for name in NETWORKS:
        found = report("networks", name)
        network = load_network(ROOT / "networks" / f"{name}.safetensors")
        rows.append(
            (
                f"`{name}`",
                f"{100 * found['accuracy']:.2f} %",
                f"{100 * found['connectivity_as_trained']:.2f} / {100 * found['connectivity']:.2f} %",
                f"{sum(len(layer.row_weights) for layer in network.layers):,}",
                f"{found['decision_step_mean']:.2f}",
                f"{found['synaptic_operations_mean']:,.0f}",
            )
        )
    headings = ("network", "accuracy", "connectivity as trained / left", "connections", "mean step of 0 .. 3")
    return markdown((*headings, "synaptic operations"), rows)


def layered() -> str:
    """Layered networks that ship, by the golden model."""
    rows = []
    for name in LAYERED:
        found = report("networks", name)
        network = load_network(ROOT / "networks" / f"{name}.safetensors")
        rows.append(
            (
                f"`{name}`",
                f"{100 * found['accuracy']:.2f} %",
                f"{network.synapses:,}",
                f"{100 * found['connectivity']:.2f} %",
                network.time_steps,
                f"{found['synaptic_operations_mean']:,.0f}",
                f"{found['compared_values']:,}",
            )
        )
    return markdown(
        ("network", "accuracy", "connections", "connectivity", "steps", "synaptic operations", "values compared"), rows
    )


def rtl() -> str:
    """Whole test sets on the compiled RTL."""
    rows = []
    for name in RTL:
        found = report("rtl", name)
        lanes = ",".join(map(str, found["lanes"]))
        command = f"firstspike validate {found['network']} --device {found['device']} --lanes {lanes}"
        if found["images"] < 10_000:
            command += f" --limit {found['images']}"
        rows.append(
            (
                f"`{Path(found['network']).stem}`",
                lanes.replace(",", " + "),
                f"{found['images']:,}",
                f"{found['compared_values']:,}, {found['mismatches']} differ",
                f"{found['cycles_between_images']:,.0f}",
                f"{found['cycles_mean']:,.0f} / {found['cycles_max']:,}",
                f"`{command}`",
            )
        )
    headings = ("network", "lanes", "images", "values compared", "cycles from image to image")
    return markdown((*headings, "cycles, first token to decision: mean / most", "command"), rows)


def recipes() -> str:
    """What the recipes give, over five seeds."""
    rows = []
    for data, connectivity, name, budget in RECIPES:
        found = runs(name) if budget is None else runs(name, budget=budget)
        rows.append(
            (
                data,
                connectivity,
                f"{spread(found)} %",
                _cell(mean(found, "test_accuracy_after_all_steps"), ".2%"),
                _cell(mean(found, "mean_decision_step"), ".2f"),
                _cell(mean(found, "mean_synaptic_operations"), ",.0f"),
                _cell(mean(found, "connectivity"), ".1%"),
            )
        )
    headings = ("data set", "connectivity", "accuracy, first spike", "after all steps", "mean decision step")
    return markdown((*headings, "synaptic operations", "left"), rows)


def ablation() -> str:
    """What each part of the training brings, over three seeds."""
    rows = []
    for name, settings, file in ABLATION:
        found = runs(f"ablation/{file}")
        rows.append((name, f"`{settings}`", f"{spread(found)} %", _cell(mean(found, "mean_decision_step"), ".2f")))
    return markdown(("", "`--set` each of", "accuracy, first spike", "mean decision step"), rows)


def pruning() -> str:
    """Ways to prune, over three seeds."""
    budgets = ("0.1", "0.05", "0.02", "0.01", "0.005")
    rows = [[name, *(spread(runs(f"pruning/{file}", budget=budget)) for budget in budgets)] for name, file in PRUNING]
    return markdown(("method", *(f"{100 * float(budget):g} %" for budget in budgets)), rows)


def lanes_of(result: dict[str, Any]) -> str:
    """Return the lanes of a report, those of several layers with a plus sign between them."""
    lanes = result["lanes"]
    return f"{lanes}" if isinstance(lanes, int) else " + ".join(map(str, lanes))


def benchmark() -> str:
    """Bare engines, placed and routed."""
    columns: dict[str, Callable[[dict[str, Any]], str]] = {
        "point": lambda result: result["point"],
        "network": lambda result: result["network"],
        "FPGA": lambda result: result["fpga"],
        "lanes": lanes_of,
        "engines": lambda result: f"{result['engines']}",
        "fmax min / median / max": lambda result: "{min:.0f} / {median:.0f} / {max:.0f} MHz".format(**result["fmax_mhz"]),
        "seeds": lambda result: f"{len(result['fmax_mhz']['seeds'])}",
        "cycles an image": lambda result: f"{result['cycles_mean']:,.1f}",
        "images/s": lambda result: f"{result['images_per_second']:,.0f}",
        "latency median / 99 %": lambda result: "{latency_us_median:.2f} / {latency_us_p99:.2f} us".format(**result),
        "lanes busy": lambda result: f"{100 * result['lane_utilisation']:.0f} %",
        "LUT4": lambda result: f"{result['luts']:,}",
        "block RAMs": lambda result: f"{result['block_rams']}",
    }
    results = [report("benchmark", point) for point in POINTS]
    return markdown(columns, ([cell(result) for cell in columns.values()] for result in results))


def builds() -> list[tuple[str, dict[str, Any], dict[str, Any] | None]]:
    """Return name, report and throughput of each stored build of a board; None where the throughput was not simulated."""
    found = []
    for path in sorted((RESULTS / "boards").glob("*/report.json")):
        name = path.parent.name
        measured = (path.parent / "throughput.json").is_file()
        found.append((name, report("boards", name, "report"), report("boards", name, "throughput") if measured else None))
    return found


def _used(facts: dict[str, Any], what: str) -> str:
    return "{used:,} of {of:,}".format(**facts["utilisation"][what])


def boards() -> str:
    """Bitstreams of the boards, and their rates."""
    rows = []
    for _, facts, rates in builds():
        cells = [
            facts["board"],
            facts["network"],
            lanes_of(facts),
            "{achieved:.1f} / {wanted:.1f} MHz".format(**facts["clock_mhz"]),
            _used(facts, "logic"),
            _used(facts, "flip_flops"),
            _used(facts, "block_rams"),
            f"{facts['bitstream']['bytes']:,} bytes",
        ]
        if rates is None:
            cells += [""] * 4
        else:
            cells += [
                f"{rates['busy_cycles_per_image']:,.0f}",
                f"{rates['logic_only_images_per_second']:,.0f}",
                f"{rates['images_per_device_second']:,.0f}",
                f"{100 * rates['link_busy']:.0f} %",
            ]
        rows.append(cells)
    headings = ("board", "network", "lanes", "clock reached / wanted", "logic", "flip-flops", "block RAMs", "bitstream")
    rates_headings = ("busy cycles an image", "images/s, logic only", "images/s over the link", "link busy")
    return markdown((*headings, *rates_headings), rows)


def overview() -> str:
    """README.md's table: a few points and boards."""
    rows = []
    for name in README_POINTS:
        result = report("benchmark", name)
        engines = "one engine" if result["engines"] == 1 else f"{result['engines']} engines"
        rows.append(
            (
                f"`{result['network']}`",
                _accuracy(result["network"]),
                f"{FPGAS[result['fpga']]}, {engines}",
                f"{result['images_per_second']:,.0f}",
                "",
                f"{result['latency_us_median']:.2f} us",
                f"`firstspike benchmark {name} --seeds {len(result['fmax_mhz']['seeds'])}`",
            )
        )
    for name, facts, rates in builds():
        if name in README_BOARDS and rates is not None:
            command = f"firstspike throughput {rates['network']} --device {rates['device']} --limit {rates['images']}"
            if len(facts["lanes"]) > 1:
                command += f" --lanes {','.join(map(str, facts['lanes']))}"
            rows.append(
                (
                    f"`{facts['network']}`",
                    _accuracy(facts["network"]),
                    facts["board"],
                    f"{rates['logic_only_images_per_second']:,.0f}",
                    f"{rates['images_per_device_second']:,.0f}",
                    f"{1e6 * rates['busy_cycles_per_image'] / rates['clock_hz']:.1f} us",
                    f"`{command}`",
                )
            )
    headings = ("network", "accuracy", "board or FPGA", "images/s, logic only", "images/s, serial line", "latency", "command")
    return markdown(headings, rows)


def _accuracy(network: str) -> str:
    return f"{100 * report('networks', network)['accuracy']:.2f} %"


TABLES: dict[str, Callable[[], str]] = {
    table.__name__: table for table in (networks, layered, rtl, recipes, ablation, pruning, benchmark, boards, overview)
}


def filled(page: str) -> str:
    """Return a page with each of its tables written anew."""
    return re.sub(
        r"(<!-- table (\w+) -->\n).*?(\n<!-- end -->)",
        lambda match: match[1] + TABLES[match[2]]() + match[3],
        page,
        flags=re.DOTALL,
    )


def main() -> None:
    """Write the tables of both pages."""
    for path in PAGES:
        path.write_text(filled(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
