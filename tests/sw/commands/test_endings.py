"""How the command line ends when the system is against it: full disks, closed pipes, other locales, signals."""

import csv
import errno
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from firstspike import command_line
from firstspike.commands import info
from firstspike_spec import LatencyEncoder, Layer, Network, save_network

#: Locales in which not every character can be printed; the last is what a bare container may have.
LOCALES = {
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""},
}


def start(*arguments, locale="", **options):
    program = "from firstspike.command_line import main; main()"
    environment = {**os.environ, "PYTHONUNBUFFERED": "", **LOCALES.get(locale, {})}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment, **options}
    return subprocess.Popen([sys.executable, "-c", program, *map(str, arguments)], **options)


def finish(process):
    """Return exit code and both outputs as text."""
    with process:
        out, err = process.communicate(timeout=120)
    return process.returncode, *((text or b"").decode(errors="backslashreplace") for text in (out, err))


@pytest.fixture
def pictures(tmp_path):
    """A network of two pixels whose classes have names of all kinds, and a folder with a picture whose name is no UTF-8."""
    layer = Layer.from_dense(np.eye(2, dtype=int), [0, 0], 1, 2)
    save_network(Network(LatencyEncoder.linear(4), [layer], (1, 2), ("né", "数字")), tmp_path / "n.safetensors")
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(np.array([[255, 0]], np.uint8)).save(folder / "a.png")
    os.rename(folder / "a.png", os.fsencode(folder / "a") + b"\xfe.png")  # noqa: PTH104 - bytes
    return tmp_path / "n.safetensors", folder


@pytest.mark.parametrize("locale", ["", *LOCALES])
def test_no_locale_and_no_name_loses_results(pictures, tmp_path, locale):
    network, folder = pictures
    table = tmp_path / "result.csv"
    code, out, err = finish(start("run", network, "--input", folder, "--output", table, locale=locale))
    assert (code, err) == (0, ""), err
    assert "result.csv" in out
    assert (r"\u6570\u5b57" in out.replace("\n", "")) == (locale != "")
    with table.open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["class"], row["image"]) == ("né", r"a\udcfe.png")
    assert "latency_数字" in row


@pytest.mark.parametrize("locale", LOCALES)
def test_a_narrow_table_can_be_printed_in_every_locale(locale):
    """Where rich cuts a heading, it puts an ellipsis."""
    network = Path(__file__).parents[3] / "networks" / "mnist-mlp-2.safetensors"
    code, out, err = finish(start("info", network, locale=locale))
    assert (code, err) == (0, ""), err
    assert "sha256" in out or "digest" in out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_an_output_without_room_is_told_and_the_results_file_is_kept(network_file, image_file, tmp_path, options):
    table = tmp_path / "result.csv"
    with Path("/dev/full").open("wb") as full:
        run = start("run", network_file, "--input", image_file, "--output", table, *options, stdout=full)
        code, _, err = finish(run)
        assert (code, finish(start("info", network_file, "--json", stdout=full, stderr=full))[0]) == (2, 2)
    assert err == "firstspike: No space left on device; free some space there, or write elsewhere\n"
    assert len(table.read_text("utf-8").splitlines()) == 41


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_closed_pipe_is_a_quiet_end(network_file, options):
    reading, writing = os.pipe()
    os.close(reading)
    process = start("info", network_file, *options, stdout=writing)
    os.close(writing)
    assert finish(process) == (128 + signal.SIGPIPE, "", "")


def meeting(monkeypatch, action):
    """Let ``firstspike info`` do something instead of loading its network."""
    monkeypatch.setattr(info, "load_network", lambda path: action())


def raising(error):
    def action():
        raise error

    return action


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EROFS, "that you have the rights for"),
        (errno.EACCES, "that you have the rights for"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EIO, "is broken or was removed"),
        (errno.ENAMETOOLONG, "choose a shorter name"),
        (errno.ELOOP, "leads back to itself"),
        (errno.ENOTDIR, "part of the path is a file"),
    ],
)
@pytest.mark.parametrize("name", [None, "some\x1b[31mfile"])
def test_what_the_system_refuses_is_told_in_one_line(firstspike, network_file, monkeypatch, number, advice, name):
    meeting(monkeypatch, raising(OSError(number, os.strerror(number), name)))
    shown = firstspike("info", network_file)
    assert (shown.code, shown.out, shown.err.count("\n")) == (2, "", 1)
    assert shown.err.startswith("firstspike: " + (r"some\x1b[31mfile: " if name else "") + os.strerror(number) + "; ")
    assert advice in shown.err


LONG, DEEP = "n" * 300, "n/" * 3000 + "n"


