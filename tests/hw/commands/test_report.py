"""The table of builds."""

import json
from pathlib import Path

import pytest

from firstspike_hw.commands.report import report
from firstspike_spec import InputError

ROOT = Path(__file__).parents[3]
BUILDS = ROOT / "docs" / "results" / "boards"


@pytest.fixture
def shown(capsys, monkeypatch):
    """What the command prints on a terminal of so many columns."""

    def run(*folders: Path, columns: int = 80, verbose: bool = False) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        report(list(folders), verbose=verbose)
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("verbose", [False, True])
def test_stored_builds_on_80_columns(shown, verbose):
    folders = sorted(path.parent for path in BUILDS.glob("*/report.json"))
    assert len(folders) >= 4
    text = shown(*folders, verbose=verbose)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    for folder in folders:
        facts = json.loads((folder / "report.json").read_text())
        logic = facts["utilisation"]["logic"]
        assert facts["board"] in text
        assert f"{logic['used']:,} of {logic['of']:,}" in text
    assert ("flip-flops" in text) == verbose


def test_every_build_that_is_shown_met_its_clock():
    for path in BUILDS.glob("*/report.json"):
        clock = json.loads(path.read_text())["clock_mhz"]
        assert clock["achieved"] >= clock["wanted"]


def test_what_is_not_known_is_left_out(shown, tmp_path):
    clock = {"achieved": 61.25, "wanted": 60}
    (tmp_path / "report.json").write_text(json.dumps({"board": "one", "lanes": [16, 10], "clock_mhz": clock}))
    text = shown(tmp_path, columns=200, verbose=True)
    assert any(line.strip().startswith("one ") for line in text.splitlines())
    assert all(cell in text for cell in ("16 + 10", "61.2 MHz", "60.0 MHz"))
    assert "bitstream" not in text
    figures = {"busy_cycles_per_image": 400.4, "logic_only_images_per_second": 150_000.4, "link_busy": 0.951}
    (tmp_path / "throughput.json").write_text(json.dumps(figures))
    text = shown(tmp_path, columns=200, verbose=True)
    assert all(cell in text for cell in ("400", "150,000", "95%"))


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
