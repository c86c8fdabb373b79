"""Files of step-by-step networks: loading returns what was saved, or an error that says what is wrong."""

import json
import os
import random
import resource
import stat
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from safetensors.numpy import load, save

from firstspike_spec import InputError, LatencyEncoder, Layer, Network, load_network, save_network
from firstspike_spec.artefact.container import MAX_FILE_BYTES, activity_metadata, in_order
from firstspike_spec.common import files
from firstspike_spec.network.content import LAYER_NUMBERS, activities

from ...levels import THOROUGH
from ..random_networks import networks, with_activity
from .refusals import refused


@pytest.fixture
def small():
    """A network with the shortest possible file, whose provenance could be written as JSON in several ways."""
    layers = [Layer.from_dense(np.array([[1, -2], [3, 4]]), [5, -6], 7, 4)] * 2
    return Network(LatencyEncoder([200, 9]), layers, (2,), ("é", "b"), {"seed": 0, "rate": 1e-05})


@pytest.fixture
def profiled(small):
    """The same with the activity of its sources."""
    return with_activity(small, 0)


def assert_same(one, other):
    assert one.digest == other.digest
    assert one.input_shape == other.input_shape
    assert one.class_names == other.class_names
    assert one.provenance == other.provenance
    np.testing.assert_array_equal(one.encoder.thresholds, other.encoder.thresholds)
    for left, right in zip(one.layers, other.layers, strict=True):
        for name in ("row_starts", "row_targets", "row_weights", "initial_potentials", *LAYER_NUMBERS, "activity"):
            np.testing.assert_array_equal(getattr(left, name), getattr(right, name))


@given(network=networks())
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trip(network, path):
    save_network(network, path)
    assert_same(load_network(path), network)


@given(network=networks())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trip_with_activity(network, path):
    network = with_activity(network, 3)
    save_network(network, path)
    assert_same(load_network(path), network)


def test_the_activity_of_some_layers_only(small, path):
    layers = (small.layers[0], replace(small.layers[1], activity=[0, 65535]))
    save_network(replace(small, layers=layers), path)
    assert [layer.activity is None for layer in load_network(path).layers] == [True, False]
    assert_same(load_network(path), replace(small, layers=layers))


def test_a_file_without_activity_says_nothing_about_it(small, profiled, path):
    """It is byte for byte the same file as before there was activity."""
    save_network(small, path)
    assert b"activity" not in path.read_bytes()
    assert load_network(path).layers[0].activity is None
    save_network(profiled, path)
    assert b"activity_digest" in path.read_bytes()


def test_saving_twice_gives_the_same_bytes(either, path, tmp_path):
    save_network(either, path)
    save_network(load_network(path), tmp_path / "again.safetensors")
    assert path.read_bytes() == (tmp_path / "again.safetensors").read_bytes()


def test_every_bit_flip_is_refused(either, path):
    save_network(either, path)
    content = path.read_bytes()
    accepted = []
    for place in range(len(content)):
        for flip in [1 << bit for bit in range(8)] + [0xFF]:
            damaged = bytearray(content)
            damaged[place] ^= flip
            if refused(path, damaged) is None:
                accepted.append((place, content[max(0, place - 20) : place + 5], chr(damaged[place])))
    assert not accepted


def test_every_other_byte_in_the_header_is_refused(either, path):
    """Other spellings of the same JSON are refused too: one network has one file. On every change, a quarter at each place."""
    save_network(either, path)
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    accepted, values = [], b' \t\r\n-+0123456789.eEaAuUIFBxX"\\/'
    for place in range(8, 8 + length):
        for value in values if THOROUGH else values[place % 4 :: 4]:
            damaged = bytearray(content)
            damaged[place] = value
            if value != content[place] and refused(path, damaged) is None:
                accepted.append((content[max(0, place - 20) : place + 5], chr(value)))
    assert not accepted


