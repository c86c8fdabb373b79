"""The files of a plot: a PNG, and the CSV behind it."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstspike_spec.common.errors import InputError
from firstspike_spec.common.files import check_writable, same_file, utf8, whole_file

from ..pictures import write_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, Any]


def check_plot(picture: Path, inputs: Iterable[Path]) -> Path:
    """Return the name of the CSV beside a picture, after checking that both can be written.

    Parameters
    ----------
    picture : path
    inputs : iterable of path
        Files that the plot is made from. It must not overwrite them.

    Raises
    ------
    InputError
        If the picture's name does not end in ``.png``, or one of the two cannot be written or is an input.
    """
    if picture.suffix != ".png":
        raise InputError(f"cannot write {picture}: a picture's name ends with .png; name it {picture.stem}.png")
    table = picture.with_suffix(".csv")
    for path in inputs:
        if same_file(path, picture) or same_file(path, table):
            raise InputError(f"the plot {picture} and its table {table} would overwrite {path}; choose another --out")
    check_writable(picture)
    check_writable(table)
    return table


def write_plot(picture: Path, figure: "Figure", rows: list[Row]) -> Path:
    """Write a figure and its table beside it: both or none.

    Parameters
    ----------
    picture : path
        Ends in ``.png``.
    figure : Figure
    rows : list of dict
        At least one. ``None`` becomes an empty cell.

    Returns
    -------
    path
        The table's.
    """
    table = picture.with_suffix(".csv")
    with whole_file(table) as table_file, whole_file(picture) as picture_file:
        table_file.write_bytes(utf8(as_csv(rows)))
        write_png(figure, picture_file)
    return table


def as_csv(rows: list[Row]) -> str:
    """Return rows with the same keys as the text of a CSV file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
