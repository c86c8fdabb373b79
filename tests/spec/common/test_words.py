"""Words of bit fields: unpacking inverts packing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstspike_spec import InputError
from firstspike_spec.common.words import LOAD_WORD, RESULT_WORD, Field, Word


@st.composite
def words(draw):
    widths = draw(st.lists(st.integers(1, 32), min_size=1, max_size=6))
    while sum(widths) > 64:
        widths.pop()
    return Word(tuple(Field(f"field_{at}", width, draw(st.booleans())) for at, width in enumerate(widths)))


@given(words() | st.sampled_from([LOAD_WORD, RESULT_WORD]), st.data())
def test_round_trip(word, data):
    rows = data.draw(st.lists(st.tuples(*(st.integers(*field.range) for field in word.fields)), min_size=1, max_size=5))
    columns = {field.name: np.array(column) for field, column in zip(word.fields, zip(*rows, strict=True), strict=True)}
    packed = word.pack(**columns)
    assert packed.dtype == np.uint64
    # Bit by bit: the first field lowest, negative numbers in two's complement.
    for row, got in zip(rows, packed.tolist(), strict=True):
        expected, shift = 0, 0
        for field, value in zip(word.fields, row, strict=True):
            expected |= (value % (1 << field.bits)) << shift
            shift += field.bits
        assert got == expected
        assert got < 1 << word.bits
    unpacked = word.unpack(packed)
    assert list(unpacked) == [field.name for field in word.fields]
    for name, column in columns.items():
        np.testing.assert_array_equal(unpacked[name], column)


def test_a_number_applies_to_all_words():
    word = Word((Field("a", 4), Field("b", 4, signed=True)))
    assert word.pack(a=np.array([1, 2]), b=-1).tolist() == [0xF1, 0xF2]
    assert word.pack(a=3, b=0).shape == ()
    assert word.pack(a=np.zeros(0, np.int64), b=0).shape == (0,)


@pytest.mark.parametrize(("a", "b"), [(16, 0), (-1, 0), (0, 8), (0, -9)])
def test_a_value_that_does_not_fit(a, b):
    word = Word((Field("a", 4), Field("b", 4, signed=True)))
    name, value, limits = ("b", b, "-8 .. 7") if b else ("a", a, "0 .. 15")
    with pytest.raises(InputError, match=f"{name} must be in {limits}, not {value} .. {value}"):
        word.pack(a=a, b=b)


def test_an_unknown_field():
    with pytest.raises(TypeError, match="no such fields: b"):
        Word((Field("a", 4),)).pack(a=1, b=2)


def test_both_words_fit_in_64_bits():
    assert (LOAD_WORD.bits, RESULT_WORD.bits) == (64, 58)
    assert RESULT_WORD.fields[-1].name == "decision"  # the harness of the native engine looks at the highest bit
