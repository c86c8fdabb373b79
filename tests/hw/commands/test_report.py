"""The table of builds, and the page that shows it."""

import json
from pathlib import Path

import pytest

from firstspike_hw.commands.report import report
from firstspike_spec import InputError

ROOT = Path(__file__).parents[3]
BUILDS = ROOT / "docs" / "results" / "boards"


def rows(capsys, *folders: Path) -> list[str]:
    report(list(folders))
    return capsys.readouterr().out.splitlines()


def test_every_build_that_is_shown_met_its_clock():
    for path in BUILDS.glob("*/report.json"):
        clock = json.loads(path.read_text())["clock_mhz"]
        assert clock["achieved"] >= clock["wanted"]


def test_what_is_not_known_stays_empty(capsys, tmp_path):
    clock = {"achieved": 61.25, "wanted": 60}
    (tmp_path / "report.json").write_text(json.dumps({"board": "one", "lanes": [16, 10], "clock_mhz": clock}))
    assert rows(capsys, tmp_path)[-1] == "| one |  | 16 + 10 | 61.2 / 60.0 MHz |  |  |  |  |  |  |  |  |"
    figures = {"busy_cycles_per_image": 400.4, "logic_only_images_per_second": 150_000.4, "link_busy": 0.951}
    (tmp_path / "throughput.json").write_text(json.dumps(figures))
    assert rows(capsys, tmp_path)[-1].endswith("|  | 400 | 150,000 |  | 95% |")


def test_json(capsys, tmp_path):
    (tmp_path / "report.json").write_text('{"board": "one"}')
    report([tmp_path], json=True)
    assert json.loads(capsys.readouterr().out) == {"builds": [{"board": "one", "throughput.json": None}]}


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot read .*name a folder that firstspike build made"), ("{", "is damaged"), ("[]", "is no report")],
)
def test_bad_folders(tmp_path, content, message):
    if content is not None:
        (tmp_path / "report.json").write_text(content)
    with pytest.raises(InputError, match=message):
        report([tmp_path])
