"""Errors that tell a user what to change.

Everything that a user can cause raises one of these, so that the command line can tell bad input (one line, exit code 2)
from a defect of ours (a traceback). Both are also the built-in kind that a Python programmer expects.
"""


class UserError(Exception):
    """What the user gave or asked for cannot be used. The message says what, what was wanted and what to do."""


class InputError(UserError, ValueError):
    """A value is out of range, damaged, missing or does not fit."""


class InputTypeError(UserError, TypeError):
    """A value is of the wrong kind."""
