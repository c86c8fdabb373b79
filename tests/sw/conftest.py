"""What the tests of the host side share: a small network as a file, and the command line in this process."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firstspike.command_line import main
from firstspike_spec import Network, save_network

from ..spec.random_networks import random_network


@pytest.fixture(scope="session", autouse=True)
def engine_cache(tmp_path_factory):
    """Compile engines of this session into a folder of its own; workers share it, so that each is compiled once."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "engine-cache"))
        yield


@pytest.fixture(scope="session")
def network() -> Network:
    """A network of 4 by 4 pixels, 9 hidden neurons and 4 classes."""
    return replace(random_network(7, (16, 9, 4), connectivity=0.6, threshold=6), input_shape=(4, 4))


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (40, 16)).astype(np.uint8)


@pytest.fixture
def network_file(network, tmp_path) -> Path:
    path = tmp_path / "small.safetensors"
    save_network(network, path)
    return path


@pytest.fixture
def image_file(images, tmp_path) -> Path:
    path = tmp_path / "images.npy"
    np.save(path, images)
    return path


@pytest.fixture
def data_folder(network, images, tmp_path) -> Path:
    """A test split in the IDX format, labelled by the golden model, but for two images."""
    from firstspike_spec import infer

    labels = infer(network, images).classes.astype(np.uint8)
    labels[:2] = (labels[:2] + 1) % network.outputs
    folder = tmp_path / "data"
    folder.mkdir()
    for name, array in (("t10k-images-idx3-ubyte", images.reshape(-1, 4, 4)), ("t10k-labels-idx1-ubyte", labels)):
        header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
        (folder / name).write_bytes(header + array.tobytes())
    return folder


class Finished:
    """What a run of the command line left behind."""

    def __init__(self, code: int, out: str, err: str):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> dict:
        assert self.out.count("\n") == 1, f"wanted one line of JSON, not {self.out!r}"
        return json.loads(self.out)


@pytest.fixture
def firstspike(monkeypatch, capsys) -> Callable[..., Finished]:
    """The command line, as a function of its arguments."""

    def run(*arguments) -> Finished:
        monkeypatch.setattr(sys, "argv", ["firstspike", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        return Finished(code, *capsys.readouterr())

    return run
