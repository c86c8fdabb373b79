"""Network files with random faults: each is refused in clear words, or is a network that works.

As a program it tries many of them with a limit on memory, in a separate process: a fault that ends the process counts too.

    python -m tests.spec.artefact.file_mutants --seed 0 --count 500 --keep build/failures
"""

import argparse
import hashlib
import json
import random
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from firstspike_spec import (
    Inference,
    InputCode,
    InputError,
    LayeredLayer,
    LayeredNetwork,
    Network,
    infer,
    infer_spikes,
    load_network,
    save_network,
)
from firstspike_spec.common.files import write_file
from firstspike_spec.layered import content as layered
from firstspike_spec.layered.content import ACTIVITY, INPUT_KERNEL, INPUT_THRESHOLDS, KERNEL, PROJECTION_TENSORS
from firstspike_spec.network.content import ACTIVITY_TENSOR, ENCODER_TENSOR, LAYER_TENSORS

from .. import naive_layered_model, naive_model
from ..random_layered_networks import random_chain, random_layered_map_network, with_layered_activity
from ..random_networks import random_map_network, random_network, with_activity

#: The memory that loading and running any file may take, see docs/contract.md.
MEMORY_BYTES = 2 << 30
#: Seconds that one file may take to be refused, or to be loaded and run once.
SECONDS = 20
#: Most characters of a refusal.
MESSAGE = 4200
#: Sources times neurons times taps of a layer up to which plain loops check what is loaded.
NAIVE = 20_000

#: Values that replace others in a header.
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 8, 9, 255, 256, 65535, 65536, 1 << 24, 1 << 31, 1 << 32, 1 << 63, 1 << 64, 10**400,
    -(10**60), 1.5, -0.0, 1e308, float("nan"), float("inf"), "", "x", "0", "[/red]", "\x1b[2J", "\ud800", "é" * 300,
    "y" * 100_000, [], {}, [[]], [1] * 100, ["a"] * 65536, {"a": 1}, [[[[[[1]]]]]],
)  # fmt: skip

Parts = tuple[dict[str, Any], dict[str, Any], dict[str, np.ndarray]]


