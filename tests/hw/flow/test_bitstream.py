"""The build, with fake programs: its output, its errors, and when it has nothing to do."""

import json
import math
import os
import resource
import signal
from importlib.metadata import version
from pathlib import Path

import pytest

from firstspike_hw.boards.registry import board_named
from firstspike_hw.boards.standard import standard_processor
from firstspike_hw.flow.bitstream import build_bitstream
from firstspike_spec.common.errors import InputError
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.processor.shape import ProcessorShape

from .fakes import FULL_LOG, ROUTED
from .test_programs import is_running, soon

BOARD = board_named("ulx3s-25f")
STEPS = ["elaboration", "synthesis", "place-and-route", "packing"]


def build_for(network, board, out, *, lanes=2, **options):
    shape = board.plan(network, lanes)
    return build_bitstream(board, shape, out, network=network, **{"toolchain": "native", "name": "small", **options})


@pytest.fixture
def build(network, toolchain, tmp_path):
    def build(**options):
        return build_for(network, BOARD, tmp_path / "out", **options)

    return build


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def missed(achieved):
    return {**ROUTED, "fmax": {"clk": {"achieved": achieved}, "other": {"achieved": 300.0}}}


def test_what_a_build_leaves(build, out, network, toolchain):
    notes = []
    report = build(note=notes.append)
    assert names(out) == ["bitstream.bit", "packing.log", "place-and-route.log", "report.json", "synthesis.log"]
    assert (out / "bitstream.bit").read_text() == "bits"
    assert report == {**json.loads((out / "report.json").read_text()), "cached": False}

    shape = BOARD.plan(network, 2)
    assert {name: report[name] for name in ("board", "network_digest", "engine_digest", "lanes", "seed", "toolchain")} == {
        "board": "ulx3s-25f",
        "network_digest": network.digest,
        "engine_digest": shape.digest,
        "lanes": [2],
        "seed": 1,
        "toolchain": "native",
    }
    assert EngineShape.from_dict(report["engine"]) == shape
    assert report["network"] == "small"
    assert report["clock_mhz"] == {"wanted": BOARD.clock_hz / 1e6, "achieved": 91.25}
    assert report["utilisation"] == {
        "logic": {"used": 1200, "of": 24288},
        "flip_flops": {"used": 800, "of": 24288},
        "block_rams": {"used": 7, "of": 56},
        "EHXPLLL": {"used": 1, "of": 2},
    }
    assert report["bitstream"]["bytes"] == 4
    assert list(report["seconds"]) == STEPS
    assert {name: report["versions"][name] for name in ("yosys", "nextpnr-ecp5", "ecppack", "amaranth")} == {
        **{name: f"{name} 1.0" for name in ("yosys", "nextpnr-ecp5", "ecppack")},
        "amaranth": version("amaranth"),
    }
    assert [line.split(":")[0] for line in notes if "..." not in line] == STEPS

    (routed,) = toolchain.calls("nextpnr-ecp5")
    assert f"--freq {BOARD.clock_hz / 1e6} --seed 1 --timing-allow-fail" in routed
    assert "--25k" in routed


def test_a_repeated_build_returns_at_once(build, toolchain):
    first = build()
    assert build() == {**first, "cached": True}
    assert len(toolchain.calls("yosys")) == 1


@pytest.mark.parametrize("change", ["seed", "lanes", "board", "network", "program", "damaged", "removed"])
def test_a_change_of_anything_that_the_bitstream_depends_on_rebuilds_it(build, out, toolchain, change, tmp_path, network):
    first = build()
    if change == "seed":
        build(seed=2)
    elif change == "lanes":
        build(lanes=1)
    elif change == "board":
        build_for(network, board_named("colorlight-i5"), out)
    elif change == "network":
        from ...spec.random_networks import random_network

        other = random_network(2, (6, 5, 3))
        build_for(other, BOARD, out)
    elif change == "program":
        toolchain.synthesize({}, version="1.1")
        build()
    elif change == "damaged":
        (out / "bitstream.bit").write_text("bat")
        build()
    elif change == "removed":
        (out / "bitstream.bit").unlink()
        build()
    assert len(toolchain.calls("yosys")) == 2
    key = json.loads((out / "report.json").read_text())["key"]
    assert (key == first["key"]) == (change in ("damaged", "removed"))


