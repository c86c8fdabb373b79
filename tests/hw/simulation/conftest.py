"""Fixtures of the tests of compiled designs: no compilation, or a shell script as the compiler."""

import pytest

from firstspike_hw.simulation import build


@pytest.fixture
def compiled(monkeypatch):
    """Compile nothing; return a list of the designs that would have been compiled."""
    designs = []

    def fake(design, tools, work, library):
        designs.append(design)
        library.write_bytes(b"library")

    monkeypatch.setattr(build, "_compile", fake)
    return designs


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """Make a shell script the C++ compiler; its arguments are ``"$@"``. Calls that ask for the version do not reach it."""

    def write(script, words=""):
        path = tmp_path / "compiler"
        path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exit 0\nfor last; do :; done\n{script}\n')
        path.chmod(0o755)
        monkeypatch.setenv("CXX", f"{path}{words}")

    return write
