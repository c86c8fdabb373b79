"""Progress where the output is no terminal: plain lines, now and then."""

from firstspike import progress


def test_plain_lines_come_now_and_then_with_the_time_left(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.progress_of("working", 100) as tell:
        for done in range(1, 101):
            now[0] += 1.0
            tell(done)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "working: 10 of 100, 90 s left"
    assert len(lines) == 9


def test_nothing_is_said_of_short_work(capsys):
    with progress.progress_of("working", 2) as tell:
        tell(1)
        tell(2)
    assert capsys.readouterr().err == ""
