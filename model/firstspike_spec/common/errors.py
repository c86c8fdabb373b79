"""Errors that tell a user what to change.

Everything that a user can cause raises one of these, so that the command line can tell bad input (one line, exit code 2)
from a defect of ours (a traceback). Both are also the built-in kind that a Python programmer expects.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from .text import MESSAGE_CHARACTERS, printable


class UserError(Exception):
    """What the user gave or asked for cannot be used. The message says what, what was wanted and what to do.

    Messages quote what files, boards and users say, so they are made printable here, and what is too long loses its middle:
    the advice stands at the end.
    """

    def __init__(self, message: str):
        if len(message) > MESSAGE_CHARACTERS:
            message = f"{message[: MESSAGE_CHARACTERS // 2]} ... {message[-MESSAGE_CHARACTERS // 2 :]}"
        super().__init__(printable(message, lines=True))


class InputError(UserError, ValueError):
    """A value is out of range, damaged, missing or does not fit."""


class InputTypeError(UserError, TypeError):
    """A value is of the wrong kind."""


class DeviceError(UserError, RuntimeError):
    """A device does not do what it should: no answer, a broken connection, a memory that lost its content.

    Attributes
    ----------
    results : firstspike_spec.inference.results.Results, optional
        Those of the images, from the first on, that had come back before.
    """

    results: object = None


@contextmanager
def needing(extra: str, library: str, *modules: str, what: str) -> Iterator[None]:
    """Import in this block what only an extra of firstspike installs.

    Parameters
    ----------
    extra : str
        Name of the extra, such as ``"hw"``.
    library : str
        What users call the library.
    *modules : str
        The top-level modules that it brings; a missing one of another name is a defect of ours.
    what : str
        What needs it.

    Raises
    ------
    InputError
        If one of the modules is missing; the message says what to install.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in modules:
            raise
        raise InputError(f"{what} needs {library}, which is not installed: run pip install 'firstspike[{extra}]'") from error