def test_the_gatewares_sources_are_part_of_the_key(build, toolchain, monkeypatch):
    build()
    read = Path.read_bytes
    monkeypatch.setattr(
        Path, "read_bytes", lambda path: read(path) + b"\n" * str(path).endswith("firstspike_hw/boards/top.py")
    )
    build()
    assert len(toolchain.calls("yosys")) == 2


def test_a_failing_program_shows_the_end_of_its_log(build, out, toolchain):
    build()
    toolchain.write("yosys", "seq 100 > top.rpt; echo 'ERROR: no such cell' >&2; exit 3", version="1.1")
    with pytest.raises(
        InputError, match=r"yosys failed with exit code 3; the end of .*synthesis\.log:\n(\d+\n)+ERROR: no such"
    ):
        build()
    assert (out / "synthesis.log").read_text().startswith("1\n2\n")
    # No output of the earlier build is left.
    assert names(out) == ["synthesis.log"]


def test_a_memory_without_its_output_register_leaves_no_bitstream(build, out, toolchain):
    ram = {"type": "DP16KD", "parameters": {"REGMODE_A": "OUTREG", "REGMODE_B": "NOREG"}}
    toolchain.synthesize({"bank_0.entries.memory.block_0_0": ram, "link.buffer.0.0": ram})
    with pytest.raises(
        InputError,
        match=r"synthesis made 1 block RAMs without their output registers \(bank_0\.entries\.memory\.block_0_0 is one\)",
    ):
        build()
    assert names(out) == ["synthesis.log"]
    assert not toolchain.calls("nextpnr-ecp5")


@pytest.mark.parametrize("achieved", [math.floor(BOARD.clock_hz / 1e4) / 100 - 0.01, 12.0])
def test_a_missed_clock_is_an_error_and_leaves_no_bitstream(build, out, toolchain, achieved):
    build(seed=5)
    toolchain.route(missed(achieved))
    wanted = f"{BOARD.clock_hz / 1e6:g}"
    with pytest.raises(
        InputError,
        match=rf"reached a clock of {achieved:g} MHz; ulx3s-25f needs {wanted} MHz: try another --seed \(this was 6\)",
    ):
        build(seed=6)
    assert names(out) == ["place-and-route.log", "report.json", "synthesis.log"]
    report = json.loads((out / "report.json").read_text())
    assert (report["bitstream"], report["clock_mhz"]["achieved"]) == (None, achieved)
    assert len(toolchain.calls("ecppack")) == 1  # in the first build


def test_a_design_that_does_not_fit_is_an_error_with_numbers(build, out, toolchain):
    toolchain.write("nextpnr-ecp5", f"cat > top.tim <<'END'\n{FULL_LOG}END\necho 'ERROR: no BELs remaining' >&2; exit 125")
    with pytest.raises(
        InputError,
        match=r"does not fit ulx3s-25f: it needs 61 of 56 block RAMs, 23,001 of 24,288 logic cells; prune the network more",
    ):
        build()
    assert names(out) == ["place-and-route.log", "synthesis.log"]


def test_a_failure_of_place_and_route_with_room_left_is_shown_unchanged(build, toolchain):
    log = FULL_LOG.replace("61/", "6/").replace("23001/", "2300/")
    toolchain.write("nextpnr-ecp5", f"cat > top.tim <<'END'\n{log}END\necho 'ERROR: no such pin' >&2; exit 125")
    with pytest.raises(InputError, match=r"nextpnr-ecp5 failed with exit code 125;(?s:.*)ERROR: no such pin"):
        build()


