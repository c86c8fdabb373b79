"""Whole files with weights: where the weights are, and what is left out."""

import hashlib
import os
import re

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch import nn

from firstspike_model.importing.weight_files import read_weights
from firstspike_spec import InputError, InputTypeError

RANDOM = np.random.default_rng(3)
SHAPES = {"fc1.weight": (6, 9), "fc1.bias": (6,), "fc2.weight": (5, 6), "fc10.weight": (3, 5), "fc10.bias": (3,)}
ARRAYS = {name: RANDOM.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
TENSORS = {name: torch.from_numpy(array) for name, array in ARRAYS.items()}


def test_every_file_format_gives_the_same_layers(tmp_path):
    np.savez(tmp_path / "a.npz", **ARRAYS)
    np.savez_compressed(tmp_path / "b.npz", **{name.replace(".", "_"): array for name, array in ARRAYS.items()})
    np.savez(tmp_path / "c.npz", **{name: np.ascontiguousarray(array.T) for name, array in ARRAYS.items()})
    parameters = {name: nn.Parameter(tensor) for name, tensor in TENSORS.items()}
    torch.save(parameters, tmp_path / "d.pt")
    torch.save(parameters, tmp_path / "e.pth", _use_new_zipfile_serialization=False)
    torch.save({"model": parameters, "epoch": 3}, tmp_path / "f.ckpt")
    save_file(ARRAYS, tmp_path / "g.safetensors")
    for file in sorted(tmp_path.iterdir()):
        source = read_weights(file, transpose=file.name == "c.npz", under="model" if file.suffix == ".ckpt" else None)
        assert (source.name, source.sha256) == (file.name, hashlib.sha256(file.read_bytes()).hexdigest())
        assert [layer.name for layer in source.layers] == ["fc1", "fc2", "fc10"]
        for layer in source.layers:
            np.testing.assert_array_equal(layer.weights, ARRAYS[f"{layer.name}.weight"])
            np.testing.assert_array_equal(layer.biases, ARRAYS.get(f"{layer.name}.bias", np.zeros(5)))
        assert source.left_out == (("epoch",) if file.suffix == ".ckpt" else ())


def test_named_layers_are_taken_in_their_order_and_others_only_left_out_by_name(tmp_path):
    file = tmp_path / "w.npz"
    np.savez(file, **{"out.weight": np.ones((2, 3)), "out.bias": np.ones(2), "in": np.ones((3, 4)), "steps": np.arange(3)})
    with pytest.raises(InputError, match=r"cannot import .*w\.npz: 'steps': of one dimension, and not in a layer"):
        read_weights(file, ["in", "out"])
    source = read_weights(file, ["in", "out"], leave_out=["st*"])
    assert [layer.name for layer in source.layers] == ["in", "out"]
    assert source.layers[0].biases.tolist() == [0, 0, 0]
    assert source.layers[1].biases.tolist() == [1, 1]
    assert source.left_out == ("steps",)


def trained():
    """A network after a step of Adam, which has matrices of its own."""
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    optimiser = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 4)).sum().backward()
    optimiser.step()
    return model.state_dict(), optimiser.state_dict()


STATE, OPTIMISER = trained()
CIRCLE = {"epoch": 3}
CIRCLE["self"] = CIRCLE

CHECKPOINTS = {
    "usual": ({"net": STATE, "epoch": 3}, "net", ("epoch",)),
    "with an optimiser": (
        {"epoch": 3, "state_dict": STATE, "optimizer": OPTIMISER, "loss": [0.5]},
        "state_dict",
        ("epoch", "optimizer", "loss"),
    ),
    "nested": ({"last": {"model": STATE, "step": 7}, "lr": 0.1}, "last.model", ("lr", "last.step")),
    "alone": ({"model": STATE}, "model", ()),
    "with numbers of data": ({"model": STATE, "mean": torch.ones(3)}, "model", ("mean",)),
}


