"""``firstspike flash``, with a fake openFPGALoader."""

import hashlib
import json

import pytest

from firstspike_hw.boards.registry import board_named
from firstspike_hw.boards.standard import standard_processor
from firstspike_hw.flow import flashing
from firstspike_hw.flow.report import read_report


@pytest.fixture
def built(tmp_path):
    """A build's folder."""
    folder = tmp_path / "built"
    folder.mkdir()
    (folder / "bitstream.bit").write_text("bits")
    (folder / "report.json").write_text(json.dumps({"board": "ulx3s-85f", "bitstream": {"file": "bitstream.bit"}}))
    return folder


@pytest.fixture
def loader(toolchain):
    toolchain.write("openFPGALoader", "echo writing")
    return lambda: toolchain.calls("openFPGALoader")


def test_a_folder_knows_its_board(firstspike, built, loader):
    shown = firstspike("flash", built, "--json")
    assert shown.code == 0
    assert shown.json["board"] == "ulx3s-85f"
    assert loader() == [f"--board ulx3s --write-flash {built / 'bitstream.bit'}"]
    assert firstspike("flash", built).out.startswith(f"wrote {built / 'bitstream.bit'} to ulx3s-85f in ")


def test_a_file_needs_the_board(firstspike, tmp_path, loader):
    path = tmp_path / "some.bin"
    path.write_text("bits")
    assert "does not say which board it is for: add --board" in firstspike("flash", path).err
    assert firstspike("flash", path, "--board", "icebreaker").code == 0
    assert loader() == [f"--board ice40_generic --write-flash {path}"]


@pytest.mark.parametrize(
    ("board", "said"),
    [
        ("ulx3s-45f", "was built for ulx3s-85f, not for ulx3s-45f"),
        ("nobody", "was built for ulx3s-85f, not for nobody"),
    ],
)
def test_another_board_is_refused(firstspike, built, loader, board, said):
    for source in (built, built / "bitstream.bit"):
        shown = firstspike("flash", source, "--board", board)
        assert (shown.code, said in shown.err) == (2, True)
    assert loader() == []


def test_a_file_that_is_no_bitstream_is_refused(firstspike, built, tmp_path, loader):
    (tmp_path / "other.fs").write_text("bits")
    wrong = firstspike("flash", tmp_path / "other.fs", "--board", "ulx3s-85f")
    assert "is no bitstream for ulx3s-85f: its bitstreams have the suffix .bit" in wrong.err
    assert "unknown board 'nobody'" in firstspike("flash", tmp_path / "other.fs", "--board", "nobody").err
    (built / "bitstream.bit").unlink()
    for source in (built, built / "bitstream.bit", tmp_path):
        shown = firstspike("flash", source, "--board", "ulx3s-85f")
        assert (shown.code, "run firstspike build first" in shown.err) == (2, True)
    assert loader() == []


@pytest.mark.parametrize("cut", [b"", b"bit"])
def test_a_damaged_bitstream_is_refused(firstspike, built, loader, cut):
    """Such as after a full disk; the build's report holds the right size and digest."""
    whole = {"file": "bitstream.bit", "bytes": 4, "sha256": hashlib.sha256(b"bits").hexdigest()}
    (built / "report.json").write_text(json.dumps({"board": "ulx3s-85f", "bitstream": whole}))
    assert firstspike("flash", built).code == 0
    (built / "bitstream.bit").write_bytes(cut)
    for source in (built, built / "bitstream.bit"):
        shown = firstspike("flash", source)
        message = "is not the one that report.json beside it describes" if cut else "is empty"
        assert (shown.code, shown.err.count("\n")) == (2, 1)
        assert f"{built / 'bitstream.bit'} " in shown.err
        assert message in shown.err
        assert shown.err.endswith("run firstspike build again\n")
    assert len(loader()) == 1


