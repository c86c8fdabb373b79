"""Compiled designs in the cache: each is intact, made by one process, and killed processes leave nothing behind."""

import os
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from firstspike_hw.simulation import build, kept
from firstspike_hw.simulation.build import build_library
from firstspike_hw.simulation.native_engine import engine_design
from firstspike_spec import InputError

from .designs import DESIGN, ROOT, SHAPE, names_in, with_digest


def test_a_cache_that_cannot_be_written(compiled, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    message = r"cannot write .*/file.*; set XDG_CACHE_HOME to a folder that you can write to"
    with pytest.raises(InputError, match=message):
        build_library(DESIGN, cache=tmp_path / "file")
    assert compiled == []


def test_a_full_cache_is_reported_before_the_work(compiled, tmp_path, monkeypatch):
    def full(descriptor, start, size):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(
        InputError, match=r"No space left on device, at least 2\.0 MB are needed; make room, or set XDG_CACHE_HOME"
    ):
        build_library(DESIGN, cache=tmp_path)
    assert compiled == []
    assert names_in(tmp_path) == []


def test_a_cache_that_cannot_be_written_is_enough_if_it_has_the_library(compiled, tmp_path, monkeypatch):
    path = build_library(DESIGN, cache=tmp_path)
    monkeypatch.setattr(kept, "check_writable_folder", None)
    monkeypatch.setattr(kept, "whole_file", None)
    assert build_library(DESIGN, cache=tmp_path) == path


@pytest.mark.parametrize("damage", [b"", b"lib", b"librarz", None])
@pytest.mark.parametrize("suffix", [".so", ".sha256"])
def test_a_damaged_library_is_made_again(compiled, tmp_path, damage, suffix):
    """It is not loaded: a library that was cut would kill the process at the first use of a missing part."""
    path, notes = build_library(DESIGN, cache=tmp_path), []
    damaged = path.with_suffix(suffix)
    if damage is None:
        damaged.unlink()
    else:
        damaged.write_bytes(damage)
    assert build_library(DESIGN, cache=tmp_path, note=notes.append).read_bytes() == b"library"
    assert len(compiled) == 2
    assert len(notes) == (1 if (damage, suffix) == (None, ".so") else 2), notes
    assert names_in(tmp_path) == with_digest(path)
    build_library(DESIGN, cache=tmp_path)
    assert len(compiled) == 2


def test_exchanged_libraries_are_made_again(compiled, tmp_path):
    """Each is intact and has its digest beside it, but belongs to another design."""
    designs = DESIGN, engine_design(replace(SHAPE, queue_depth=8))
    one, other = (build_library(design, cache=tmp_path) for design in designs)
    for suffix in (".so", ".sha256"):
        aside = one.with_suffix(suffix).rename(tmp_path / "aside")
        other.with_suffix(suffix).rename(one.with_suffix(suffix))
        aside.rename(other.with_suffix(suffix))
    for _ in range(2):
        for design in designs:
            build_library(design, cache=tmp_path)
    assert compiled == [*designs, *designs]


def make_irregular(kind, path, target):
    """Make a pipe, or a link to a device, to itself or to a file."""
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"device": "/dev/zero", "loop": path.name, "file": target}[kind])


@pytest.mark.parametrize("kind", ["pipe", "device", "loop", "file"])
@pytest.mark.parametrize("suffix", [".so", ".sha256", ".lock"])
def test_a_pipe_a_device_or_a_link_in_place_of_a_file_is_replaced(compiled, tmp_path, kind, suffix):
    """It is not waited for, not read endlessly, and its target stays as it was."""
    cache, target = tmp_path / "cache", tmp_path / "target"
    target.write_bytes(b"of the user")
    path = build_library(DESIGN, cache=cache)
    path.unlink()
    path.with_suffix(suffix).unlink(missing_ok=True)
    make_irregular(kind, path.with_suffix(suffix), target)
    assert build_library(DESIGN, cache=cache).read_bytes() == b"library"
    assert target.read_bytes() == b"of the user"
    assert names_in(cache) == with_digest(path)
    assert not path.is_symlink()


