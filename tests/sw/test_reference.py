"""The golden model is never compared with the same computation: with PyTorch's, or with nothing, and the user is told."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from firstspike import Accelerator
from firstspike_spec import infer, save_network
from firstspike_spec.inference import golden

from .layered_networks import colour_images, colour_network, digits_network
from .test_validation import Wrong

NUMPY, PYTORCH = "the golden model", "the golden model in PyTorch"


@pytest.fixture
def without_pytorch(monkeypatch):
    """As if PyTorch were not installed."""
    for name in [name for name in sys.modules if name.split(".")[0] == "firstspike_model"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.fixture(params=["step by step", "layered"])
def kind(request):
    return request.param


@pytest.fixture
def both(kind, network, images):
    """A network of each kind, and images for it."""
    return (network, images) if kind == "step by step" else (colour_network(), colour_images())


def validated(network, images, *, early_exit, wrong=None):
    accelerator = Accelerator.open("golden", network=network)
    if wrong is not None:
        accelerator._device = Wrong(accelerator._device, wrong)
    return accelerator.validate(images, np.zeros(len(images), int), early_exit=early_exit)


@pytest.mark.parametrize("early_exit", [True, False])
def test_golden_is_compared_with_another_computation(both, kind, early_exit):
    network, images = both
    validation = validated(network, images, early_exit=early_exit)
    assert validation.reference == (NUMPY if early_exit and kind == "step by step" else PYTORCH)
    assert validation.passed
    assert validation.comparison.passed
    assert validation.summary()["reference"] == validation.reference
    expected = infer(network, images, early_exit=early_exit)
    np.testing.assert_array_equal(validation.synaptic_operations, expected.synaptic_operations)


def test_other_devices_are_compared_with_golden(both, without_pytorch):
    network, images = both
    validation = validated(network, images, early_exit=False, wrong=lambda results: results)
    assert (validation.reference, validation.passed) == (NUMPY, True)


def test_without_pytorch_golden_runs_once_and_nothing_is_compared(both, without_pytorch, monkeypatch):
    network, images = both
    runs = []

    def counted(network, times):
        runs.append(len(times))
        return real(network, times)

    name = "infer_layered" if network.kind == "layered" else "_propagate"
    real = getattr(golden, name)
    monkeypatch.setattr(golden, name, counted)
    validation = validated(network, images, early_exit=False)
    assert runs == [len(images)]
    assert (validation.reference, validation.passed) == (None, True)
    assert validation.comparison.compared_values == 0
    expected = infer(network, images, early_exit=False)
    np.testing.assert_array_equal(validation.synaptic_operations, expected.synaptic_operations)
    np.testing.assert_array_equal(validation.results.classes, expected.classes)


def test_without_pytorch_early_exit_is_still_compared(network, images, without_pytorch):
    validation = validated(network, images, early_exit=True)
    assert (validation.reference, validation.comparison.passed) == (NUMPY, True)


def test_a_fault_of_the_golden_model_is_found(monkeypatch):
    def wrong(network, times):
        inference = real(network, times)
        return replace(inference, decision_steps=inference.decision_steps + 1)

    real = golden.infer_layered
    monkeypatch.setattr(golden, "infer_layered", wrong)
    validation = validated(colour_network(), colour_images(), early_exit=False)
    assert not validation.passed
    assert "decision steps: image 0" in validation.comparison.named[0]


@pytest.fixture
def files(tmp_path):
    """A layered network of digits, and data for it."""
    network, digits = digits_network(), np.random.default_rng(0).integers(0, 256, (9, 28, 28)).astype(np.uint8)
    save_network(network, tmp_path / "digits.safetensors")
    np.savez(tmp_path / "own.npz", x_test=digits, y_test=np.zeros(9, np.uint8))
    return tmp_path


def test_the_commands_say_what_golden_was_compared_with(firstspike, files):
    validate = ("validate", files / "digits.safetensors", "--data", files / "own.npz")
    assert f"values compared with {PYTORCH}" in firstspike(*validate).out
    assert firstspike(*validate, "--json").json["reference"] == PYTORCH
    shown = firstspike("demo", files / "digits.safetensors", "--device", "golden", "--out", files / "out")
    assert f"values compared with {PYTORCH}, 0 mismatches" in shown.out


def test_the_commands_say_that_nothing_was_compared(firstspike, files, without_pytorch, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    validate = ("validate", files / "digits.safetensors", "--data", files / "own.npz")
    shown = firstspike(*validate)
    assert shown.code == 0
    assert "none, golden is the reference" in shown.out
    assert "mismatches" not in shown.out
    report = firstspike(*validate, "--json").json
    assert (report["reference"], report["compared_values"], report["mismatches"]) == (None, 0, 0)
    shown = firstspike("demo", files / "digits.safetensors", "--device", "golden", "--out", files / "out")
    assert shown.code == 0
    assert "nothing was compared: the golden model is the reference" in shown.out
