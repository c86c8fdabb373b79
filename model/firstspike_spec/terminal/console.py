"""The console for tables and lines that a person reads. Text from outside is shown as it is."""

import sys
from typing import Any

from rich.console import Console
from rich.text import Text

from ..common.text import printable

#: Most characters shown of a table's cell or a line. Rich would take minutes for very long ones.
SHOWN = 2000

#: Columns that a terminal must have for tables, and the number that is assumed where it has, or claims, fewer.
LEAST_COLUMNS, COLUMNS = 20, 80


class SafeConsole(Console):
    """A console for unchecked strings: class names, file names, messages of boards.

    Markup, emoji codes and numbers in a string have no effect. Control characters, including line ends, are shown as
    escapes, and long strings are cut. For colours, give a style, or a `rich.text.Text` of a fixed text.

    Parameters
    ----------
    **options
        Of `rich.console.Console`.
    """

    def __init__(self, **options: Any):
        super().__init__(markup=False, emoji=False, highlight=False, **options)
        if self.width < LEAST_COLUMNS:  # with COLUMNS=0, rich shows empty tables
            self.width = COLUMNS

    def render_str(self, text: str, **options: Any) -> Text:
        """Return what is shown of a string."""
        return super().render_str(printable(text, SHOWN), **options)

    def on_broken_pipe(self) -> None:
        """Leave a closed pipe to the command line. Rich would end the program with the exit code for wrong results."""
        raise BrokenPipeError


def say(text: str, *, error: bool = False) -> None:
    """Print lines for a person, made printable, to standard output or to standard error."""
    print(printable(text, lines=True), file=sys.stderr if error else sys.stdout, flush=True)


def note(text: str) -> None:
    """Print a note, such as on work that takes a while, to standard error."""
    say(text, error=True)
