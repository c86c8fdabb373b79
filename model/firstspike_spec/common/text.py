"""Text from files, boards and users, made safe to print: it is not trusted, and it is cut to a length."""

import re
import reprlib

#: Most characters of a message, and of a value quoted in it.
MESSAGE_CHARACTERS, QUOTED_CHARACTERS = 4000, 80

#: Most bits of an integer whose digits are printed (Python refuses from 4,300 digits on).
_NUMBER_BITS = 256

#: How Python prints an object without a text of its own, such as ``<_io.BytesIO object at 0x7f0>``.
_OBJECT = re.compile(r"<[^<>]*[. =][^<>]*>| at 0x[0-9a-f]+", re.IGNORECASE)


def printable(text: object, most: int | None = None, *, lines: bool = False) -> str:
    """Return a text that every terminal prints unchanged.

    Control characters, escape codes, direction marks and lone surrogates become escapes, such as ``\\x1b``; other
    characters of any language stay.

    Parameters
    ----------
    text : object
        A string, or anything that `str` turns into one.
    most : int, optional
        Number of characters to keep; a longer text ends with ``...``.
    lines : bool
        Keep line ends and tabs.
    """
    text = str(text)
    cut = most is not None and len(text) > most
    text = text[:most] if cut else text
    return _escaped(text, "\n\t" if lines else "") + ("..." if cut else "")


def quoted(value: object, most: int = QUOTED_CHARACTERS) -> str:
    """Return a value as an error quotes it: its ``repr``, cut to ``most`` characters.

    It works for any value of any size: of a list, a dictionary or a string, only the part that is shown is read.
    """
    text = printable(_Short(most).repr(value))
    return text if len(text) <= most else text[: most - 3] + "..."


def reason(error: Exception, otherwise: str = "it is damaged") -> str:
    """Return the message of a library's error about a file, or ``otherwise`` if it is empty or contains Python objects."""
    text = str(error)
    return otherwise if not text or _OBJECT.search(text) else text


class _Short(reprlib.Repr):
    """`repr` of the beginning of a value."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = self.maxdeque = self.maxarray = 12
        self.maxstring = self.maxother = most
        self.maxlevel = 4

    def repr_int(self, number: int, level: int) -> str:
        bits = number.bit_length()
        return repr(number) if bits <= _NUMBER_BITS else f"<a whole number of {bits} bits>"

    def repr_str(self, text: str, level: int) -> str:
        return self._beginning(text)

    def repr_bytes(self, content: bytes, level: int) -> str:
        return self._beginning(content)

    def _beginning(self, value: str | bytes) -> str:
        return repr(value) if len(value) <= self.maxstring else repr(value[: self.maxstring]) + "..."

    def repr_instance(self, value: object, level: int) -> str:
        try:
            return super().repr_instance(value, level)
        except Exception:  # a `repr` that fails must not hide the message
            return f"<a {type(value).__name__}>"


def _escaped(text: str, kept: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in kept else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )
