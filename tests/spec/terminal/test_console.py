"""The console that tables go through."""

import io

import pytest

from firstspike_spec.terminal.console import SafeConsole


@pytest.mark.parametrize(("columns", "width"), [("0", 80), ("3", 80), ("60", 60)])
def test_a_terminal_of_no_width_hides_nothing(monkeypatch, columns, width):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("LINES", "25")
    shown = io.StringIO()
    console = SafeConsole(file=shown)
    assert console.width == width
    console.print("seven words that tell of a network")
    assert "network" in shown.getvalue()
