"""``firstspike boards``."""

import json

from firstspike_hw.boards.registry import BOARDS
from firstspike_hw.commands.boards import boards


def test_the_list(capsys):
    boards(json=True)
    rows = json.loads(capsys.readouterr().out)["boards"]
    assert [row["name"] for row in rows] == list(BOARDS)
    ulx3s = next(row for row in rows if row["name"] == "ulx3s-85f")
    assert (ulx3s["fpga"], ulx3s["part"], ulx3s["baud"], ulx3s["block_rams"]) == ("ecp5-85k", "LFE5U-85F", 3_000_000, 208)


def test_the_table_is_whole_on_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    boards(json=False)
    shown = capsys.readouterr().out
    assert all(name in shown and board.fpga.name in shown for name, board in BOARDS.items())
    assert all(heading in shown for heading in ("board", "FPGA", "logic", "block RAMs", "MHz", "baud", "lanes", "USD"))
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80
