"""The documentation's example runs, shortened, and its network is what it says."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from firstspike_spec import InputError, infer, load_dataset, load_network

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "docs" / "examples" / "train_layered.py"


def test_the_example_trains_a_network(mnist_test, tmp_path):
    try:
        load_dataset("mnist", "train")
    except InputError:
        pytest.skip("MNIST's training images are not on this machine: set FIRSTSPIKE_DATA")
    file = tmp_path / "network.safetensors"
    run = subprocess.run(
        [sys.executable, str(EXAMPLE), "3", "3000", str(file)], capture_output=True, text=True, check=True, env=os.environ
    )
    network = load_network(file)
    test = mnist_test.first(3000)
    right = infer(network, test.images).classes == test.labels
    assert f"{right.mean():.2%} of 3000 test images right, {network.synapses:,} connections" in run.stdout
    assert right.mean() > 0.93
    assert {int(weight) for layer in network.layers for weight in np.unique(layer.projections[0].row_weights)} <= {
        *range(-7, 8)
    }


def test_the_example_is_short():
    lines = EXAMPLE.read_text().split('"""', 2)[2].splitlines()
    assert len([line for line in lines if line.strip()]) <= 35
