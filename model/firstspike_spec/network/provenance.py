"""What a network says about itself: names of classes, and a provenance that JSON can hold."""

import math
from typing import Any

from ..common.errors import InputError, InputTypeError
from ..common.text import quoted

#: Most characters of a class's name.
MAX_NAME = 100

#: Most nested lists and dictionaries of the provenance, and most bits of its whole numbers.
MAX_JSON_DEPTH, MAX_JSON_BITS = 32, 256


def class_names(names: tuple[Any, ...], outputs: int) -> tuple[str, ...]:
    """Return the name of each class, by default ``"0"``, ``"1"``, ...

    Raises
    ------
    InputTypeError, InputError
        If a name is not text or too long, or their number is not that of the outputs.
    """
    names = names or tuple(str(index) for index in range(outputs))
    for name in names:
        if not isinstance(name, str) or not is_text(name):
            raise InputTypeError(f"class_names must be strings, not {quoted(names)}")
        if len(name) > MAX_NAME:
            raise InputError(f"a class's name must have at most {MAX_NAME} characters, not {len(name):,}: {quoted(name)}")
    if len(names) != outputs:
        raise InputError(f"class_names must name the {outputs} output neurons, not {len(names)}")
    return names


def check_provenance(value: object) -> None:
    """Raise an error unless ``value`` is a dictionary that JSON can hold and return unchanged."""
    if not isinstance(value, dict):
        raise InputTypeError(f"provenance must be a dictionary, not {quoted(value)}")
    check_json(value)


def is_text(text: str) -> bool:
    """Return whether UTF-8 can hold a string (half of a surrogate pair it cannot)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_json(value: object, place: tuple[str, ...] = ("provenance",)) -> None:
    """Raise an error unless JSON can hold ``value`` and return it unchanged."""
    if len(place) > MAX_JSON_DEPTH + 1:
        raise InputError(f"{place[0]} is nested too deeply; at most {MAX_JSON_DEPTH} levels are kept")
    if isinstance(value, dict):
        for key, part in value.items():
            if not isinstance(key, str) or not is_text(key):
                raise InputTypeError(f"{''.join(place)} has the key {quoted(key)}; JSON only has strings as keys")
            check_json(part, (*place, f"[{quoted(key)}]"))
    elif isinstance(value, list | tuple):
        for part in value:
            check_json(part, (*place, "[...]"))
    elif isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{''.join(place)} is {value}; only finite numbers are kept")
    elif isinstance(value, int) and value.bit_length() > MAX_JSON_BITS:
        raise InputError(f"{''.join(place)} is {quoted(value)}; whole numbers of at most {MAX_JSON_BITS} bits are kept")
    elif not isinstance(value, str | int | float | None) or (isinstance(value, str) and not is_text(value)):
        raise InputTypeError(f"{''.join(place)} is {quoted(value)}, which JSON cannot hold")