@pytest.mark.parametrize(
    "arguments",
    [
        *(("run", "NETWORK", "--input", "IMAGES", "--output", f"{path}.csv") for path in (LONG, DEEP, "loop")),
        *(("run", "NETWORK", "--input", path) for path in (LONG, DEEP, "loop")),
        *(("plot", "weights", "NETWORK", "--out", f"{path}.png") for path in (LONG, DEEP, "loop")),
        *(("plot", "curve", f"{path}.csv", "--out", "new.png") for path in (LONG, DEEP, "loop")),
        *(("validate", "NETWORK", "--data", path) for path in (LONG, DEEP, "loop", f"{LONG}.npz")),
        *(("report", path) for path in (LONG, DEEP, "loop")),
        *(("flash", path, "--board", "icebreaker") for path in (LONG, DEEP, "loop")),
        *(
            (*words, "--out", f"{path}.safetensors")
            for words in (
                ("import", "weights.npz", "--threshold", "1", "--time-steps", "4"),
                ("calibrate", "NETWORK", "--data", "DATA", "--accuracy", "0.1"),
            )
            for path in (LONG, DEEP, "loop")
        ),
    ],
    ids=lambda arguments: " ".join(word[:12] for word in arguments),
)
def test_paths_that_the_system_refuses_are_told_in_one_line(
    firstspike, network_file, image_file, data_folder, tmp_path, monkeypatch, arguments
):
    monkeypatch.chdir(tmp_path)
    for name in ("loop", "loop.csv", "loop.png", "loop.safetensors"):
        (tmp_path / name).symlink_to(name)
    np.savez(tmp_path / "weights.npz", weight=np.eye(4, 16))
    files = {"NETWORK": network_file, "IMAGES": image_file, "DATA": data_folder}
    before = sorted(tmp_path.iterdir())
    shown = firstspike(*(files.get(word, word) for word in arguments))
    assert (shown.code, shown.out, shown.err.count("\n")) == (2, "", 1), shown.err
    assert shown.err.startswith("firstspike: ")
    assert len(shown.err) < 5000
    assert re.search("File name too long|symbolic links|loop does not exist|there is no file loop", shown.err)
    assert sorted(tmp_path.iterdir()) == before


def test_a_working_folder_that_is_gone_is_told(firstspike, network_file, tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    folder.rmdir()
    for arguments in (("plot", "weights", network_file, "--out", "new.png"), ("selftest", network_file, "--device", "engine")):
        shown = firstspike(*arguments)
        assert (shown.code, shown.out, shown.err.count("\n")) == (2, "", 1), shown.err
    assert shown.err == "firstspike: the current folder has been removed; change to another\n"
    assert firstspike("info", network_file).code == 0


@pytest.mark.parametrize("error", [OSError(errno.EBADF, "our defect"), RuntimeError("our defect"), ValueError("our defect")])
def test_errors_that_are_ours_are_not_disguised(firstspike, network_file, monkeypatch, error):
    meeting(monkeypatch, raising(error))
    with pytest.raises(type(error), match="our defect"):
        firstspike("info", network_file)


@pytest.mark.parametrize(
    ("error", "told"),
    [(MemoryError(), "not enough memory"), (RuntimeError("can't start new thread"), "raise the limit (ulimit -u)")],
)
def test_too_little_of_the_machine_is_told(firstspike, network_file, monkeypatch, error, told):
    meeting(monkeypatch, raising(error))
    shown = firstspike("info", network_file)
    assert (shown.code, shown.err.count("\n")) == (2, 1)
    assert told in shown.err


def test_without_a_home_it_is_said_what_to_set(firstspike, network_file, monkeypatch):
    """As in a container whose user nobody knows."""
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", raising(RuntimeError("Could not determine home directory.")))
    shown = firstspike("selftest", network_file, "--device", "engine")
    assert (shown.code, shown.err.count("\n")) == (2, 1)
    assert "set HOME, or XDG_CACHE_HOME" in shown.err


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (signal.SIGTERM, "firstspike: ended by SIGTERM\n"),
        (signal.SIGHUP, "firstspike: ended by SIGHUP\n"),
        (signal.SIGINT, ""),
    ],
)
def test_a_signal_ends_it_in_order(firstspike, network_file, monkeypatch, number, told):
    """What has to be put in order is, also if the signal comes again; a shell sees which one it was."""
    steps = []

    def action():
        try:
            signal.raise_signal(number)
            steps.append("went on")
        except KeyboardInterrupt:
            if number != signal.SIGINT:
                signal.raise_signal(number)
            steps.append("put in order")
            raise

    meeting(monkeypatch, action)
    usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL  # also where these tests run under nohup
    before = signal.signal(number, usual)
    shown = firstspike("info", network_file)
    after = signal.signal(number, before)
    assert (shown.code, shown.out, shown.err) == (128 + number, "", told)
    assert steps == ["put in order"]
    assert number == signal.SIGINT or after == usual


@pytest.mark.parametrize("before", ["build", "version", "_flush"])
def test_a_signal_before_or_behind_the_command_ends_it_in_order_too(firstspike, monkeypatch, before):
    """While commands are imported; while Typer reads the options, which makes an exit code of its own; and at the end."""
    action = getattr(command_line, before)

    def ended(*arguments):
        if signal.getsignal(signal.SIGTERM) not in (signal.SIG_IGN, signal.SIG_DFL):
            signal.raise_signal(signal.SIGTERM)
        return action(*arguments)

    monkeypatch.setattr(command_line, before, ended)
    shown = firstspike("--version")
    assert (shown.code, shown.err) == (128 + signal.SIGTERM, "firstspike: ended by SIGTERM\n")


def test_a_signal_that_is_ignored_stays_ignored(firstspike, network_file, monkeypatch):
    """As by nohup."""
    meeting(monkeypatch, lambda: signal.raise_signal(signal.SIGHUP) or raising(MemoryError())())
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert "not enough memory" in firstspike("info", network_file).err
    finally:
        signal.signal(signal.SIGHUP, before)


def test_it_runs_in_any_thread(firstspike, network_file):
    """Where signals cannot be taken."""
    codes = []
    thread = threading.Thread(target=lambda: codes.append(firstspike("info", network_file).code))
    thread.start()
    thread.join()
    assert codes == [0]
