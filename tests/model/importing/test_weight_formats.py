"""Formats of files: weights are read, other kinds are named, and no file takes more memory than allowed."""

import io
import json
import pickle
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
import torch
from safetensors.numpy import save
from torch import nn

from firstspike_model.importing import weight_formats
from firstspike_model.importing.weight_formats import parse_entries
from firstspike_spec import InputError

MEGABYTE = 1 << 20


def packed(write):
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def npz(**arrays):
    return packed(lambda file: np.savez(file, **arrays))


def saved(value, *, older=False):
    return packed(lambda file: torch.save(value, file, _use_new_zipfile_serialization=not older))


def archive(members, **settings):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **settings) as writer:
        for name, content in members:
            writer.writestr(name, content)
    return file.getvalue()


ARRAYS = {"fc.weight": np.float32([[1, 2, 3], [4, 5, 6]]), "fc.bias": np.float32([7, 8])}
TENSORS = {name: torch.from_numpy(array) for name, array in ARRAYS.items()}
WHOLE = {
    "npz": npz(**ARRAYS),
    "packed npz": packed(lambda file: np.savez_compressed(file, **ARRAYS)),
    "torch": saved(TENSORS),
    "older torch": saved(TENSORS, older=True),
    "safetensors": save(ARRAYS),
}


@pytest.mark.parametrize("content", WHOLE.values(), ids=list(WHOLE))
def test_reads_every_format_whatever_its_name(content):
    entries = parse_entries(content, "w")
    assert set(entries) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(np.asarray(entries[name]), array)


