"""Errors that tell a user what to change.

Every error that a user can cause raises one of these, so that the command line can report bad input in one line with exit
code 2; a traceback means a defect of firstspike. Each is also of the built-in kind that a Python programmer expects.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from .text import MESSAGE_CHARACTERS, printable


class UserError(Exception):
    """The user's input or request cannot be used. The message says what was given, what was expected and what to do.

    Messages quote text from files, boards and users, so they are made printable here. A message that is too long loses its
    middle, because the advice is at the end.
    """

    def __init__(self, message: str) -> None:
        if len(message) > MESSAGE_CHARACTERS:
            message = f"{message[: MESSAGE_CHARACTERS // 2]} ... {message[-MESSAGE_CHARACTERS // 2 :]}"
        super().__init__(printable(message, lines=True))


class InputError(UserError, ValueError):
    """A value is out of range, damaged, missing or does not fit."""


class InputTypeError(UserError, TypeError):
    """A value is of the wrong kind."""


class DeviceError(UserError, RuntimeError):
    """A device does not work as it should: no answer, a broken connection, a memory that lost its contents.

    Attributes
    ----------
    results : object
        The `firstspike_spec.inference.results.Results` of the images, from the first on, that were complete before the error;
        ``None`` if there are none.
    """

    results: object = None


@contextmanager
def needing(extra: str, library: str, *modules: str, what: str) -> Iterator[None]:
    """Wrap the import of a library that only an extra of firstspike installs.

    Parameters
    ----------
    extra : str
        Name of the extra, such as ``"hw"``.
    library : str
        The library's name in the error.
    *modules : str
        Its top-level modules. If any other module is missing, the error is not changed.
    what : str
        The part of firstspike that needs it, for the error.

    Raises
    ------
    InputError
        If one of the modules is missing; the message names the extra to install.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in modules:
            raise
        raise InputError(f"{what} needs {library}, which is not installed: run pip install 'firstspike[{extra}]'") from error
