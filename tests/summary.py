"""The table behind a session: what ran, how many values it says it compared, and how long it took."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import PurePosixPath

_LINE = "{:<14} {:>8} {:>8} {:>8} {:>16} {:>9}"


@dataclass
class Row:
    """Of the tests in a folder."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    values: int = 0
    seconds: float = 0.0

    def add(self, report) -> None:
        """Add one of the three reports of a test, which are those of its setup, its call and its teardown."""
        self.seconds += report.duration
        self.passed += report.passed and report.when == "call"
        self.failed += report.failed
        self.skipped += report.skipped
        if report.when == "teardown":  # it has all that the test has recorded
            self.values += sum(value for name, value in report.user_properties if name == "values")


def folder_of(nodeid: str) -> str:
    """Return the folder that a test counts under: ``sim``, or one of those in ``tests``."""
    first, *rest = PurePosixPath(nodeid.partition("::")[0]).parts
    return f"{first}/{rest[0]}" if len(rest) > 1 else first


def pytest_terminal_summary(terminalreporter) -> None:
    """Write the table."""
    rows: dict[str, Row] = defaultdict(Row)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if hasattr(report, "duration"):  # others are warnings, or files that could not be collected
                rows[folder_of(report.nodeid)].add(report)
    if not rows:
        return
    terminalreporter.section("what ran")
    terminalreporter.line(_LINE.format("folder", "passed", "failed", "skipped", "values compared", "seconds"))
    for folder, row in sorted(rows.items()):
        values = f"{row.values:,}" if row.values else ""
        terminalreporter.line(_LINE.format(folder, row.passed, row.failed, row.skipped, values, f"{row.seconds:,.0f}"))