def test_every_truncation_is_refused(either, path):
    save_network(either, path)
    content = path.read_bytes()
    assert all(refused(path, content[:length]) for length in range(len(content)))
    assert refused(path, content + b"\0")


def rebuilt(subject, /, *, tensors=None, drop=(), description=None, **metadata):
    """Return the bytes of a network's file with some of its parts replaced."""
    parts = {**subject.tensors, **activities(subject.layers), **(tensors or {})}
    text = json.dumps({**json.loads(subject.description), **(description or {})}, sort_keys=True)
    header = {"format": "firstspike-network", "format_version": "1", "digest": subject.digest, "network": text}
    header |= activity_metadata(activities(subject.layers)) | metadata
    return in_order(save({name: tensor for name, tensor in parts.items() if name not in drop}, header))


def test_the_helper_rebuilds_the_very_file(either, path):
    save_network(either, path)
    content = path.read_bytes()
    assert refused(path, rebuilt(either)) is None
    assert path.read_bytes() == content


LAYER_0 = {"threshold": 3, "weight_bits": 4, "potential_bits": 12}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "other"}, "not a network of firstspike .format 'other', wanted 'firstspike-network'"),
        ({"format_version": "3"}, "layer 0: the description must have the fields"),
        ({"format_version": "4"}, "format version '4' is unknown: this program reads 1, 2, 3; update firstspike"),
        ({"digest": "0" * 64}, "the content is damaged: its digest is .*, the file says 0000000000000000"),
        ({"network": "[]"}, "the description is damaged .not a JSON object"),
        ({"network": "{"}, "the description is damaged"),
        ({"network": "[" * 100_000}, "the description is damaged"),
        ({"drop": ("layers.1.row_targets",)}, "tensors are missing or unknown: layers.1.row_targets"),
        ({"tensors": {"extra": np.zeros(1)}}, "tensors are missing or unknown: extra"),
        ({"drop": ("encoder.thresholds",)}, "tensors are missing or unknown: encoder.thresholds"),
        (
            {"tensors": {"layers.0.row_targets": np.array([0, 1, 0, 9], np.int32)}},
            r"layer 0: row_targets\[3\] must be in 0 .. 1",
        ),
        (
            {"tensors": {"layers.0.row_targets": np.array([1, 0, 0, 1], np.int32)}},
            "layer 0: the targets of source 0 must strictly",
        ),
        ({"tensors": {"layers.0.row_weights": np.array([1, 0, 1, 1], np.int16)}}, r"layer 0: row_weights\[1\] is 0"),
        (
            {"tensors": {"layers.0.row_weights": np.full(4, np.nan, np.float32)}},
            "row_weights must be of type int16, not float32",
        ),
        ({"tensors": {"layers.0.row_starts": np.array([0, 2, 5])}}, r"layer 0: row_starts\[2\] must be in 0 .. 4, not 5"),
        (
            {"tensors": {"layers.1.start_potentials": np.full(2, np.nan)}},
            "start_potentials must be of type int32, not float64",
        ),
        ({"tensors": {"layers.1.start_potentials": np.zeros((2, 1), np.int32)}}, "start_potentials must have one dimension"),
        ({"tensors": {"layers.1.start_potentials": np.zeros(0, np.int32)}}, "layer 1: number of neurons must be in 1"),
        (
            {"tensors": {"encoder.thresholds": np.array([np.nan, 1, 1])}},
            "encoder.thresholds must be of type int16, not float64",
        ),
        ({"tensors": {"encoder.thresholds": np.array([3, 4], np.int16)}}, "encoder thresholds must not rise"),
        (
            {"description": {"layers": [{**LAYER_0, "threshold": 0}] * 2}},
            "layer 0: threshold must be in 1 .. 2147483647, not 0",
        ),
        (
            {"description": {"layers": [{**LAYER_0, "threshold": 3.5}] * 2}},
            "layer 0: threshold must be a whole number, not 3.5",
        ),
        ({"description": {"layers": [{**LAYER_0, "potential_bits": 2}] * 2}}, "layer 0: potential_bits = 2 is too narrow"),
        ({"description": {"layers": [{**LAYER_0, "potential_bits": None}] * 2}}, "layer 0 must have the numbers threshold"),
        ({"description": {"layers": [{**LAYER_0, "more": 1}] * 2}}, "layer 0 must have the numbers threshold"),
        ({"description": {"layers": [1, 2]}}, "layer 0 must have the numbers threshold"),
        ({"description": {"layers": []}}, "tensors are missing or unknown"),
        ({"description": {"layers": {}}}, "must be lists, and provenance an object"),
        ({"description": {"provenance": []}}, "must be lists, and provenance an object"),
        ({"description": {"more": 1}}, "the description must have the fields"),
        ({"description": {"input_shape": [3]}}, "layer 0 has 2 sources, but the input has 3 neurons"),
        ({"description": {"input_shape": [[2]]}}, "each size of input_shape must be a whole number"),
        ({"description": {"class_names": ["a"]}}, "class_names must name the 2 output neurons, not 1"),
        ({"description": {"class_names": [1, 2]}}, "class_names must be strings"),
        ({"description": {"provenance": {"seed": 8}}}, "the content is damaged: its digest"),
        ({"description": {"provenance": {"rate": float("nan")}}}, "damaged"),
        ({"description": {"provenance": {"rate": float("inf")}}}, "damaged"),
    ],
)
def test_content_that_breaks_a_rule(changes, message, small, path):
    path.write_bytes(rebuilt(small, **changes))
    with pytest.raises(InputError, match=message):
        load_network(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activity_digest": "0" * 64}, "the activity is damaged: its digest is another; profile, export or download"),
        ({"tensors": {"layers.0.activity": np.array([1, 2], np.uint16)}}, "the activity is damaged"),
        ({"drop": ("layers.0.activity",)}, "the activity is damaged"),
        ({"drop": ("layers.0.activity", "layers.1.activity")}, "the activity is damaged"),
        ({"tensors": {"layers.0.activity": np.array([1, 2])}}, "layers.0.activity must be of type uint16, not int64"),
        ({"tensors": {"layers.1.activity": np.zeros(3, np.uint16)}}, r"layer 1: activity must have the shape \(2,\)"),
        ({"tensors": {"layers.2.activity": np.zeros(2, np.uint16)}}, "tensors are missing or unknown: layers.2.activity"),
        ({"drop": ("layers.1.row_targets",)}, "tensors are missing or unknown: layers.1.row_targets"),
    ],
)
def test_activity_that_breaks_a_rule(changes, message, profiled, path):
    path.write_bytes(rebuilt(profiled, **changes))
    with pytest.raises(InputError, match=message):
        load_network(path)


