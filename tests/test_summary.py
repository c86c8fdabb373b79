"""The table behind a session counts each test once, where it lies."""

from types import SimpleNamespace

import pytest

from .summary import folder_of, pytest_terminal_summary


def reports(nodeid, outcome="passed", values=()):
    """Return a test's three reports, as pytest makes them: each has what was recorded so far."""
    properties = [("networks", 3), *(("values", value) for value in values)]
    for when in ("setup", "call", "teardown"):
        told = outcome if when == "call" else "passed"
        flags = {name: told == name for name in ("passed", "failed", "skipped")}
        yield SimpleNamespace(
            nodeid=nodeid, when=when, duration=0.5, user_properties=properties if when != "setup" else [], **flags
        )


def test_the_table():
    lines = []
    stats = {
        "passed": [*reports("tests/hw/link/test_a.py::one", values=[1000, 234]), *reports("sim/test_b.py::two", values=[5])],
        "failed": [*reports("tests/hw/test_a.py::three", "failed", [7])],
        "warnings": [SimpleNamespace(message="no report")],
        "error": [SimpleNamespace(nodeid="sim/test_c.py", when="collect", failed=True)],  # it could not be collected
    }
    pytest_terminal_summary(SimpleNamespace(stats=stats, section=lines.append, line=lines.append))
    assert [line.split() for line in lines[2:]] == [
        ["sim", "1", "0", "0", "5", "2"],
        ["tests/hw", "1", "1", "0", "1,241", "3"],
    ]


def test_nothing_ran():
    lines = []
    pytest_terminal_summary(SimpleNamespace(stats={"deselected": []}, section=lines.append, line=lines.append))
    assert lines == []


@pytest.mark.parametrize(
    ("nodeid", "folder"),
    [("sim/test_a.py::b", "sim"), ("tests/test_a.py::b[x/y]", "tests"), ("tests/hw/link/t.py::b", "tests/hw")],
)
def test_where_a_test_counts(nodeid, folder):
    assert folder_of(nodeid) == folder