def test_an_empty_bitstream_without_a_report_is_refused(firstspike, tmp_path, loader):
    (tmp_path / "some.bin").touch()
    shown = firstspike("flash", tmp_path / "some.bin", "--board", "icebreaker")
    assert (shown.code, shown.err) == (2, f"firstspike: {tmp_path / 'some.bin'} is empty: run firstspike build again\n")
    assert loader() == []


@pytest.mark.parametrize(
    "report",
    [
        '{"board": 1}',
        '{"board": "ulx3s-85f", "bitstream": "x"}',
        "[" * 100_000,
        "[]",
        '{"board": "x", "bitstream": {"file": 3}}',
    ],
)
def test_a_report_that_makes_no_sense_counts_as_none(firstspike, built, loader, report):
    (built / "report.json").write_text(report)
    assert "there is no bitstream in" in firstspike("flash", built).err
    assert firstspike("flash", built / "bitstream.bit", "--board", "ulx3s-85f").code == 0


def test_an_empty_variable_counts_as_none(firstspike, built, loader, monkeypatch):
    monkeypatch.setenv("OPENFPGALOADER", "")
    assert firstspike("flash", built).code == 0
    assert len(loader()) == 1


def test_a_missing_loader(firstspike, built, monkeypatch):
    monkeypatch.setenv("OPENFPGALOADER", "/nowhere/openFPGALoader")
    shown = firstspike("flash", built)
    assert shown.code == 2
    assert "flashing needs openFPGALoader, which is not installed; run apt install openfpgaloader" in shown.err


def test_a_failing_loader(firstspike, built, toolchain):
    toolchain.write("openFPGALoader", "echo 'unable to open ftdi device'; exit 1")
    shown = firstspike("flash", built)
    assert shown.code == 2
    assert "check that ulx3s-85f is plugged in" in shown.err
    assert shown.err.endswith("unable to open ftdi device\n")


def test_a_loader_that_hangs_is_stopped(firstspike, built, toolchain, monkeypatch):
    monkeypatch.setattr("firstspike_hw.flow.flashing.TIME_LIMIT", 0.2)
    toolchain.write("openFPGALoader", "exec sleep 60")
    assert "has not ended after 0.2 s: unplug ulx3s-85f" in firstspike("flash", built).err


def test_without_a_bitstream_the_boards_standard_one(firstspike, built, loader, monkeypatch):
    """It comes with firstspike; where it does not, the message says how to make one."""
    (built.parent / "shipped").mkdir()
    built.rename(built.parent / "shipped" / "ulx3s-85f")
    monkeypatch.setattr(flashing, "FOLDERS", (built.parent / "nowhere", built.parent / "shipped"))
    assert firstspike("flash", "--board", "ulx3s-85f").code == 0
    assert loader() == [f"--board ulx3s --write-flash {built.parent / 'shipped' / 'ulx3s-85f' / 'bitstream.bit'}"]
    for arguments, said in (
        ((), "name a bitstream, the folder of a build, or a --board for its standard one"),
        (
            ("--board", "icebreaker"),
            "no bitstream for icebreaker comes with firstspike; run firstspike build",
        ),
        (("--board", "nobody"), "unknown board 'nobody'"),
    ):
        shown = firstspike("flash", *arguments)
        assert (shown.code, said in shown.err) == (2, True)


def test_what_ships_is_whole_and_of_the_standard_processors():
    """Its report belongs to the bitstream beside it, and to the processor that `plan` counts with."""
    folders = [path.parent for path in flashing.FOLDERS[1].glob("*/report.json")]
    for folder in folders:
        report, board = read_report(folder), board_named(folder.name)
        content = (folder / report["bitstream"]["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == report["bitstream"]["sha256"]
        assert report["board"] == board.name
        assert report["processor"] == standard_processor(board).as_dict()
        assert report["clock_mhz"]["achieved"] >= report["clock_mhz"]["wanted"] == board.clock_hz / 1e6
        assert sorted(path.name for path in folder.iterdir()) == sorted([report["bitstream"]["file"], "report.json"])
    assert len(folders) == len(list(flashing.FOLDERS[1].glob("*")))
