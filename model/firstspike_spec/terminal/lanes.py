"""Numbers of lanes, as users write them on a command line."""

from ..common.errors import InputError
from ..common.text import quoted


def parse_lanes(text: str | None) -> int | tuple[int, ...] | None:
    """Return the numbers of lanes in a text, as `firstspike_spec.compiler.plan.plan` takes them; ``None`` stays what it is.

    Parameters
    ----------
    text : str or None
        One number for all hidden layers, as ``"16"``, or one for each, as ``"16,8"``.

    Raises
    ------
    InputError
        If the text is anything else.
    """
    if text is None:
        return None
    try:
        numbers = tuple(int(word) for word in text.split(","))
    except ValueError as error:
        raise InputError(f"lanes must be a number, or one for each hidden layer as in 16,8, not {quoted(text)}") from error
    return numbers[0] if len(numbers) == 1 else numbers
