"""Progress of a training: a bar on a terminal, plain lines elsewhere."""

from dataclasses import dataclass
from typing import Self, TextIO

from rich import progress as bars

from firstspike_spec.terminal.console import SafeConsole


@dataclass(frozen=True)
class Progress:
    """The state of a training after an epoch.

    Attributes
    ----------
    phase : str
        ``"prune"`` or ``"refine"``; of a layered network, what it has come to.
    epoch, epochs : int
        Done so far, and in the whole training.
    loss : float
        Mean over the epoch's batches.
    accuracy : float
        On the validation images, by first spike, 0 .. 1.
    connectivity : float
        Share of connections whose weight is not 0, 0 .. 1.
    mean_decision_step : float or None
        ``None`` where a network decides after the last step.
    seconds : float
        Since the training began, without interruptions.
    seconds_left : float
        Estimated from the mean duration of the epochs so far.
    """

    phase: str
    epoch: int
    epochs: int
    loss: float
    accuracy: float
    connectivity: float
    mean_decision_step: float | None
    seconds: float
    seconds_left: float


class EpochDisplay:
    """A context manager that shows each epoch when it ends.

    Parameters
    ----------
    name : str
        Of the recipe.
    stream : text file
        Where to show it.
    """

    def __init__(self, name: str, stream: TextIO):
        self.name = name
        self._console = SafeConsole(file=stream)
        self._stream = stream
        self._bar: bars.Progress | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar = bars.Progress(
                bars.TextColumn("{task.description}", markup=False),
                bars.BarColumn(bar_width=12),
                bars.MofNCompleteColumn(),
                bars.TextColumn("{task.fields[figures]}"),
                bars.TimeRemainingColumn(),
                bars.TextColumn("left"),
                console=self._console,
            )
            self._bar.add_task(self.name, total=None, figures="")
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def epoch(self, progress: Progress) -> None:
        """Show an epoch."""
        accuracy, connectivity = f"{progress.accuracy:.2%}", f"{progress.connectivity:.2%}"
        if self._bar is None:
            step = progress.mean_decision_step
            decision = "" if step is None else f"decision step {step:.2f}, "
            self.line(
                f"{self.name}: epoch {progress.epoch}/{progress.epochs}, {progress.phase}, validation accuracy {accuracy}, "
                f"connectivity {connectivity}, {decision}{progress.seconds_left / 60:.1f} min left"
            )
        else:
            self._bar.update(
                self._bar.task_ids[0],
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
