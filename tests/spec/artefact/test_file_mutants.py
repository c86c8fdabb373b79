"""Many network files with faults: each is refused in clear words, or is a network that works.

`file_mutants` makes and tries them in a process of its own, under a limit of memory. A file that shows a fault is kept in
``build/failures``.
"""

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from firstspike_spec import (
    InputCode,
    InputError,
    LatencyEncoder,
    Layer,
    LayeredLayer,
    LayeredNetwork,
    Maps,
    Network,
    Projection,
    load_network,
    save_network,
)
from firstspike_spec.artefact.container import MAX_HEADER_BYTES
from firstspike_spec.layered.layer import joined_size
from firstspike_spec.network.map_layout import MapLayout
from firstspike_spec.network.maps import MAX_NEURONS
from firstspike_spec.network.provenance import MAX_NAME
from firstspike_spec.network.sizes import MAX_LAYERS, Size, check_sizes

from ...levels import THOROUGH
from .file_mutants import KINDS, with_header

ROOT = Path(__file__).parents[3]
COUNT = 11_000 if THOROUGH else 880


def test_every_mutant_is_refused_or_right(record_property):
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "tests.spec.artefact.file_mutants",
        "--count",
        COUNT,
        "--keep",
        "build/failures",
    ]
    ended = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    found = json.loads(ended.stdout)
    assert sum(kind["fault"] for kind in found.values()) == 0, ended.stderr[-6000:]
    assert set(found) == set(KINDS)
    assert all(kind["refused"] + kind["right"] == COUNT // len(KINDS) for kind in found.values())
    # The mutants work as intended: unchanged files are right, and most changes are noticed.
    assert found["untouched"]["refused"] == 0
    assert all(found[kind]["refused"] > 0.6 * COUNT // len(KINDS) for kind in set(KINDS) - {"untouched"})
    assert all(found[kind]["right"] for kind in ("numbers", "sizes", "nesting"))
    record_property("values", COUNT)


def refusal(path, content) -> str:
    """Return the error of `load_network` for a file, and check that it took little memory."""
    path.write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError) as caught:
        load_network(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < (200 << 10) + len(content) // 256  # KiB
    assert len(str(caught.value)) < 1000
    return str(caught.value)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.safetensors"


@pytest.fixture
def parts(path):
    """Header and data of a small network's file."""
    layers = [Layer.from_dense(np.ones((2, 2), int), [0, 0], 1, 2)]
    save_network(Network(LatencyEncoder([200, 9]), layers, (2,)), path)
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end]), content[end:]


def with_description(parts, **changes) -> bytes:
    header, data = parts
    description = json.loads(header["__metadata__"]["network"]) | changes
    return with_header(header | {"__metadata__": header["__metadata__"] | {"network": json.dumps(description)}}, data)


def test_millions_of_layers(path, parts):
    told = refusal(path, with_description(parts, layers=[0] * 3_000_000))
    assert "the header has 9,000," in told
    told = refusal(path, with_description(parts, layers=[0] * 600_000))
    assert f"number of layers must be in 0 .. {MAX_LAYERS}, not 600000" in told


def test_a_header_longer_than_any(path):
    content = (MAX_HEADER_BYTES + 8).to_bytes(8, "little") + b"[" * (MAX_HEADER_BYTES + 8)
    assert f"the header has {MAX_HEADER_BYTES + 8:,} bytes; that of a network has at most {MAX_HEADER_BYTES:,}" in refusal(
        path, content
    )


@pytest.mark.parametrize("shape", [[1] * 65, [0, 1 << 62], [4, 1], [], [-1], [1 << 63], [1.5], ["4"], [[4]], 4, None])
def test_shapes_that_no_tensor_of_a_network_has(shape, path, parts):
    header, data = parts
    header["layers.0.row_targets"]["shape"] = shape
    assert "layers.0.row_targets" in refusal(path, with_header(header, data))


@pytest.mark.parametrize(
    "changes",
    [{"more": 1}, {"data_offsets": None}, {"data_offsets": [0, 1 << 60]}, {"data_offsets": [5, 1]}, {"dtype": ["I32"]}],
)
def test_entries_of_a_tensor_that_it_does_not_have(changes, path, parts):
    header, data = parts
    entry = header["layers.0.row_targets"] | changes
    header["layers.0.row_targets"] = {name: value for name, value in entry.items() if value is not None}
    told = refusal(path, with_header(header, data))
    assert "the tensors are damaged" in told or "layers.0.row_targets must " in told


def test_unknown_metadata(path, parts):
    header, data = parts
    header["__metadata__"]["colour"] = "red"
    assert "metadata are missing or unknown: colour" in refusal(path, with_header(header, data))


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (b"PK\x03\x04", "a PyTorch or NumPy archive"),
        (b"\x80\x02}q\x00", "a pickle of Python"),
        (b"\x93NUMPY\x01\x00", "a NumPy array"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes it"),
        (b'{"layers": []}', "text"),
    ],
)
def test_other_files_are_named(start, told, path):
    message = refusal(path, start + bytes(range(256)))
    assert f"it is {told}" in message
    assert "firstspike import" in message
    assert not any(len(word) > 25 and word.replace(",", "").isdigit() for word in message.split())


# --- Sizes: what is small in the file can be large in memory.


