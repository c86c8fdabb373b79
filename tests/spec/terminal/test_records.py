"""Tables of records."""

import io

import pytest
from rich.console import Console

from firstspike_spec.terminal.console import SafeConsole
from firstspike_spec.terminal.records import print_records

RECORDS = [{"name": f"name-{number}", "size": f"{number},000 of 9,999", "often": ""} for number in range(5)]


def shown(records, width: int, title: str | None = None) -> list[str]:
    console: Console = SafeConsole(width=width, file=io.StringIO())
    print_records(console, records, title)
    return [line.rstrip() for line in console.file.getvalue().splitlines() if line.strip()]


def test_a_row_for_each_record():
    lines = shown(RECORDS, 80, "sizes")
    assert lines[0].strip() == "sizes"
    assert lines[1].split() == ["name", "size"]
    assert lines[3].split() == ["name-0", "0,000", "of", "9,999"]
    assert len(lines) == 3 + len(RECORDS)


def test_headings_without_any_cell_are_left_out():
    assert "often" not in "".join(shown(RECORDS, 80))
    assert "often" in "".join(shown([*RECORDS, {"name": "", "size": "", "often": "1"}], 80))


def test_a_column_for_each_record_where_rows_do_not_fit():
    many = [record | {f"more {number}": "12345678" for number in range(9)} for record in RECORDS]
    lines = shown(many, 80, "sizes")
    assert all(len(line) <= 80 for line in lines)
    firsts = [line.split() for line in lines if line.strip().startswith("name")]
    assert [word for words in firsts for word in words] == ["name", "name-0", "name-1", "name-2", "name-3", "name", "name-4"]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_nothing_is_cut(width):
    lines = shown(RECORDS, width)
    text = "".join(lines).replace(" ", "")
    assert "…" not in text
    assert all(cell.replace(" ", "") in text for record in RECORDS for cell in record.values()) or width == 20


def test_no_records():
    assert shown([], 80) == []