def test_activity_without_its_digest(small, profiled, path):
    path.write_bytes(rebuilt(small, tensors=activities(profiled.layers)))
    with pytest.raises(InputError, match="the activity is damaged"):
        load_network(path)


@pytest.mark.parametrize("depth", [33, 100, 900, 950, 980, 990, 100_000])
def test_deeply_nested_provenance(depth, small, path):
    nested = "[" * depth + "]" * depth
    text = small.description.replace('"seed": 0', f'"seed": {nested}')
    path.write_bytes(rebuilt(small, network=text))
    with pytest.raises(InputError, match=r"damaged|nested too deeply"):
        load_network(path)


def test_a_header_of_10_gigabytes_is_refused_without_allocating_it(path):
    path.write_bytes((10 << 30).to_bytes(8, "little") + b"{}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="its header should have 10,737,418,240 bytes, the file has 10"):
        load_network(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10  # KiB


def test_a_file_larger_than_any_network_is_not_read(path):
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)  # a hole, which takes no space
    with pytest.raises(
        InputError, match=r"it has 134,217,729 bytes, more than 134,217,728; name a network's .safetensors file"
    ):
        load_network(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"1234567", b"12345678", (2).to_bytes(8, "little") + b"\xff\xff", random.Random(0).randbytes(100)],
    ids=["empty", "seven bytes", "eight bytes", "no JSON", "noise"],
)
def test_files_that_are_not_safetensors(content, path):
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"header|truncated"):
        load_network(path)