@pytest.mark.parametrize("side", ["width", "height"])
def test_a_long_kernel_takes_no_more_memory_than_its_maps(side):
    """The extent of a kernel must not be found by trying all places with all taps, which would take 28 GB here."""
    sizes = {"channels": 1, "height": 1, "width": 1, "kernel_height": 1, "kernel_width": 1}
    sizes |= {side: 60_000, f"kernel_{side}": 59_990}
    layout = MapLayout(Maps(**sizes))
    assert layout.rows_and_bases(1)[1].max() == 59_999
    assert layout.channel_places == 11 + 59_989  # 11 neurons, and as many places as the kernel reaches over an edge


def test_a_kernel_of_gigabytes_is_refused():
    with pytest.raises(InputError, match="too many possible connections: 264,257,536 up to layer 0, at most 67,108,864"):
        check_sizes([Size.of(4096, 1, Maps(4, 128, 128, 127, 127))])


def test_totals_over_all_layers():
    flat = Maps.flat(16)
    check_sizes([Size.of(MAX_NEURONS, 16, flat)] * 16)
    with pytest.raises(InputError, match="too many neurons: 1,114,112 up to layer 16, at most 1,048,576"):
        check_sizes([Size.of(MAX_NEURONS, 16, flat)] * 20)
    with pytest.raises(InputError, match="too many connections: 20,000,000 up to layer 1"):
        check_sizes([Size.of(10, 10_000_000, flat)] * 2)
    with pytest.raises(InputError, match=rf"number of layers must be in 1 \.\. {MAX_LAYERS}, not {MAX_LAYERS + 1}"):
        check_sizes([Size.of(1, 1, flat)] * (MAX_LAYERS + 1))


def test_a_file_that_could_not_be_read_is_not_written(tmp_path):
    layer = Layer.from_dense(np.ones((1, 1), int), [0], 1, 2)
    notes = {"notes": "x" * MAX_HEADER_BYTES}
    with pytest.raises(InputError, match=r"cannot write .*names and provenance of the network take 2,\d+,\d+ bytes"):
        save_network(Network(LatencyEncoder([2, 1]), [layer], (1,), provenance=notes), tmp_path / "n.safetensors")
    assert list(tmp_path.iterdir()) == []


# --- Layered networks.


@pytest.fixture
def layered_parts(path):
    """Header and data of a small layered network's file, whose only layer has two projections."""
    layer = LayeredLayer([Projection.from_dense(0, [[1]], 2) for _ in range(2)], [0], [2, 1])
    save_network(LayeredNetwork(InputCode([2, 1]), [2, 1], [layer], (1,)), path)
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end]), content[end:]


@pytest.mark.parametrize(
    "shape", [[1] * 65, [0, 1 << 62], [2, 1], [], [-1], [1 << 63], [70_000], [1.5], ["2"], [[2]], 2, None]
)
@pytest.mark.parametrize("name", ["kernel", "layers.0.thresholds", "layers.0.projections.1.row_starts"])
def test_shapes_that_no_tensor_of_a_layered_network_has(name, shape, path, layered_parts):
    header, data = layered_parts
    header[name]["shape"] = shape
    assert name in refusal(path, with_header(header, data))


@pytest.mark.parametrize(
    ("sizes", "channels", "told"),
    [
        ((128, 33, 2), 1, "too many taps of all neurons of a channel: 20,072,448 up to layer 0, at most 16,777,216"),
        ((60_000, 59_990, 2), 1, "number of sources must be in 1 .. 65536, not 3600000000"),
        ((128, 65, 2), 1, "neurons of a channel times taps of each must be in 1 .. 16777216, not 17305600"),
    ],
)
def test_large_maps_in_a_small_file(sizes, channels, told, path, layered_parts):
    side, kernel, projections = sizes
    maps = {"channels": channels, "height": side, "width": side, "kernel_height": kernel, "kernel_width": kernel}
    maps |= {"pooling": 1, "stride": 1, "padding": 0}
    parts = [{"source": 0, "weight_bits": 2, "maps": maps}] * projections
    layer = {"max_pooling": 1, "potential_bits": 32, "projections": parts}
    assert told in refusal(path, with_description(layered_parts, layers=[layer]))


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ([0] * 257, "number of layers must be in 0 .. 256, not 257"),
        ([{"max_pooling": 1, "potential_bits": 9, "projections": [0] * 100_000}], "number of projections must be in 1 .. 8"),
    ],
)
def test_many_parts_in_a_small_file(layers, told, path, layered_parts):
    assert told in refusal(path, with_description(layered_parts, layers=layers))


def test_projections_of_a_layer_count_together():
    flat = Maps.flat(1 << 13)
    one = Size.of(1 << 12, 16, flat)
    check_sizes([joined_size([one, one])])
    with pytest.raises(InputError, match="too many possible connections: 100,663,296 up to layer 0, at most 67,108,864"):
        check_sizes([joined_size([one, one, one])])
    assert joined_size([one, one, one]).neurons == 1 << 12


def test_names_have_a_limit():
    layer = Layer.from_dense(np.ones((1, 1), int), [0], 1, 2)
    Network(LatencyEncoder([2, 1]), [layer], (1,), ["n" * MAX_NAME])
    with pytest.raises(InputError, match=f"at most {MAX_NAME} characters, not {MAX_NAME + 1}"):
        Network(LatencyEncoder([2, 1]), [layer], (1,), ["n" * (MAX_NAME + 1)])
