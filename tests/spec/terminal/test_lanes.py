"""Numbers of lanes, as users write them."""

import pytest

from firstspike_spec import InputError
from firstspike_spec.terminal.lanes import parse_lanes


@pytest.mark.parametrize(("text", "lanes"), [(None, None), ("16", 16), ("16,8", (16, 8)), ("3, 2 ,1", (3, 2, 1)), ("0", 0)])
def test_one_number_or_one_for_each_layer(text, lanes):
    assert parse_lanes(text) == lanes


@pytest.mark.parametrize("text", ["", "few", "1,", ",", "1.5", "2;3"])
def test_anything_else_is_refused(text):
    with pytest.raises(InputError, match=f"lanes must be a number, or one for each hidden layer as in 16,8, not {text!r}"):
        parse_lanes(text)