def parts_of(rng: random.Random) -> Parts:
    """Return metadata, description and tensors of a random network."""
    sizes = [rng.randrange(1, 9) for _ in range(rng.randrange(2, 5))]
    make, kind = rng.choice(
        [
            (lambda seed: random_network(seed, sizes), with_activity),
            (random_map_network, with_activity),
            (lambda seed: random_chain(seed, sizes), with_layered_activity),
            (random_layered_map_network, with_layered_activity),
        ]
    )
    network = make(rng.randrange(1 << 30))
    if rng.random() < 0.5:
        network = kind(network, rng.randrange(100))
    if isinstance(network, LayeredNetwork) and rng.random() < 0.3:
        network = replace(network, input_code=InputCode(network.input_code.kernel))
    with tempfile.TemporaryDirectory() as folder:
        save_network(network, Path(folder) / "n.safetensors")
        content = (Path(folder) / "n.safetensors").read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    metadata = header.pop("__metadata__")
    types = {"I64": np.int64, "I32": np.int32, "I16": np.int16, "U16": np.uint16, "I8": np.int8}
    tensors = {
        name: np.frombuffer(content[end:][slice(*entry["data_offsets"])], types[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in header.items()
    }
    return metadata, json.loads(metadata["network"]), tensors


def file_of(parts: Parts, rng: random.Random) -> bytes:
    """Return the bytes of a file with these parts, in most cases with the right digests."""
    metadata, description, tensors = parts
    text = json.dumps(description, sort_keys=True)
    metadata = {**metadata, "network": text}
    if rng.random() < 0.9:
        content = [(name, tensor) for name, tensor in in_order(tensors, description) if not name.endswith("activity")]
        metadata["digest"] = digest_of(text, content)
        activities = [(name, tensor) for name, tensor in in_order(tensors, description) if name.endswith("activity")]
        if activities:
            metadata["activity_digest"] = digest_of("", activities)
    header: dict[str, Any] = {"__metadata__": metadata}
    data = b""
    codes = {"int64": "I64", "int32": "I32", "int16": "I16", "uint16": "U16", "int8": "I8"}
    codes |= {"float32": "F32", "bool": "BOOL", "uint8": "U8"}
    for name, tensor in sorted(tensors.items(), key=lambda item: -item[1].itemsize):
        at = [len(data), len(data) + tensor.nbytes]
        header[name] = {"dtype": codes[tensor.dtype.name], "shape": list(tensor.shape), "data_offsets": at}
        data += tensor.tobytes()
    return with_header(header, data)


def in_order(tensors: dict[str, np.ndarray], description: dict[str, Any]) -> list[tuple[str, np.ndarray]]:
    """Return the tensors in the order of the digest."""
    names = [ENCODER_TENSOR]
    names += [f"layers.{at}.{name}" for at in range(300) for name in (*LAYER_TENSORS, ACTIVITY_TENSOR)]
    names += [INPUT_KERNEL, KERNEL, INPUT_THRESHOLDS]
    names += [f"layers.{at}.{name}" for at in range(300) for name in layered.LAYER_TENSORS if name not in LAYER_TENSORS]
    prefixes = [f"layers.{at}.projections.{number}" for at in range(300) for number in range(8)]
    names += [f"{prefix}.{name}" for prefix in prefixes for name in (*PROJECTION_TENSORS, ACTIVITY)]
    return [(name, tensors[name]) for name in names if name in tensors]


def digest_of(text: str, tensors: list[tuple[str, np.ndarray]]) -> str:
    """Return the digest of a description and tensors, by the contract."""
    digest = hashlib.sha256(text.encode(errors="surrogatepass"))
    for name, tensor in tensors:
        digest.update(f"{name} {tensor.dtype.str} {tensor.shape}".encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()


def with_header(header: Any, data: bytes) -> bytes:
    """Return a safetensors file with a header of any kind."""
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode(errors="surrogatepass")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """Return the paths to all values within a JSON value."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        found += places(part, (*path, key))
    return found


def edited(value: Any, path: tuple, change: Callable[[Any, Any], None]) -> Any:
    """Return a copy of a JSON value, changed at the place ``path``."""
    copy = json.loads(json.dumps(value))
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    change(holder, path[-1])
    return copy


def edit_json(value: Any, rng: random.Random) -> Any:
    """Return a JSON value with one part replaced, removed, inserted, doubled or wrapped."""
    path = rng.choice(places(value))
    kind = rng.choice([0, 0, 0, 0, 1, 2, 2, 3, 4])

    def change(holder, key):
        if kind == 0:
            holder[key] = rng.choice(VALUES)
        elif kind == 1:
            del holder[key]
        elif kind == 2 and isinstance(holder, dict):
            holder[rng.choice(["more", "", "maps", "x" * 1000, "\ud800", "threshold", "source"])] = rng.choice(VALUES)
        elif kind == 3 and isinstance(holder[key], int) and not isinstance(holder[key], bool):
            holder[key] = int(holder[key] * rng.choice([-1, 2, 3, 10, 1000])) + rng.choice([-1, 0, 1])
        else:
            holder[key] = [holder[key]] * rng.choice([1, 2, 300])

    return edited(value, path, change)


def bytes_flipped(content: bytes, rng: random.Random) -> bytes:
    """Return the content with a few bytes changed; half of the time in the header."""
    data = bytearray(content)
    header = 8 + int.from_bytes(content[:8], "little")
    for _ in range(rng.choice([1, 1, 2, 5])):
        data[rng.randrange(header if rng.random() < 0.5 else len(data))] = rng.randrange(256)
    return bytes(data)


def numbers_flipped(parts: Parts, rng: random.Random) -> bytes:
    """Change numbers of a tensor, and set the right digest."""
    metadata, description, tensors = parts
    name = rng.choice([name for name in tensors if tensors[name].size] or list(tensors))
    tensor = tensors[name].copy()
    for _ in range(rng.choice([1, 1, 3])):
        if tensor.size:
            extremes = [
                np.iinfo(tensor.dtype).min,
                np.iinfo(tensor.dtype).max,
                0,
                1,
                min(len(tensor), 127),
                rng.randrange(100),
            ]
            tensor.flat[rng.randrange(tensor.size)] = rng.choice(extremes)
    return file_of((metadata, description, {**tensors, name: tensor}), rng)


def tensor_reshaped(parts: Parts, rng: random.Random) -> bytes:
    """Change a tensor's length, type or number of dimensions, or remove it, or add one."""
    metadata, description, tensors = parts
    name, kind = rng.choice(list(tensors)), rng.randrange(6)
    changed = dict(tensors)
    if kind == 0:
        changed[name] = np.resize(tensors[name], rng.choice([0, 1, 2, 100, 70_000]))
    elif kind == 1:
        changed[name] = tensors[name].astype(rng.choice([np.float32, np.uint8, np.bool_, np.int64, np.int16]))
    elif kind == 2:
        changed[name] = tensors[name].reshape(rng.choice([(1, -1), (-1, 1), (1,) * 30 + (-1,)]))
    elif kind == 3:
        del changed[name]
    elif kind == 4:
        changed[rng.choice(["more", "layers.9.row_starts", "layers.0.more", "layers.00.row_starts"])] = tensors[name]
    else:
        other = rng.choice(list(tensors))
        changed[name], changed[other] = tensors[other], tensors[name]
    return file_of((metadata, description, changed), rng)


def header_edited(parts: Parts, rng: random.Random) -> bytes:
    """Edit the JSON header of a whole file, once or twice."""
    content = file_of(parts, rng)
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    for _ in range(rng.choice([1, 1, 2])):
        header = edit_json(header, rng)
    return with_header(header, content[end:])


def shape_edited(parts: Parts, rng: random.Random) -> bytes:
    """Give a tensor, or a new one without data, a shape that numpy may not be able to make."""
    content = file_of(parts, rng)
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    name = rng.choice([*(name for name in header if name != "__metadata__"), "more"])
    entry = header.setdefault(name, {"dtype": "I32", "shape": [0], "data_offsets": [0, 0]})
    shape = entry["shape"]
    shapes = [
        [1] * 70 + shape,
        [*shape, 1],
        [*shape, 0, 1 << 62],
        [0, 1 << 62],
        [0, *[1 << 16] * 3],
        [],
        [-1],
        [1 << 40],
        [1 << 64],
    ]
    entry["shape"] = rng.choice(shapes)
    return with_header(header, content[end:])


def description_edited(parts: Parts, rng: random.Random) -> bytes:
    """Edit the description, and set the right digest."""
    metadata, description, tensors = parts
    for _ in range(rng.choice([1, 1, 2])):
        description = edit_json(description, rng) if description else description
    return file_of((metadata, description, tensors), rng)


def layers_multiplied(parts: Parts, rng: random.Random) -> bytes:
    """Repeat the last layer, sometimes beyond the greatest number of layers."""
    metadata, description, tensors = parts
    last, times = len(description["layers"]) - 1, rng.choice([1, 3, 100, 255, 300, 5000])
    changed = dict(tensors)
    prefix = f"layers.{last}."
    for name in [name for name in tensors if name.startswith(prefix) and not name.endswith(ACTIVITY_TENSOR)]:
        changed |= {f"layers.{last + more}.{name.removeprefix(prefix)}": tensors[name] for more in range(1, times + 1)}
    layers = description["layers"] + [description["layers"][last]] * times
    return file_of((metadata, {**description, "layers": layers}, changed), rng)


def scaled_up(parts: Parts, rng: random.Random) -> bytes:
    """Make a network of few numbers whose layer is as large as it can be, or larger, with every size consistent."""
    metadata, description, tensors = parts
    channels = rng.choice([1, 1, 4, 16, 1024, 4096, 65536])
    side, kernel = rng.choice([(1, 1), (8, 3), (16, 16), (100, 9), (126, 63), (250, 100), (255, 200)])
    sizes = {
        "channels": rng.choice([1, 1, 1, 3, 1024, 65536]),
        "height": rng.choice([1, side, side, side]),
        "width": rng.choice([side, side, side, 60_000, 65_536]),
        "kernel_height": 1,
        "kernel_width": kernel,
        "pooling": rng.choice([1, 1, 2, 8]),
        "stride": rng.choice([1, 2]),
        "padding": 0,
    }
    if sizes["height"] == side and rng.random() < 0.8:
        sizes |= {"kernel_height": kernel, "padding": rng.choice([0, kernel - 1])}
    if sizes["width"] > side and rng.random() < 0.5:
        sizes["kernel_width"] = rng.choice([59_900, 65_536])
    taps = min(sizes["channels"] * sizes["kernel_height"] * sizes["kernel_width"], 1 << 17)
    row_starts = np.minimum(np.arange(taps + 1), 1)
    layer: dict[str, Any]
    if KERNEL in tensors:
        projections = rng.choice([1, 1, 2, 8])
        layer = {"max_pooling": rng.choice([1, 1, 1, 2]), "potential_bits": 32}
        layer["projections"] = [{"source": 0, "weight_bits": 8, "maps": sizes}] * projections
        tensors = {name: tensors[name] for name in (INPUT_KERNEL, KERNEL, "layers.0.thresholds")}
        tensors["layers.0.initial_potentials"] = np.zeros(channels, np.int32)
        for number in range(projections):
            prefix = f"layers.0.projections.{number}"
            tensors[f"{prefix}.row_starts"] = row_starts.astype(np.int32)
            tensors[f"{prefix}.row_targets"] = np.zeros(1, np.uint16)
            tensors[f"{prefix}.row_weights"] = np.ones(1, np.int8)
    else:
        layer = {"threshold": 1, "weight_bits": 8, "potential_bits": 32, "maps": sizes}
        tensors = {
            ENCODER_TENSOR: tensors[ENCODER_TENSOR],
            "layers.0.row_starts": row_starts,
            "layers.0.row_targets": np.zeros(1, np.int32),
            "layers.0.row_weights": np.ones(1, np.int16),
            "layers.0.start_potentials": np.zeros(channels, np.int32),
        }
    shape = [sizes["channels"], sizes["height"], sizes["width"]]
    outputs = channels
    for axis in ("height", "width"):
        pooled = -(-sizes[axis] // sizes["pooling"])
        outputs *= max(0, (pooled + 2 * sizes["padding"] - sizes[f"kernel_{axis}"]) // sizes["stride"] + 1)
    names = [str(number) for number in range(rng.choice([min(outputs, 1 << 17), min(outputs, 1 << 17), 10]))]
    description = {"input_shape": shape, "class_names": names, "layers": [layer], "provenance": {}}
    metadata = {**metadata, "format_version": "3" if KERNEL in tensors else "2"}
    metadata.pop("activity_digest", None)
    return file_of((metadata, description, tensors), rng)


def nested(parts: Parts, rng: random.Random) -> bytes:
    """Insert deep or long JSON where any JSON is allowed."""
    metadata, description, tensors = parts
    depth, wide = rng.choice([10, 31, 33, 500]), rng.choice([1, 10, 100_000])
    inner: Any = ["x" * 10] * wide
    for _ in range(depth):
        inner = rng.choice([[inner], {"k": inner}])
    return file_of((metadata, {**description, "provenance": {"deep": inner}}, tensors), rng)


def raw(parts: Parts, rng: random.Random) -> bytes:
    """Cut a file, lengthen it, or insert something before it."""
    content = file_of(parts, rng)
    return rng.choice(
        [
            content[: rng.randrange(len(content))],
            content + bytes(rng.randrange(1, 100)),
            rng.randrange(1 << 64).to_bytes(8, "little") + content[8:],
            (len(content) - 8 + rng.choice([-1, 0, 1])).to_bytes(8, "little") + content[8:],
            (100_000).to_bytes(8, "little") + b"[" * 100_000,
            (3 << 20).to_bytes(8, "little") + b'{"a":' + b"1" * (3 << 20),
            b"PK\x03\x04" + content,
            rng.randbytes(rng.randrange(300)),
        ]
    )


KINDS: dict[str, Callable[[Parts, random.Random], bytes]] = {
    "untouched": file_of,
    "bytes": lambda parts, rng: bytes_flipped(file_of(parts, rng), rng),
    "numbers": numbers_flipped,
    "tensors": tensor_reshaped,
    "header": header_edited,
    "shapes": shape_edited,
    "description": description_edited,
    "layers": layers_multiplied,
    "sizes": scaled_up,
    "nesting": nested,
    "raw": raw,
}


def try_file(path: Path) -> str:
    """Load a file and use its network; return ``"refused"`` or ``"right"``, or raise an error that should not happen."""
    start = time.monotonic()
    try:
        network = load_network(path)
    except InputError as error:
        message = str(error)
        assert str(path) in message, "the message does not name the file"
        assert len(message) < MESSAGE, f"a message of {len(message)} characters"
        assert message.isprintable(), "the message is not printable"
        verdict = "refused"
    else:
        again = path.with_suffix(".again.safetensors")
        save_network(network, again)
        assert load_network(again).digest == network.digest, "what it is saved as is another network"
        again.unlink()
        json.dumps(network.summary())
        generator = np.random.default_rng(0)
        if isinstance(network, LayeredNetwork) and network.input_code.thresholds is None:
            times = generator.integers(0, network.input_time_steps + 1, (1, network.inputs)).astype(np.int16)
        else:
            times = network.spike_times(generator.integers(0, 256, (1, network.inputs)).astype(np.uint8))
        for early_exit in (True, False):
            check(network, times, infer_spikes(network, times, early_exit=early_exit), early_exit)
        verdict = "right"
    seconds = time.monotonic() - start
    assert seconds < SECONDS, f"it took {seconds:.0f} s"
    return verdict


def check(network: Network | LayeredNetwork, times: np.ndarray, got: Inference, early_exit: bool) -> None:
    """Compare an inference with plain loops, unless the network is too large for them."""
    layers = network.layers
    parts = [part for layer in layers for part in (layer.projections if isinstance(layer, LayeredLayer) else [layer])]
    if max(part.sources * part.targets * part.maps.taps for part in parts) > NAIVE:
        return
    is_layered = isinstance(network, LayeredNetwork)
    (wanted,) = naive_layered_model.infer(network, times) if is_layered else naive_model.infer(network, times, early_exit)
    assert [times[0].tolist() for times in got.spike_times] == wanted["times"], "spike times differ"
    assert got.potentials[-1][0].tolist() == wanted["potentials"][-1], "potentials differ"
    assert (got.classes[0], got.decision_steps[0]) == (wanted["class"], wanted["decision_step"]), "decisions differ"


def mutant(seed: int) -> tuple[str, bytes]:
    """Return the kind and the content of the mutant with a number; they are always the same."""
    rng = random.Random(seed)
    kind = list(KINDS)[seed % len(KINDS)]
    return kind, KINDS[kind](parts_of(rng), rng)


def limit_memory(more: int) -> None:
    """Limit this process to a number of bytes more than it uses now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main() -> None:
    parser = argparse.ArgumentParser(description="Try network files with something wrong in them.")
    parser.add_argument("--seed", type=int, default=0, help="number of the first one")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--keep", type=Path, help="folder for the files that showed a fault")
    asked = parser.parse_args()
    found: Counter[tuple[str, str]] = Counter()
    infer(*_something())  # libraries allocate what they need once before the limit
    limit_memory(MEMORY_BYTES)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutant.safetensors"
        for seed in range(asked.seed, asked.seed + asked.count):
            kind, content = mutant(seed)
            path.write_bytes(content)
            try:
                found[kind, try_file(path)] += 1
            except BaseException:
                print(f"mutant {seed} ({kind}, {len(content):,} bytes):\n{traceback.format_exc()[-3000:]}", file=sys.stderr)
                found[kind, "fault"] += 1
                if asked.keep:
                    write_file(asked.keep / f"mutant-{seed}.safetensors", content)
    print(json.dumps({kind: {verdict: found[kind, verdict] for verdict in ("refused", "right", "fault")} for kind in KINDS}))


def _something():
    network = random_network(0, (4, 3, 2))
    return network, np.zeros((1, 4), np.uint8)


if __name__ == "__main__":
    main()