@pytest.mark.parametrize("content", WHOLE.values(), ids=list(WHOLE))
def test_refuses_damaged_files(content):
    for damaged in (content[: len(content) // 2], content[:-30], content[:60] + bytes(4) + content[64:]):
        try:
            parse_entries(damaged, "w")
        except InputError as error:
            assert "save the weights again" in str(error)  # noqa: PT017 - a changed byte may lie where nothing is


def test_plain_values_beside_tensors_are_no_objects():
    values = {"names": {"cat", "dog"}, "mean": 1j, "sizes": torch.Size([2]), "kind": torch.float32, "list": [1, None, "a"]}
    for protocol in (2, 3):
        content = packed(lambda file, protocol=protocol: torch.save(TENSORS | values, file, pickle_protocol=protocol))
        assert set(parse_entries(content, "w")) == set(TENSORS) | set(values)


class Strange:
    """An object that only a pickle that runs code can restore."""


SCRIPT = "code/__torch__/torch/nn/modules/linear.py"

OTHERS = {
    "nothing": (b"", "it is empty; save the weights again"),
    "garbage": (bytes(range(128, 256)), "not a NumPy archive, PyTorch state dict or safetensors file, or it is damaged"),
    "npy": (packed(lambda file: np.save(file, np.ones(3))), r'fc1_weight=numpy.load\("folder/w"\)'),
    "csv": (b"1.5,2\n3,4\r\n", r'it is text; .*numpy.loadtxt\("folder/w", delimiter=","\)'),
    "pickle": (pickle.dumps({"fc": 1}), "a pickle of Python, and reading it could run code"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(100), r'Keras writes it; run .*keras.models.load_model\("folder/w"\).weights'),
    "keras": (archive([("config.json", b"{}"), ("model.weights.h5", b"\x89HDF")]), "it is a Keras model; run numpy.savez"),
    "onnx": (b"\x08\x09\x12\x07pytorch", r'an ONNX model; run .*onnx.load\("folder/w"\).graph.initializer'),
    "gzip": (b"\x1f\x8b\x08" + bytes(20), "packed by gzip; unpack it"),
    "torchscript": (
        archive([("a/constants.pkl", b""), ("a/data.pkl", b""), (f"a/{SCRIPT}", b"")]),
        r'a TorchScript archive; run torch.save\(torch.jit.load\("folder/w"\).state_dict\(\), "weights.pt"\)',
    ),
    "torch.export": (archive([("e/models/model.json", b"{}"), ("e/archive_format", b"pt2")]), "torch.export made"),
    "whole model": (
        saved(nn.Linear(2, 2)),
        r"it is a whole model, or another object of Python \('torch.nn.modules.linear.Linear'\), and reading it could run "
        r'any code; .* run torch.save\(torch.load\("folder/w", weights_only=False\).state_dict\(\), "weights.pt"\)$',
    ),
    "older whole model": (saved(nn.Linear(2, 2), older=True), "it is a whole model"),
    "objects": (
        saved({"net": TENSORS, "arguments": Strange()}),
        r"besides weights it holds objects of Python \('.*Strange'\).*save the state dict in it alone",
    ),
    "a later pickle": (
        packed(lambda file: torch.save(TENSORS, file, pickle_protocol=4)),
        "it is written with protocol 4 of pickle; save it with torch.save's usual one",
    ),
    "a tensor": (saved(torch.ones(2, 2)), "it holds a Tensor, not matrices by name"),
    "a list": (saved([torch.ones(2, 2)]), "it holds a list"),
    "an integer": (saved(7), "it holds an int"),
    "numbers as names": (saved({1: torch.ones(2, 2)}), "not matrices by name"),
    "no entries": (npz(), "the file has no entries"),
    "objects in npz": (npz(fc=np.full((2, 3), None)), "'fc' is damaged, or not an array of numbers"),
    "structures in npz": (npz(fc=np.zeros(3, [("a", "f4")])), "'fc' is damaged, or not an array of numbers"),
    "text in npz": (archive([("fc.npy", b"no array")]), "'fc' is damaged, or not an array of numbers"),
    "a network": (
        save({"layers.0.row_weights": np.ones(3, np.int16)}, {"format": "firstspike-network"}),
        "it is a network of whole numbers already, and needs no import",
    ),
}


@pytest.mark.parametrize(("content", "message"), OTHERS.values(), ids=list(OTHERS))
def test_tells_what_another_file_is_and_what_to_do(content, message):
    with pytest.raises(InputError, match=message) as raised:
        parse_entries(content, "folder/w")
    text = str(raised.value)
    assert text.isprintable()
    assert len(text) < 500


@pytest.mark.parametrize("older", [False, True])
def test_the_advice_for_a_whole_model_gives_weights(tmp_path, monkeypatch, older):
    monkeypatch.chdir(tmp_path)
    torch.save(nn.Linear(3, 2), "model.pt", _use_new_zipfile_serialization=not older)
    with pytest.raises(InputError) as raised:
        parse_entries((tmp_path / "model.pt").read_bytes(), "model.pt")
    exec(str(raised.value).partition("run ")[2].partition("run ")[2], {"torch": torch})
    assert set(parse_entries((tmp_path / "weights.pt").read_bytes(), "weights.pt")) == {"weight", "bias"}


def test_the_advice_for_a_single_array_and_a_table_gives_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("w.npy", np.ones((2, 3)))
    np.savetxt("w.csv", np.ones((2, 3)), delimiter=",")
    for name in ("w.npy", "w.csv"):
        with pytest.raises(InputError) as raised:
            parse_entries((tmp_path / name).read_bytes(), name)
        exec("numpy.savez" + str(raised.value).partition("numpy.savez")[2], {"numpy": np})
        entries = parse_entries((tmp_path / "weights.npz").read_bytes(), "weights.npz")
        np.testing.assert_array_equal(entries["fc1_weight"], np.ones((2, 3)))


# What files may take.


def header(shape, kind="<f4"):
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    padded = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode()


def bomb(size, **settings):
    return archive([("fc.npy", header((size // 4,)) + bytes(size))], compression=zipfile.ZIP_DEFLATED, **settings)


def pickle_of(operations):
    return archive([("a/data.pkl", b"\x80\x02" + b"}" * operations + b"."), ("a/version", b"3")])


def safetensors_of(header_bytes):
    text = json.dumps({"fc": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).ljust(header_bytes)
    return len(text).to_bytes(8, "little") + text.encode() + bytes(4)


TOO_MUCH = {
    "unpacked": (lambda: bomb(3 * MEGABYTE), r"unpacked, it would have 3,145,856 bytes, more than 2,097,152"),
    "unpacked, of PyTorch": (
        lambda: archive([("a/data.pkl", b"."), ("a/data/0", bytes(3 * MEGABYTE))], compression=zipfile.ZIP_DEFLATED),
        "unpacked, it would have 3,145,729 bytes",
    ),
    "a shape without its content": (lambda: archive([("fc.npy", header((1 << 40,)))]), "'fc' is damaged"),
    "a shape of no bytes": (lambda: archive([("fc.npy", header((1 << 40, 0)))]), None),
    "another packing": (
        lambda: archive([("fc.npy", header((4,)) + bytes(16))], compression=zipfile.ZIP_LZMA),
        "'fc' is damaged, or not an array",
    ),
    "many files": (lambda: archive([(f"{n}.npy", b"") for n in range(9000)]), "an archive of more than 8,192 files"),
    "a name twice": (lambda: archive([("fc", b""), ("fc.npy", b"")]), "it has 'fc' twice"),
    "many objects": (lambda: pickle_of(1 << 20), "more than 1,048,576 values besides the weights"),
    "bytes without number": (
        lambda: archive(
            [("a/data.pkl", b"\x80\x02cbuiltins\nbytearray\n\x8a\x05" + (1 << 33).to_bytes(5, "little") + b"\x85R.")]
        ),
        "another object of Python \\('builtins.bytearray'\\)",
    ),
    "a long header": (lambda: safetensors_of(3 * MEGABYTE), r"a header of 3,145,728 bytes, more than 2,097,152"),
    "a header longer than the file": (
        lambda: (1 << 60).to_bytes(8, "little") + b"{}",
        "a header of 1,152,921,504,606,846,976",
    ),
}


@pytest.mark.parametrize(("make", "message"), TOO_MUCH.values(), ids=list(TOO_MUCH))
def test_bounds_what_a_file_takes_before_it_takes_it(monkeypatch, make, message):
    monkeypatch.setattr(weight_formats, "MAX_FILE_BYTES", 2 * MEGABYTE)
    content = make()
    tracemalloc.start()
    try:
        if message is None:
            parse_entries(content, "w")
        else:
            with pytest.raises(InputError, match=message):
                parse_entries(content, "w")
        assert tracemalloc.get_traced_memory()[1] < len(content) + 8 * MEGABYTE
    finally:
        tracemalloc.stop()


def test_a_size_that_a_directory_hides_is_not_unpacked():
    """The directory says 1 byte for 32 MB of zeros: no more than that is unpacked."""
    content = bytearray(bomb(32 * MEGABYTE))
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = (1).to_bytes(4, "little")
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="'fc' is damaged"):
            parse_entries(bytes(content), "w")
        assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
    finally:
        tracemalloc.stop()


def test_no_mutant_of_a_file_ends_otherwise_than_clearly():
    """300 files with changed bytes: whatever it is, it is entries or a refusal in one line."""
    generator = np.random.default_rng(0)
    refused = 0
    for content in WHOLE.values():
        for _ in range(60):
            mutant = bytearray(content)
            for place in generator.integers(0, len(mutant), generator.integers(1, 4)):
                mutant[place] = generator.integers(256)
            try:
                parse_entries(bytes(mutant), "w")
            except InputError as error:
                refused += 1
                assert str(error).isprintable()  # noqa: PT017 - which mutants are refused depends on where the bytes lie
    assert refused > 100


def test_checksums_are_checked():
    content = bytearray(WHOLE["npz"])
    at = content.index(ARRAYS["fc.weight"].tobytes())
    content[at] ^= 1
    assert zlib.crc32(bytes(content[at : at + 24])) != zlib.crc32(ARRAYS["fc.weight"].tobytes())
    with pytest.raises(InputError, match=r"'fc.weight' is damaged"):
        parse_entries(bytes(content), "w")
