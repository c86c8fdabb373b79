"""The command line, made of the sub-commands of all the project's packages."""

import errno
import inspect
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import entry_points, version
from typing import Any, TextIO

import typer
from typer.core import TyperGroup

from firstspike_spec.common.errors import UserError
from firstspike_spec.common.text import printable

GROUP = "firstspike.commands"

#: Exit codes. After a signal it is the signal's number plus `BY_SIGNAL`, as in a shell; after a closed pipe, that of SIGPIPE.
WRONG_RESULTS, BAD_INPUT, BY_SIGNAL, CLOSED_PIPE = 1, 2, 128, 141
_INTERRUPTED = BY_SIGNAL + signal.SIGINT

#: Signals that would end the program at once. They are handled like Ctrl-C, so that nothing is left behind.
_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]

#: Most characters shown of a file's name.
_MOST_CHARACTERS = 300

_ROOM, _RIGHTS = "free some space there, or write elsewhere", "name a file or folder that you have the rights for"

#: What to do about errors of the system. One that is not listed is a bug in firstspike.
_ADVICE = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EROFS: _RIGHTS,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EMFILE: "close files, or raise the limit on open files (ulimit -n)",
    errno.ENFILE: "close other programs",
    errno.ENOMEM: "close other programs",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "a symbolic link leads back to itself; name another file or folder",
    errno.ENOTDIR: "part of the path is a file, not a folder; name another path",
    errno.EIO: "the disk or device is broken or was removed; use another",
}


class _Commands(TyperGroup):
    """The sub-commands. Interruptions are passed on to `main`, because Typer's exit codes for them differ from ours."""

    def invoke(self, context: Any) -> Any:
        """Run the sub-command."""
        try:
            return super().invoke(context)
        except (KeyboardInterrupt, BrokenPipeError) as error:
            raise _Interruption(error) from error


class _Interruption(BaseException):
    """Carries the exception that interrupted a sub-command past Typer."""

    def __init__(self, error: BaseException):
        self.error = error


def build(arguments: Sequence[str] = ()) -> typer.Typer:
    """Return the application.

    Parameters
    ----------
    arguments : sequence of str
        Of the command line. If they begin with the name of a sub-command, only that one is imported, which starts sooner.
    """
    app = typer.Typer(
        help="Train time-to-first-spike networks, and run them bit for bit the same in software and in hardware.",
        cls=_Commands,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_options)
    entries = entry_points(group=GROUP)
    wanted = [entry for entry in entries if entry.name in arguments[:1]] or entries
    for entry in sorted(wanted, key=lambda entry: entry.name):
        command = entry.load()
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=entry.name)
        else:
            app.command(entry.name, help=flowing(command.__doc__ or ""))(command)
    return app


def flowing(docstring: str) -> str:
    """Return a docstring's paragraphs, each as one line: the terminal breaks them where they are too long for it."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in inspect.cleandoc(docstring).split("\n\n"))


def _options(
    show_version: bool = typer.Option(
        False, "--version", help="Print the version and stop.", is_eager=True, callback=lambda wanted: _show_version(wanted)
    ),
) -> None:
    """Train time-to-first-spike networks, and run them bit for bit the same in software and in hardware."""


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"firstspike {version('firstspike')}")
        raise typer.Exit


def main() -> None:
    """Run the command line, and end the program with its exit code.

    Bad input, and errors of the system such as a full disk, give one line on standard error and exit code 2. A signal that
    asks the program to end is handled like Ctrl-C. If standard output is a closed pipe, the program ends silently.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a character that the locale lacks must not lose results
    signals: list[int] = []
    try:
        with _taking_signals(signals):
            code = _run()
    except KeyboardInterrupt:  # during the clean-up
        code = _INTERRUPTED
    if signals and code == _INTERRUPTED:  # Typer, too, turns an interruption into an exit code
        _report(f"ended by {signal.Signals(signals[0]).name}")
        code = BY_SIGNAL + signals[0]
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            _flush(stream)
    sys.exit(code)


def _run() -> int:
    """Run the command line and return its exit code."""
    try:
        try:
            build(sys.argv[1:])()
        except SystemExit as end:  # Typer always ends with it
            _flush(sys.stdout)
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        except _Interruption as interruption:
            raise interruption.error from None
    except BrokenPipeError:
        _discard(sys.stdout)
        return CLOSED_PIPE
    except KeyboardInterrupt:
        return _INTERRUPTED
    except UserError as error:
        _report(str(error))
    except MemoryError:
        _report("there is not enough memory; close other programs, or use fewer images or a smaller network")
    except RuntimeError as error:
        if str(error) != "can't start new thread":  # Python's message
            raise
        _report("the system allows no more threads; close other programs, or raise the limit (ulimit -u)")
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not _has_working_folder():
            _report("the current folder has been removed; change to another")
        elif error.errno in _ADVICE:
            where = f"{printable(error.filename, _MOST_CHARACTERS)}: " if error.filename else ""
            _report(f"{where}{error.strerror}; {_ADVICE[error.errno]}")
        else:
            raise
    return BAD_INPUT


def _has_working_folder() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - asks nothing else
    except FileNotFoundError:
        return False
    return True


def _report(text: str) -> None:
    with suppress(OSError):
        print(f"firstspike: {text}", file=sys.stderr)


def _flush(stream: TextIO | None) -> None:
    """Flush a stream; if that fails, discard what it holds."""
    if stream is not None:
        try:
            stream.flush()
        except OSError:
            _discard(stream)
            raise


def _discard(stream: TextIO) -> None:
    """Discard what cannot be written. Python would try again at its end, and report it with its own exit code."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def _taking_signals(signals: list[int]) -> Iterator[None]:
    """Raise `KeyboardInterrupt` at the first signal that asks the program to end, and append the signal to a list.

    Signals that are ignored stay so. Later signals do not disturb the clean-up.
    """

    def end(number: int, frame: object) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        signals.append(number)
        raise KeyboardInterrupt

    own = threading.current_thread() is threading.main_thread()  # other threads cannot handle signals
    before = [each for each in _ENDING if own and signal.getsignal(each) == signal.SIG_DFL]
    for each in before:
        signal.signal(each, end)
    try:
        yield
    finally:
        for each in before:
            signal.signal(each, signal.SIG_DFL)