@pytest.mark.parametrize("kind", ["pipe", "device", "loop", "file"])
def test_other_locks_that_are_not_regular_files_do_not_block(compiled, tmp_path, kind):
    target = tmp_path / "target"
    target.write_bytes(b"of the user")
    (tmp_path / "cache").mkdir()
    make_irregular(kind, tmp_path / "cache" / "link-1234.lock", target)
    path = build_library(DESIGN, cache=tmp_path / "cache")
    assert names_in(tmp_path / "cache") == with_digest(path)
    assert target.read_bytes() == b"of the user"


@pytest.mark.parametrize("suffix", [".so", ".sha256", ".lock"])
def test_a_folder_in_place_of_a_file_is_reported_before_the_work(compiled, tmp_path, suffix):
    path = build_library(DESIGN, cache=tmp_path)
    path.unlink()
    path.with_suffix(suffix).unlink(missing_ok=True)
    (path.with_suffix(suffix) / "of the user").mkdir(parents=True)
    with pytest.raises(InputError, match=rf"cannot write .*{suffix}: it is a folder; remove it, or set XDG_CACHE_HOME"):
        build_library(DESIGN, cache=tmp_path)
    assert len(compiled) == 1
    assert (path.with_suffix(suffix) / "of the user").is_dir()


def test_files_that_killed_processes_left_are_removed(compiled, tmp_path):
    """Files of this and of other designs, also those of versions without locks; but not those that a process is making."""
    path = build_library(DESIGN, cache=tmp_path)
    path.unlink()
    other, running = "link-00112233445566778899aabbccddeeff", "link-ffeeddccbbaa99887766554433221100"
    for name in (path.stem, other, running):
        (tmp_path / f"{name}.lock").touch()
        (tmp_path / f".{name}-abcd1234").mkdir()
        (tmp_path / f".{name}-abcd1234" / "top.cpp").touch()
        (tmp_path / f".{name}-4321dcba.so").touch()
    (tmp_path / ".engine-1234-4321dcba.so").touch()
    with (tmp_path / f"{running}.lock").open("wb") as lock:
        kept._try_lock(lock.fileno())
        build_library(DESIGN, cache=tmp_path)
    left = [f".{running}-4321dcba.so", f".{running}-abcd1234", f"{running}.lock"]
    assert names_in(tmp_path) == sorted([*with_digest(path), *left])


def test_others_wait_for_the_process_that_makes_the_same_library(tmp_path, monkeypatch):
    started, going_on, made, notes = threading.Event(), threading.Event(), [], []

    def slow(design, tools, work, library):
        made.append(design)
        started.set()
        assert going_on.wait(60)
        library.write_bytes(b"library")

    def note(text):
        notes.append(text)
        if len(notes) == 3:
            going_on.set()

    monkeypatch.setattr(build, "_compile", slow)
    threads = [threading.Thread(target=build_library, args=(DESIGN,), kwargs={"cache": tmp_path, "note": note}) for _ in "abc"]
    threads[0].start()
    assert started.wait(60)
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert made == [DESIGN]
    assert len(notes) == 3
    assert all("another process makes" in text for text in notes[1:])
    assert len(names_in(tmp_path)) == 2


def test_a_waiting_process_makes_the_library_if_the_first_one_was_killed(tmp_path, monkeypatch):
    """The lock ends with its process."""
    program = """
import os, sys
from pathlib import Path
from firstspike_hw.simulation import build
from tests.hw.simulation.designs import DESIGN
def stuck(design, tools, work, library):
    library.write_bytes(b"half")
    print("stuck", flush=True)
    sys.stdin.read()
build._compile = stuck
build.build_library(DESIGN, cache=Path(sys.argv[1]))
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as other:
        assert other.stdout.readline() == "stuck\n"
        assert len(names_in(tmp_path)) == 3
        notes = []

        def note(text):
            notes.append(text)
            other.kill()

        monkeypatch.setattr(build, "_compile", lambda design, tools, work, library: library.write_bytes(b"library"))
        path = build_library(DESIGN, cache=tmp_path, note=note)
    assert "waiting for it" in notes[0]
    assert names_in(tmp_path) == with_digest(path)


def test_a_file_system_without_locks_is_enough(compiled, tmp_path, monkeypatch):
    def no_locks(descriptor, operation):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(kept.fcntl, "flock", no_locks)
    path = build_library(DESIGN, cache=tmp_path)
    assert names_in(tmp_path) == with_digest(path)
