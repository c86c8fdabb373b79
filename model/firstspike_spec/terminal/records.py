"""Tables of records: a row for each record, or a column where the rows are too wide for the terminal."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console

from .tables import FoldedTable


def print_records(console: Console, records: Sequence[Mapping[str, str]], title: str | None = None) -> None:
    """Print records with the same headings. Nothing is cut: what does not fit side by side gets further tables.

    Parameters
    ----------
    console : Console
    records : sequence of mapping of str to str
        Cells by heading.
    title : str, optional
    """
    headings = [heading for heading in records[0] if any(record[heading] for record in records)] if records else []
    lines = [headings, *([record[heading] for heading in headings] for record in records)]
    table = _table(lines, title)
    if _fits(console, table):
        console.print(table)
        return
    first = 0
    while first < len(records):
        count = 1
        while first + count < len(records) and _fits(console, _transposed(lines, first, count + 1)):
            count += 1
        console.print(_transposed(lines, first, count, title if first == 0 else None))
        first += count


def _transposed(lines: Sequence[Sequence[str]], first: int, count: int, title: str | None = None) -> FoldedTable:
    """Return some of the records, a column each, whose first line is its heading."""
    chosen = [lines[0], *lines[1 + first : 1 + first + count]]
    return _table([list(line) for line in zip(*chosen, strict=True)], title)


def _table(lines: Sequence[Sequence[str]], title: str | None) -> FoldedTable:
    table = FoldedTable(title=title, box=box.SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for number, heading in enumerate(lines[0]):
        table.add_column(heading, justify="right" if number else "left")
    for line in lines[1:]:
        table.add_row(*line)
    return table


def _fits(console: Console, table: FoldedTable) -> bool:
    wide = console.options.update(width=10_000)
    return console.measure(table, options=wide).maximum <= console.width
