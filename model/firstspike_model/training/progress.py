"""Progress of a training: a bar on a terminal, plain lines elsewhere."""

from typing import TYPE_CHECKING, Self, TextIO

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from firstspike_spec.terminal.console import SafeConsole

if TYPE_CHECKING:
    from .loop import Progress as Epoch


class EpochDisplay:
    """Shows each epoch as it ends; a context manager.

    Parameters
    ----------
    name : str
        What is trained.
    stream : text file
        Where to.
    """

    def __init__(self, name: str, stream: TextIO):
        self.name = name
        self._console = SafeConsole(file=stream)
        self._stream = stream
        self._bar: Progress | None = None
        self._task = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=12),
                MofNCompleteColumn(),
                TextColumn("{task.fields[figures]}"),
                TimeRemainingColumn(),
                TextColumn("left"),
                console=self._console,
            )
            self._task = self._bar.add_task(self.name, total=None, figures="")
            self._bar.start()
        return self

    def __exit__(self, *error) -> None:
        if self._bar is not None:
            self._bar.stop()

    def epoch(self, progress: "Epoch") -> None:
        """Show an epoch."""
        accuracy, connectivity = f"{progress.accuracy:.2%}", f"{progress.connectivity:.2%}"
        if self._bar is None:
            self.line(
                f"{self.name}: epoch {progress.epoch}/{progress.epochs}, {progress.phase}, validation accuracy {accuracy}, "
                f"connectivity {connectivity}, decision step {progress.mean_decision_step:.2f}, "
                f"{progress.seconds_left / 60:.1f} min left"
            )
        else:
            self._bar.update(
                self._task,
                completed=progress.epoch,
                total=progress.epochs,
                description=f"{self.name} {progress.phase}",
                figures=f"{accuracy} right, {connectivity} connected",
            )

    def line(self, text: str) -> None:
        """Show a line of text."""
        if self._bar is None:
            print(text, file=self._stream, flush=True)
        else:
            self._console.print(text)
