"""The C++ compiler: how it is found, and how its failures are reported."""

import pytest

from firstspike_hw.simulation import NativeEngine, build
from firstspike_hw.simulation.build import build_library
from firstspike_spec import InputError

from ..flow.test_programs import is_running, soon
from .designs import DESIGN, SHAPE, names_in

#: Start of a compiler's script: the trial succeeds.
TRIES = 'case "$*" in *trial*) exec g++ "$@";; esac\n'


def test_no_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    message = r"needs the C\+\+ compiler no-such-compiler, which was not found; install g\+\+ or set CXX"
    with pytest.raises(InputError, match=message):
        NativeEngine(SHAPE, cache=tmp_path)
    assert names_in(tmp_path) == []


def test_a_compiler_that_does_not_run(tmp_path, monkeypatch):
    """The user set it, so the message is an error of the user, not a traceback."""
    monkeypatch.setenv("CXX", "false")
    with pytest.raises(InputError, match="false"):
        build_library(DESIGN, cache=tmp_path)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("", r"failed with exit code 1 on a trial: broken; install g\+\+ or set CXX"),
        (TRIES, r"failed with exit code 1 on (the translated RTL|Verilator's library): broken; install .* set XDG_CACHE"),
    ],
)
def test_a_failing_build_leaves_nothing(compiler, tmp_path, script, message):
    compiler(script + 'echo half > "$last"; echo half > $TMPDIR/temporary; echo broken >&2; exit 1')
    with pytest.raises(InputError, match=rf"the C\+\+ compiler .*compiler {message}"):
        build_library(DESIGN, cache=tmp_path / "cache")
    assert names_in(tmp_path / "cache") == []


def test_a_compiler_that_is_killed_is_reported(compiler, tmp_path):
    """Such as for lack of memory."""
    compiler("kill -KILL $$")
    with pytest.raises(InputError, match="compiler was ended by SIGKILL on a trial"):
        build_library(DESIGN, cache=tmp_path / "cache")


def test_a_library_that_cannot_be_loaded_is_reported_and_not_kept(compiler, tmp_path):
    """From a compiler for another machine, or from a C compiler, which does not link the C++ library."""
    compiler('echo nonsense > "$last"')
    for _ in range(2):
        with pytest.raises(
            InputError, match=r"the C\+\+ library that .* makes cannot be loaded \(.*; install g\+\+ or set CXX"
        ):
            build_library(DESIGN, cache=tmp_path / "cache")
    assert names_in(tmp_path / "cache") == []


@pytest.mark.parametrize("words", ["g++ -m64", "'g++'", "", "  "])
def test_the_compiler_may_have_options(compiled, tmp_path, monkeypatch, words):
    """As for make. An empty variable counts as none."""
    monkeypatch.setenv("CXX", words)
    assert build_library(DESIGN, cache=tmp_path).is_file()
    monkeypatch.delenv("CXX")
    build_library(DESIGN, cache=tmp_path)
    assert len(compiled) == (2 if "-m64" in words else 1)


def test_a_variable_that_no_shell_can_read(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "g++ '")
    with pytest.raises(InputError, match=r"CXX is .*g\+\+ '.*No closing quotation"):
        build_library(DESIGN, cache=tmp_path)


def test_the_first_failure_kills_the_other_compilers(compiler, tmp_path, monkeypatch):
    compiler(
        f"{TRIES}mkdir {tmp_path}/first 2> /dev/null ||\n"
        f"{{ until [ -s {tmp_path}/ids ]; do sleep 0.05; done; echo broken >&2; exit 1; }}\n"
        f"sleep 100 & echo $! > {tmp_path}/ids; wait"
    )
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(build, "_runtime", lambda tools, programs, cache: cache)
    with pytest.raises(InputError, match="the translated RTL: broken"):
        build_library(DESIGN, cache=tmp_path / "cache")
    number = int((tmp_path / "ids").read_text())
    assert soon(lambda: not is_running(number))
    assert names_in(tmp_path / "cache") == []
