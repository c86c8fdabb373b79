"""External programs: their output, how they end, and that none of them is left running."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firstspike_hw.flow.programs import Programs, run_program
from firstspike_spec import InputError

#: A program that starts another one, writes both process numbers into the file named by its argument, and waits.
FAMILY = 'sleep 100 & echo $$ $! > "$0.new"; mv "$0.new" "$0"; wait'


def shell(script, *arguments, **options):
    return run_program(["sh", "-c", script, *map(str, arguments)], advice="do this", **options)


def is_running(number):
    """Return whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def soon(condition):
    """Wait until a condition comes true, for 30 s at most; return whether it did."""
    until = time.monotonic() + 30
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


def family(file):
    """Return the numbers that `FAMILY` writes, once the file exists."""
    assert soon(file.exists)
    return [int(number) for number in file.read_text().split()]


def test_the_output_of_a_program(tmp_path):
    finished = shell("cat; pwd; echo $NEW; echo no >&2", given="é\n", folder=tmp_path, environment={"NEW": "variable"})
    assert (finished.out, finished.err) == (f"é\n{tmp_path}\nvariable\n", "no\n")
    assert (finished.code, finished.failure) == (0, "")
    assert shell("printf '\\377'").out == "\ufffd"
    with (tmp_path / "log").open("wb") as log:
        assert shell("echo out; echo err >&2", output=log).out == ""
    assert (tmp_path / "log").read_text() == "out\nerr\n"


def test_how_a_program_failed():
    assert shell("exit 3").failure == "failed with exit code 3"
    assert shell("kill -XFSZ $$").failure == "was ended by SIGXFSZ"
    assert shell("kill -50 $$").failure == "was ended by signal 50"


def test_last_words_are_one_line():
    assert shell("seq 9; echo").last_words == "6 | 7 | 8 | 9"
    assert shell("seq 9; printf '\\033[31mred\\n' >&2").last_words == r"\x1b[31mred"
    assert shell("").last_words == ""
    assert len(shell("seq 100000 | tr '\\n' ' '").last_words) == 600


def test_a_program_that_cannot_be_run(tmp_path):
    (tmp_path / "text").write_text("text")
    for program, message in (
        ("nowhere/program", "No such file"),
        (str(tmp_path / "text"), "Permission denied"),
        ("a\0b", "null"),
    ):
        with pytest.raises(InputError, match=f"cannot run .*{message}.*; do this"):
            run_program([program], advice="do this")


def test_a_program_that_takes_too_long_is_killed_with_its_children(tmp_path):
    with pytest.raises(TimeoutError):
        shell(FAMILY, tmp_path / "numbers", time_limit=0.5)
    numbers = family(tmp_path / "numbers")
    assert soon(lambda: not any(map(is_running, numbers)))


def test_programs_run_at_the_same_time_and_end_together(tmp_path):
    def begin():
        with Programs(2) as programs:
            for name in "abc":
                programs.start(["sh", "-c", FAMILY, str(tmp_path / name)], advice="")
            began.extend(family(tmp_path / "a") + family(tmp_path / "b"))
            assert all(map(is_running, began))
            raise InputError("one has failed")

    began = []
    with pytest.raises(InputError, match="one has failed"):
        begin()
    assert soon(lambda: not any(map(is_running, began)))
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_process_leaves_no_program_behind(tmp_path, number):
    program = """
import signal, sys
from firstspike_hw.flow.programs import run_program
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.default_int_handler)
try:
    run_program(sys.argv[1:], advice="")
finally:
    print("cleaned up", flush=True)
"""
    command = [sys.executable, "-c", program, "sh", "-c", FAMILY, str(tmp_path / "numbers")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        numbers = family(tmp_path / "numbers")
        assert all(map(is_running, numbers))
        os.kill(process.pid, number)
        assert process.communicate(timeout=60)[0] == "cleaned up\n"
    assert soon(lambda: not any(map(is_running, numbers)))
