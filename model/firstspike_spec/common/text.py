"""Text from outside, made fit to be shown: what files, boards and users say is neither trusted nor endless."""

import re
import reprlib

#: Characters of a message, of a quoted value, and of a name within a message.
MESSAGE_CHARACTERS, QUOTED_CHARACTERS = 4000, 80

#: Bits of a whole number above which its digits are not counted out (Python refuses to, from 4,300 digits on).
_NUMBER_BITS = 256

#: How Python shows an object that has no text, such as ``<_io.BytesIO object at 0x7f0>``.
_OBJECT = re.compile(r"<[^<>]*[. =][^<>]*>| at 0x[0-9a-f]+", re.IGNORECASE)


def printable(text: object, most: int | None = None, *, lines: bool = False) -> str:
    """Return a text as one that every terminal shows as it is.

    Control characters, escape codes, marks of direction and lone surrogates become their escapes, such as ``\\x1b``; other
    characters of any language stay.

    Parameters
    ----------
    text : str, or what `str` makes one of
    most : int, optional
        Characters that are kept; a longer text ends with ``...``.
    lines : bool
        Line ends and tabs stay, too.
    """
    text = str(text)
    cut = most is not None and len(text) > most
    text = text[:most] if cut else text
    return _escaped(text, "\n\t" if lines else "") + ("..." if cut else "")


def quoted(value: object, most: int = QUOTED_CHARACTERS) -> str:
    """Return how an error quotes a value: its ``repr``, cut to ``most`` characters, whatever it is and however large.

    No more of a list, a dictionary or a string is looked at than what is shown.
    """
    text = printable(_Short(most).repr(value))
    return text if len(text) <= most else text[: most - 3] + "..."


def reason(error: Exception, otherwise: str = "it is damaged") -> str:
    """Return what a library's error says about a file; ``otherwise`` if it says nothing, or shows Python's objects."""
    text = str(error)
    return otherwise if not text or _OBJECT.search(text) else text


class _Short(reprlib.Repr):
    """`repr` of the beginning of a value."""

    def __init__(self, most: int):
        super().__init__()
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = self.maxdeque = self.maxarray = 12
        self.maxstring = self.maxother = most
        self.maxlevel = 4

    def repr_int(self, number: int, level: int) -> str:
        bits = number.bit_length()
        return repr(number) if bits <= _NUMBER_BITS else f"<a whole number of {bits} bits>"

    def repr_str(self, text: str, level: int) -> str:
        return repr(text) if len(text) <= self.maxstring else repr(text[: self.maxstring]) + "..."

    def repr_bytes(self, content: bytes, level: int) -> str:
        return self.repr_str(content, level)

    def repr_instance(self, value: object, level: int) -> str:
        try:
            return super().repr_instance(value, level)
        except Exception:  # a `repr` that fails is no reason to lose the message
            return f"<a {type(value).__name__}>"


def _escaped(text: str, kept: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in kept else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )
