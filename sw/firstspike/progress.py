"""Progress of long work, on standard error: a bar on a terminal, otherwise a plain line now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from firstspike_spec.terminal.console import SafeConsole, say

#: Seconds between two plain lines.
INTERVAL = 10.0


@contextmanager
def progress_of(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that takes the number of items done so far.

    Parameters
    ----------
    what : str
        The work, such as ``"validating on sim"``.
    total : int
        Number of items.
    """
    console = SafeConsole(stderr=True)
    if console.is_terminal:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.update(task, completed=done)
    else:
        yield _plain_lines(what, total)


def _plain_lines(what: str, total: int) -> Callable[[int], None]:
    start = shown = time.monotonic()

    def show(done: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown >= INTERVAL and done < total:
            shown = now
            left = (now - start) / done * (total - done)
            say(f"{what}: {done} of {total}, {left:.0f} s left", error=True)

    return show
