"""One column of many runs against another, such as accuracy against connectivity."""

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from firstspike_spec.common.errors import InputError
from firstspike_spec.common.text import quoted

from ..pictures import new_figure, plain
from .output import Row
from .runs import FILE, SEED, Run, cell, is_setting, is_share, number
from .style import add_titles, in_per_cent

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

#: A column whose values span at least this factor gets a logarithmic axis.
WIDE = 30


def curve_table(
    runs: Sequence[Run], x: str, y: str, by: str | None = None, ignore: Sequence[str] = ()
) -> tuple[list[Row], int]:
    """Join runs that differ only in seed, and sort them into lines.

    Parameters
    ----------
    runs : sequence of dict
        From `read_runs`.
    x, y : str
        The columns to draw. Runs in which one of them is empty are left out.
    by : str, optional
        The column whose values each get a line.
    ignore : sequence of str
        Columns that do not distinguish runs, besides those that are known as results.

    Returns
    -------
    rows : list of dict
        One for each point: ``line``, the settings that its runs share, the number of runs, and the mean, minimum and
        maximum of x and y. Sorted by line and x. A run without a seed is a separate point.
    left_out : int
        Number of runs left out.

    Raises
    ------
    InputError
        If a column is missing or holds no number, no run is left, or two runs have the same settings and seed.
    """
    if x == y:
        raise InputError(f"--x and --y are both {quoted(x)}; name two columns")
    for name in ignore:
        if not any(name in run for run in runs):
            raise InputError(f"no run has a column {quoted(name)} to ignore; name one of {', '.join(runs[0])}")
    names = [
        name for name in dict.fromkeys(name for run in runs for name in run) if is_setting(name) and name not in (y, *ignore)
    ]
    groups: dict[tuple, list[tuple[float, float, str]]] = {}
    left_out = 0
    for place, run in enumerate(runs):
        line = cell(run, by) if by else ""
        across, up = number(run, x), number(run, y)
        if across is None or up is None:
            left_out += 1
            continue
        seed = run.get(SEED, "")
        key = (line, tuple(run.get(name, "") for name in names), None if seed else place)
        group = groups.setdefault(key, [])
        if any(other == seed for *_, other in group):
            raise InputError(
                f"{run[FILE]}: two runs have the same settings and the seed {seed}; "
                f"give each run once, or name the column in which they differ, such as --by {FILE}"
            )
        group.append((across, up, seed))
    if not groups:
        raise InputError(f"no run has both {x} and {y}; name other columns with --x and --y")
    rows = [
        {"line": line, **dict(zip(names, settings, strict=True)), "runs": len(group)}
        | _range(x, [point[0] for point in group])
        | _range(y, [point[1] for point in group])
        for (line, settings, _), group in groups.items()
    ]
    return sorted(rows, key=lambda row: (_order(row["line"]), row[f"{x}_mean"])), left_out


def _range(name: str, values: list[float]) -> Row:
    low, high = min(values), max(values)
    return {f"{name}_mean": min(max(fmean(values), low), high), f"{name}_min": low, f"{name}_max": high}


def _order(text: str) -> tuple[int, float, str]:
    """Return the order of lines: numbers by size, then all others by name."""
    try:
        return 0, float(text), text
    except ValueError:
        return 1, 0.0, text


def curve_figures(rows: list[Row], x: str, y: str) -> dict[str, Any]:
    """Return figures of the whole table, and its point with the largest y."""
    best = max(rows, key=lambda row: row[f"{y}_mean"])
    return {
        "runs": sum(row["runs"] for row in rows),
        "points": len(rows),
        "lines": len({row["line"] for row in rows}),
        "best": {"line": best["line"], x: best[f"{x}_mean"], y: best[f"{y}_mean"], "runs": best["runs"]},
    }


def counted_images(runs: Sequence[Run], y: str) -> str:
    """Return in words on how many images ``y`` was measured, if the results say so."""
    column = "validation_images" if y.startswith("validation") else "test_images"
    counts = {run.get(column, "") for run in runs}
    if len(counts) == 1 and (count := counts.pop()).isdecimal():
        return f"{int(count):,} images"
    return "the number of images is not in the results"


def draw_curve(rows: list[Row], x: str, y: str, *, by: str | None, source: str) -> "Figure":
    """Return the picture of a table of runs.

    Parameters
    ----------
    rows : list of dict
        From `curve_table`.
    x, y : str
    by : str, optional
        As for `curve_table`.
    source : str
        Which runs and images, in words.
    """
    figure = new_figure(8, 5.2)
    axes = figure.subplots()
    for line in dict.fromkeys(row["line"] for row in rows):
        points = [row for row in rows if row["line"] == line]
        place, height = ([row[f"{name}_mean"] for row in points] for name in (x, y))
        low, high = ([row[f"{y}_{end}"] for row in points] for end in ("min", "max"))
        errors = [
            [[row[f"{name}_mean"] - row[f"{name}_min"], row[f"{name}_max"] - row[f"{name}_mean"]] for row in points]
            for name in (x, y)
        ]
        across, along = (list(zip(*error, strict=True)) for error in errors)
        drawn = axes.errorbar(
            place, height, xerr=across, yerr=along, marker="o", markersize=4.5, linewidth=1.4, elinewidth=0.9, capsize=2.5,
            label=f" {plain(line) or '(empty)'}",  # Matplotlib hides names that start with an underscore
        )  # fmt: skip
        if len(points) > 1:
            axes.fill_between(place, low, high, color=drawn.lines[0].get_color(), alpha=0.15, linewidth=0)
    _scale(axes.xaxis, x, [row[f"{x}_mean"] for row in rows])
    for axis, name in ((axes.xaxis, x), (axes.yaxis, y)):
        axis.set_label_text(plain(_words(name)))
        if is_share(name):
            in_per_cent(axis)
    axes.grid(alpha=0.3, which="both")
    if by:
        axes.legend(title=plain(_words(by)), fontsize=9)
    joined = max(row["runs"] for row in rows)
    bars = f" Points are means over up to {joined} seeds, bars and bands span minimum to maximum." if joined > 1 else ""
    add_titles(figure, f"{_words(y)} against {_words(x)}", f"Simulated with the golden model: {source}.{bars}")
    return figure


def _words(column: str) -> str:
    return column.replace("_", " ")


def _scale(axis: "Axis", name: str, values: list[float]) -> None:
    """Make an axis logarithmic where that suits its values, with plain numbers as labels."""
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

    if min(values) <= 0 or ("connectivity" not in name and max(values) / min(values) < WIDE):
        return
    axis.axes.set_xscale("log")
    narrow = max(values) / min(values) < 4
    axis.set_major_locator(LogLocator(subs=range(1, 10) if narrow else (1, 2, 5)))
    axis.set_minor_locator(NullLocator() if narrow else LogLocator(subs=range(1, 10)))
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(lambda value, position: f"{value:g}")
