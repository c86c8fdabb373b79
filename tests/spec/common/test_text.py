"""Text from outside is printed safely, and cut."""

import sys
import time

import numpy as np
import pytest

from firstspike_spec import DeviceError, InputError, InputTypeError, UserError
from firstspike_spec.common.text import MESSAGE_CHARACTERS, QUOTED_CHARACTERS, printable, quoted, reason


@pytest.mark.parametrize("text", ["cat", "Katze [/red] $x$", "é", "猫", "a b", ""])
def test_printable_text_stays(text):
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\rb\nc\td", r"a\rb\nc\td"),
        ("\x9b2J", r"\x9b2J"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("a\udcfe.png", r"a\udcfe.png"),
        ("\U000e0001", r"\U000e0001"),
    ],
)
def test_control_characters_and_surrogates_are_escaped(text, shown):
    assert printable(text) == shown
    assert printable(text).encode()


def test_lines_may_stay():
    assert printable("a\n\tb\x07", lines=True) == "a\n\tb\\x07"


def test_a_text_is_cut():
    assert printable("abcdef", 3) == "abc..."
    assert printable("abc", 3) == "abc"


LARGE = {
    "string": "a" * 10**7,
    "bytes": b"\0" * 10**7,
    "list": [1] * 10**6,
    "lists": [["x" * 1000] * 1000] * 1000,
    "dictionary": {str(number): [number] for number in range(10**5)},
    "number": 10**100_000,
    "negative number": -(10**100_000),
    "number in a list": [10**100_000],
    "array": np.zeros((1000, 1000)),
    "escapes": "\x1b" * 1000,
}


@pytest.mark.parametrize("value", LARGE.values(), ids=LARGE)
def test_quotations_are_short_and_quick(value):
    start = time.process_time()
    text = quoted(value)
    assert 0 < len(text) <= QUOTED_CHARACTERS
    assert text.isprintable()
    assert time.process_time() - start < 1  # looking at all of it takes longer


@pytest.mark.parametrize("value", ["a", 1, None, 1.5, [1, 2], {"a": [1]}, True, "it's", b"ab", (1,), -7])
def test_short_values_are_quoted_as_python_writes_them(value):
    assert quoted(value) == repr(value)


def test_a_value_whose_repr_fails_is_quoted_too():
    class Broken:
        def __repr__(self):
            raise RuntimeError

    assert "Broken" in quoted(Broken())


def test_nested_beyond_pythons_own_limit():
    value = []
    for _ in range(10 * sys.getrecursionlimit()):
        value = [value]
    assert len(quoted(value)) <= QUOTED_CHARACTERS


@pytest.mark.parametrize("kind", [UserError, InputError, InputTypeError, DeviceError])
def test_all_messages_are_printable_and_cut(kind):
    message = str(kind("file \x1b[2J\udcff:\n" + "x" * 10**6 + "; take another"))
    assert message.startswith("file \\x1b[2J\\udcff:\nx")
    assert len(message) <= MESSAGE_CHARACTERS + 50
    assert message.endswith("xxx; take another")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Bad CRC-32 for file 'a.npy'", "Bad CRC-32 for file 'a.npy'"),
        ("cannot identify image file <_io.BytesIO object at 0x7f00>", "it is damaged"),
        ("malformed node or string on line 1: <ast.BinOp object at 0x7f00>", "it is damaged"),
        ("File <ZipInfo filename='a.npy'> is encrypted", "it is damaged"),
        ("", "it is damaged"),
    ],
    ids=["words", "file", "syntax", "member", "nothing"],
)
def test_a_librarys_error_without_objects_of_python(said, shown):
    assert reason(ValueError(said)) == shown