@pytest.mark.parametrize(("checkpoint", "place", "beside"), CHECKPOINTS.values(), ids=list(CHECKPOINTS))
def test_says_where_in_a_checkpoint_the_weights_are(tmp_path, checkpoint, place, beside):
    """And the option that it names takes them, and counts what it leaves out."""
    file = tmp_path / "c.pt"
    torch.save(checkpoint, file)
    with pytest.raises(InputError, match=rf"it is a checkpoint: the weights are under '{re.escape(place)}'") as raised:
        read_weights(file)
    option = re.search(r"--under (\S+), which leaves out the rest \((.*)\)", str(raised.value))
    assert option[1] == place
    assert option[2] == (", ".join(map(repr, beside)) or "nothing")
    source = read_weights(file, under=option[1])
    assert source.left_out == beside
    assert source.under == place
    assert [layer.weights.shape for layer in source.layers] == [(3, 4), (2, 3)]
    np.testing.assert_array_equal(source.layers[1].weights, STATE["2.weight"].double().numpy())


def test_a_checkpoint_with_several_networks_needs_a_choice(tmp_path):
    averaged = {name: tensor + 1 for name, tensor in STATE.items()}
    torch.save({"model": STATE, "ema": averaged}, tmp_path / "c.pt")
    with pytest.raises(InputError, match="a checkpoint with weights under 'model', 'ema'; choose one with --under"):
        read_weights(tmp_path / "c.pt")
    np.testing.assert_array_equal(
        read_weights(tmp_path / "c.pt", under="ema").layers[0].weights, averaged["0.weight"].double().numpy()
    )


@pytest.mark.parametrize(
    ("content", "under", "message"),
    [
        ({"net": STATE}, "nett", "there are no weights under 'nett'; they are under 'net'"),
        (STATE, "net", "there are no weights under 'net'; leave --under out"),
        ({"a": {"b": {"c": {"d": {"e": STATE}}}}}, None, "'a': not an array of numbers"),
        ({"a.b": STATE, "a": {"b": {"w": torch.ones(2, 2)}}}, "a.b", "two places called 'a.b'"),
        (CIRCLE, None, "'epoch', 'self': not an array of numbers"),
        (STATE | {"optimizer": OPTIMISER}, None, "'optimizer': not an array of numbers; .* --leave-out optimizer"),
        ({str(number): number for number in range(3000)}, None, "it has 3,000 entries, more than 2,048"),
        ({"net": STATE} | {str(number): number for number in range(3000)}, "net", "it has 3,004 entries"),
    ],
)
def test_refuses_checkpoints(tmp_path, content, under, message):
    torch.save(content, tmp_path / "c.pt")
    with pytest.raises(InputError, match=message):
        read_weights(tmp_path / "c.pt", under=under)


def test_many_mappings_are_looked_through_at_once(tmp_path):
    """In a list of what is beside each of them, there would be 400 million names."""
    torch.save({str(number): {} for number in range(20_000)}, tmp_path / "c.pt")
    with pytest.raises(InputError, match="it has 20,000 entries"):
        read_weights(tmp_path / "c.pt")


def test_only_regular_files_are_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reasons = ((tmp_path, "a folder"), (pipe, "a pipe"), ("/dev/zero", "a device"), (tmp_path / "none", "No such file"))
    for path, reason in reasons:
        with pytest.raises(InputError, match=rf"cannot read .*{reason}.*; name a file with weights"):
            read_weights(path)


def test_a_file_is_no_larger_than_may_be_read(tmp_path):
    with (tmp_path / "w.npz").open("wb") as file:
        file.truncate((512 << 20) + 1)  # takes no room
    with pytest.raises(InputError, match=r"it has 536,870,913 bytes, more than 536,870,912"):
        read_weights(tmp_path / "w.npz")


def test_an_error_names_the_file_and_keeps_its_kind(tmp_path):
    np.savez(tmp_path / "w.npz", fc=np.ones((2, 3), np.int8))
    with pytest.raises(InputTypeError, match=r"cannot import .*w\.npz: 'fc' must be floats, not int8"):
        read_weights(tmp_path / "w.npz")
