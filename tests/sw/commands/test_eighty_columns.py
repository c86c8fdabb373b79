"""Tables of the commands on a terminal of 80 columns, with the networks that come with firstspike: nothing is cut."""

import re
import shutil

import numpy as np
import pytest

from firstspike.commands.demo import load_digits
from firstspike_spec.artefact.shipped import shipped_network

NETWORKS = ("fashion-conv", "fashion-mlp", "mnist-conv", "mnist-mlp", "mnist-mlp-2", "mnist-mlp-200")


@pytest.fixture
def shown(firstspike, monkeypatch):
    """What a command prints; no line is too long, and nothing was left out."""
    monkeypatch.setenv("COLUMNS", "80")

    def show(*arguments) -> str:
        finished = firstspike(*arguments)
        assert finished.code == 0, finished.err
        assert "…" not in finished.out
        tables = [line for line in finished.out.splitlines() if line[:1] in "┏┃┡│├└┌"]
        assert max(map(len, tables), default=0) <= 80
        return finished.out

    return show


@pytest.fixture
def digits(tmp_path):
    """A data set of the digits that come with firstspike, as an archive."""
    digits = load_digits().first(40)
    arrays = {f"x_{split}": digits.images for split in ("train", "test")}
    arrays |= {f"y_{split}": digits.labels for split in ("train", "test")}
    np.savez(tmp_path / "digits.npz", **arrays)
    return tmp_path / "digits.npz"


@pytest.mark.parametrize("name", NETWORKS)
def test_info(shown, name):
    text = shown("info", shipped_network(name))
    for word in ("neurons", "synapses", "connectivity", "weight bits", "threshold", "test accuracy: ", "digest: "):
        assert word in text
    assert "--verbose also shows: settings, versions" in text
    assert "{" not in text
    verbose = shown("info", shipped_network(name), "--verbose")
    assert "-bit potentials" in verbose
    assert re.search(r"^settings:\n  alpha: 0\.03$", verbose, re.MULTILINE)
    assert "{" not in verbose


def test_run_and_demo(shown, tmp_path):
    network = shipped_network("mnist-mlp")
    np.save(tmp_path / "digits.npy", load_digits().images[:30])
    text = shown("run", network, "--input", tmp_path / "digits.npy")
    assert "first-spike latency of class" in text
    assert "0 1 2 3 4 5 6 7 8 9" in text
    assert "'.': no spike" in text
    assert "first-spike latency of class" in shown("demo", "--device", "golden", "--out", tmp_path)


@pytest.mark.parametrize("name", ["mnist-mlp", "mnist-conv"])
def test_commands_on_a_data_set(shown, digits, tmp_path, name):
    network = tmp_path / "network.safetensors"
    shutil.copyfile(shipped_network(name), network)
    assert "accuracy by first spike" in shown("validate", network, "--data", digits)
    assert "images/s, end to end, by this host's clock" in shown("throughput", network, "--device", "golden", "--data", digits)
    assert "sources that never spiked" in shown("profile", network, "--data", digits)
    assert "with early exit and to the last step" in " ".join(shown("selftest", network).replace("│", " ").split())
    shown("plot", "decisions", network, "--data", digits, "--out", tmp_path / "decisions.png")
    shown("ports")
