"""The tables of docs/protocol.md agree with the code."""

import re
from pathlib import Path

import pytest

from firstspike_spec.common.words import RESULT_WORD, Memory
from firstspike_spec.protocol.messages import BLOCK_HEAD, COUNTERS, MAGIC, Kind, Loss, Reason, Status

PAGE = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]


@pytest.mark.parametrize("names", [Kind, Reason, Status, Loss])
def test_every_number_has_its_row_and_no_other(names):
    rows = {row[1]: int(row[0], 0) for row in ROWS if re.fullmatch(r"0x[0-9A-F]{2}|\d+", row[0]) and row[1].isupper()}
    assert {name: rows.get(name) for name in names.__members__} == {
        name: int(value) for name, value in names.__members__.items()
    }


def test_no_row_is_unknown():
    named = {row[1] for row in ROWS if len(row) > 1 and re.fullmatch(r"[A-Z]+(_[A-Z]+)*", row[1])}
    assert named == {name for names in (Kind, Reason, Status, Loss) for name in names.__members__}


def test_counters():
    assert {row[0].strip("`"): row[1] for row in ROWS if row[0].startswith("`") and row[0].strip("`") in COUNTERS} == COUNTERS


def test_bodies():
    text = " ".join(PAGE.split())
    assert f"`{MAGIC.decode()}` ({len(MAGIC)})" in text
    head = ("layer", "lane", "memory", "bytes a word", "address of the first word")
    assert ", ".join(f"{name} ({size})" for name, size in zip(head, BLOCK_HEAD.values(), strict=True)) in text
    fields = [f"{field.name} ({field.bits}" for field in RESULT_WORD.fields]
    places = [text.index(field) for field in fields[:1]] + [text.index(f"{field})") for field in fields[1:]]
    assert places == sorted(places)
    for memory, name in zip(Memory, ("row pointers", "entries", "initial potentials", "`T`"), strict=True):
        assert f"{int(memory)} {name}" in text