@pytest.fixture
def interrupted():
    """Handle Ctrl-C as Python does by default; a program in the background of a script does not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupted_build_leaves_nothing_half_made(interrupted, build, out, toolchain):
    build()
    toolchain.write("ecppack", "printf half > top.bit; kill -INT $PPID; exit 1", version="1.1")
    with pytest.raises(KeyboardInterrupt):
        build()
    assert names(out) == ["packing.log", "place-and-route.log", "synthesis.log"]


def test_a_program_is_killed_with_all_its_children(interrupted, build, out, toolchain, tmp_path):
    """And its temporary files are removed."""
    toolchain.write("yosys", f"touch $TMPDIR/left; sleep 60 & echo $! $TMPDIR > {tmp_path}/numbers; kill -INT $PPID; wait")
    with pytest.raises(KeyboardInterrupt):
        build()
    number, place = (tmp_path / "numbers").read_text().split()
    assert soon(lambda: not is_running(number))
    assert Path(place).is_relative_to(out.absolute())
    assert names(out) == ["synthesis.log"]


def test_a_program_that_is_ended_by_a_signal_is_reported(build, toolchain):
    toolchain.write("yosys", "echo some; kill -KILL $$")
    with pytest.raises(InputError, match=r"yosys was ended by SIGKILL; the end of .*synthesis\.log:\nsome"):
        build()


def test_no_room_before_the_work(build, out, toolchain, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InputError, match=r"cannot write into .*out: No space left.*at least 5\.0 MB are needed"):
        build()
    assert not toolchain.calls("yosys")
    assert names(out) == []


def test_no_room_while_a_program_runs(build, out, toolchain, monkeypatch):
    """Its log may have been cut, too."""
    monkeypatch.setattr("firstspike_hw.flow.bitstream.check_writable_folder", lambda folder, room: folder.mkdir())
    monkeypatch.setattr(os, "posix_fallocate", full)
    toolchain.write("yosys", "exit 1")
    with pytest.raises(InputError, match=r"cannot write into .*\.build-.*: No space left"):
        build()
    assert names(out) == ["synthesis.log"]


@pytest.mark.parametrize("room", ["none", "limit"])
def test_output_that_may_have_been_cut_is_refused_though_the_program_succeeded(build, out, toolchain, monkeypatch, room):
    """Programs in WebAssembly do not notice a full disk."""
    toolchain.write("ecppack", "head -c 100000 /dev/zero > top.bit")
    if room == "none":
        monkeypatch.setattr("firstspike_hw.flow.bitstream.check_writable_folder", lambda folder, room: folder.mkdir())
        monkeypatch.setattr(os, "posix_fallocate", full)
    else:
        monkeypatch.setattr(resource, "getrlimit", lambda which: (100_000, 100_000))
    messages = {
        "none": "cannot write into .*: No space left",
        "limit": "top.bit has 100,000 bytes, the limit to the size of files",
    }
    with pytest.raises(InputError, match=messages[room]):
        build()
    assert "report.json" not in names(out)


@pytest.mark.parametrize("script", ["true", ": > top.bit"])
def test_a_packer_that_leaves_nothing_is_reported(build, out, toolchain, script):
    toolchain.write("ecppack", script)
    with pytest.raises(InputError, match=r"ecppack left no bitstream; see .*packing\.log"):
        build()
    assert names(out) == ["packing.log", "place-and-route.log", "synthesis.log"]


@pytest.mark.parametrize("script", ["true", "echo '{\"modules\": {' > top.json"])
def test_an_incomplete_netlist_is_reported(build, toolchain, script):
    toolchain.write("yosys", script)
    with pytest.raises(InputError, match=r"a program's output file .*top\.json is missing or incomplete"):
        build()


def test_no_room_for_files_of_the_build_itself(build, out, monkeypatch):
    monkeypatch.setattr("firstspike_hw.flow.bitstream.compile_network", full)
    with pytest.raises(InputError, match=r"cannot write into .*out: No space left on device; make room, or choose"):
        build()
    assert names(out) == []


def test_a_bitstream_that_is_up_to_date_needs_no_writable_folder(build, monkeypatch):
    build()
    monkeypatch.setattr("firstspike_hw.flow.bitstream.check_writable_folder", None)
    assert build()["cached"]


def full(*arguments):
    raise OSError(28, "No space left on device")


def test_a_program_that_does_not_end_is_stopped(build, toolchain, monkeypatch):
    monkeypatch.setattr("firstspike_hw.flow.runner.TIME_LIMIT", 0.2)
    toolchain.write("nextpnr-ecp5", "exec sleep 60")
    with pytest.raises(InputError, match=r"nextpnr-ecp5 has not ended after 0\.2 s; try another --seed"):
        build()


def test_a_folder_that_cannot_be_written_is_reported_before_the_work(network, toolchain, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write into"):
        build_for(network, BOARD, tmp_path / "file" / "out")
    assert not toolchain.calls("yosys")


def test_a_standard_processor(toolchain, out):
    """It is a bitstream without a network, and its report says which processor it has."""
    shape = standard_processor(board_named("ulx3s-85f"))
    report = build_bitstream(board_named("ulx3s-85f"), shape, out, toolchain="native", name="processor")
    assert ProcessorShape.from_dict(report["processor"]) == shape
    assert (report["processor_digest"], report["lanes"]) == (shape.digest, [shape.lanes])
    assert "network_digest" not in report
    assert (out / "bitstream.bit").read_text() == "bits"
    again = build_bitstream(board_named("ulx3s-85f"), shape, out, toolchain="native", name="processor")
    assert again["cached"]