@pytest.mark.parametrize("metadata", [None, {}, {"format": "pt"}])
def test_safetensors_of_other_programs(metadata, path):
    path.write_bytes(save({"weight": np.zeros((2, 2))}, metadata))
    with pytest.raises(InputError, match="not a network of firstspike"):
        load_network(path)


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*none.safetensors: No such file.*name a network's .safetensors file"):
        load_network(tmp_path / "none.safetensors")
    with pytest.raises(InputError, match=r"cannot read .*: it is a folder, not a file"):
        load_network(tmp_path)


def test_the_saved_tensors_have_the_documented_types(profiled, path):
    save_network(profiled, path)
    types = {name: tensor.dtype for name, tensor in load(path.read_bytes()).items()}
    of_activities = {f"layers.{index}.activity": np.uint16 for index in range(2)}
    assert types == {name: tensor.dtype for name, tensor in profiled.tensors.items()} | of_activities
    assert types["layers.0.row_weights"] == np.int16


# Saving: completely, or not at all.


def names_in(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_full_disk_leaves_the_file_that_was_there(small, path, monkeypatch):
    path.write_bytes(b"before")

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.Path, "write_bytes", fail)
    with pytest.raises(InputError, match=r"cannot write .*: No space left on device; choose another name"):
        save_network(small, path)
    monkeypatch.undo()
    assert path.read_bytes() == b"before"
    assert names_in(path.parent) == [path.name]


def test_an_interruption_leaves_no_temporary(small, path, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_network(small, path)
    assert names_in(path.parent) == []


def test_saving_replaces_makes_folders_and_keeps_the_umask(small, tmp_path):
    path = tmp_path / "a" / "b" / "network.safetensors"
    save_network(small, path)
    path.write_bytes(b"old")
    save_network(small, path)
    assert_same(load_network(path), small)
    mask = files._umask()
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_a_folder_that_cannot_be_written_to(small, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"cannot write .*file/network.safetensors: .*choose a folder that you can write to"):
        save_network(small, tmp_path / "file" / "network.safetensors")
    with pytest.raises(InputError, match=r"cannot write /proc/firstspike/network.safetensors: .*choose a folder"):
        save_network(small, "/proc/firstspike/network.safetensors")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"cannot write .*folder: Is a directory; choose another name"):
        save_network(small, tmp_path / "folder")
    assert names_in(tmp_path) == ["file", "folder"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(small, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match=r"cannot write .*: Permission denied; choose a folder that you can write to"):
        save_network(small, tmp_path / "network.safetensors")


def test_checks_before_long_work(tmp_path):
    files.check_writable(tmp_path / "new" / "network.safetensors")
    files.check_writable_folder(tmp_path / "new" / "folder")
    assert names_in(tmp_path / "new") == ["folder"]
    with pytest.raises(InputError, match="it is a folder; name a file in it"):
        files.check_writable(tmp_path / "new")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"cannot write .*; choose a folder that you can write to"):
        files.check_writable(tmp_path / "file" / "network.safetensors")
    with pytest.raises(InputError, match=r"cannot write into .*; choose a folder that you can write to"):
        files.check_writable_folder(tmp_path / "file")


def test_encoders_of_another_integer_type_are_refused(small, path):
    """One network has one file, so the encoder's type counts too."""
    content = rebuilt(small, tensors={"encoder.thresholds": small.encoder.thresholds.astype(np.uint16)})
    assert refused(path, content)
    assert LatencyEncoder(small.encoder.thresholds.astype(np.uint16)).time_steps == small.time_steps
