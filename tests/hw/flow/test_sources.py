"""The sources in the keys of bitstreams and compiled designs: every file of two packages, in whatever folder."""

from pathlib import Path

import pytest

from firstspike_hw.flow import sources

ROOT = Path(__file__).parents[3]
PACKAGES = {"firstspike_hw": ROOT / "hw" / "firstspike_hw", "firstspike_spec": ROOT / "model" / "firstspike_spec"}


def test_every_file_is_read(monkeypatch):
    """Of every kind, such as Python, C++ and JSON."""
    wanted = {
        path
        for package in PACKAGES.values()
        for path in package.rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    read, opened = Path.read_bytes, set()

    def recording(path):
        opened.add(path)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", recording)
    sources.sources()
    assert opened == wanted
    assert {path.suffix for path in opened} >= {".py", ".cc", ".h", ".json"}
    assert max(len(path.relative_to(ROOT).parts) for path in opened) >= 5  # such as hw/firstspike_hw/boards/plls/ecp5.py


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package in place of both, with files in nested rooms."""
    for name in (
        "__init__.py",
        "room/__init__.py",
        "room/deep/part.py",
        "room/deep/deeper/part.py",
        "room/deep/__pycache__/part.pyc",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(sources, "files", lambda package: tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "new.py",
        "room/new.cc",
        "room/deep/new.h",
        "room/deep/deeper/new.json",
        "room/deep/new/new/new/new",
        "room/deep/deeper/part.py",
    ],
)
def test_a_new_or_changed_file_counts_in_any_folder(package, name):
    before = sources.sources()
    (package / name).parent.mkdir(parents=True, exist_ok=True)
    (package / name).write_text("new")
    assert sources.sources() != before


def test_a_moved_or_renamed_file_counts(package):
    seen = [sources.sources()]
    for old, new in (("room/deep/part.py", "room/part.py"), ("room/part.py", "room/other.py")):
        (package / old).rename(package / new)
        seen.append(sources.sources())
    assert len(set(seen)) == 3


def test_compiled_python_does_not_count(package):
    before = sources.sources()
    (package / "room/deep/__pycache__/part.pyc").write_text("another")
    assert sources.sources() == before
