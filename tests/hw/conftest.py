"""What tests of the gateware share: memories, a small network, fake programs, and the command line in this process."""

import json
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring

from firstspike.command_line import main
from firstspike_hw.memory import lane_memory, loadable_memory
from firstspike_hw.memory.ram import InferredRam
from firstspike_spec import save_network

from ..spec.random_networks import random_network
from .bench import LATE_BLOCK_RAMS
from .flow.fakes import Toolchain


@pytest.fixture
def late_block_rams(monkeypatch):
    """Return a style in which all memories are block RAM of an ECP5; they can be simulated."""
    for module in (lane_memory, loadable_memory):
        monkeypatch.setattr(module, "Dp16kd", InferredRam)
    return LATE_BLOCK_RAMS


@pytest.fixture(scope="session")
def network():
    return random_network(1, (6, 5, 3))


@pytest.fixture
def network_file(network, tmp_path):
    path = tmp_path / "small.safetensors"
    save_network(network, path)
    return path


class EmptyTop(wiring.Component):
    """Replaces the design, which the fake programs do not use."""

    def __init__(self, board, shape, contents):
        super().__init__({})

    def elaborate(self, platform):
        return Module()


@pytest.fixture
def toolchain(tmp_path, monkeypatch) -> Toolchain:
    """Fake programs that come first on PATH, and a design that takes no time to elaborate."""
    monkeypatch.setattr("firstspike_hw.flow.bitstream.BoardTop", EmptyTop)
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return Toolchain(folder)


@pytest.fixture
def firstspike(capfd, monkeypatch) -> Callable[..., SimpleNamespace]:
    """Run the command line in this process; return exit code, both outputs, and the JSON with ``--json``."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["firstspike", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capfd.readouterr()
        shown = json.loads(out) if "--json" in arguments and out else None
        return SimpleNamespace(code=end.value.code or 0, out=out, err=err, json=shown)

    return run
