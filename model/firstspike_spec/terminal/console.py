"""Where tables and lines for a person go through: text from outside is shown as it is."""

import sys
from typing import Any

from rich.console import Console
from rich.text import Text

from ..common.text import printable

#: Characters of a table's cell or a line that are shown; more would take rich minutes, and nobody reads it.
SHOWN = 2000

#: Columns of a terminal: those that tables need, and those that are taken where it has fewer, or says so.
LEAST_COLUMNS, COLUMNS = 20, 80


class SafeConsole(Console):
    """A console for strings that nobody has looked at: class names, file names, what boards say.

    Nothing in a string is taken for markup, an emoji or a number to colour; control characters, line ends among them, are
    shown as escapes; and what is too long is cut. For colours, give a style, or a `rich.text.Text` of a fixed text.

    Parameters
    ----------
    **options
        Of `rich.console.Console`.
    """

    def __init__(self, **options: Any):
        super().__init__(markup=False, emoji=False, highlight=False, **options)
        if self.width < LEAST_COLUMNS:  # with COLUMNS=0, tables would be shown as nothing
            self.width = COLUMNS

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a string as what is shown."""
        return super().render_str(printable(text, SHOWN), **options)

    def on_broken_pipe(self) -> None:
        """Leave a closed pipe to the command line: rich would end the program, with an exit code that means wrong results."""
        raise BrokenPipeError


def say(text: str, *, error: bool = False) -> None:
    """Print lines for a person, whatever is in them: to standard output, or beside the results to standard error."""
    print(printable(text, lines=True), file=sys.stderr if error else sys.stdout, flush=True)


def note(text: str) -> None:
    """Print a note, such as on work that takes a while, to standard error."""
    say(text, error=True)
