"""Files: only regular files of a limited size are read, and a file is written completely or not at all."""

import errno
import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from firstspike_spec import InputError
from firstspike_spec.common.files import (
    check_writable,
    check_writable_folder,
    read_file,
    same_file,
    temporary_folder,
    utf8,
    whole_file,
    write_file,
)

ADVICE = "name a file of weights"


def test_a_file_is_read_up_to_the_limit(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert read_file(path, 3, ADVICE) == read_file(str(path), 3, ADVICE) == b"abc"
    with pytest.raises(InputError, match=f"file: it has 3 bytes, more than 2; {ADVICE}"):
        read_file(path, 2, ADVICE)
    (tmp_path / "empty").touch()
    assert read_file(tmp_path / "empty", 0, ADVICE) == b""


def test_a_huge_file_is_refused_without_being_read(tmp_path):
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match=r"1,099,511,627,776 bytes"):
        read_file(tmp_path / "huge", 1 << 20, ADVICE)


def test_other_kinds_of_files_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener, pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)  # a socket's name is short
        listener.bind("socket")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    wanted = {
        "pipe": "it is a pipe, not a file",
        "socket": "No such device",
        "folder": "it is a folder, not a file",
        "loop": "symbolic links",
        "missing": "No such file",
    }
    for name, told in wanted.items():
        with pytest.raises(InputError, match=f"cannot read .*{name}: .*{told}.*; {ADVICE}"):
            read_file(tmp_path / name, 10, ADVICE)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="a device of Unix")
def test_a_device_without_end_is_refused():
    with pytest.raises(InputError, match="/dev/zero: it is a device"):
        read_file("/dev/zero", 10, ADVICE)


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"])
def test_names_that_no_file_can_have(name):
    with pytest.raises(InputError, match="no file can have this name"):
        read_file(name, 10, ADVICE)


def test_a_long_name():
    with pytest.raises(InputError, match="too long") as caught:
        read_file("a" * 100_000, 10, ADVICE)
    assert len(str(caught.value)) < 5000


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"])
def test_names_that_no_file_can_have_are_not_written_either(name, tmp_path):
    for write in (lambda path: write_file(path, b""), check_writable, check_writable_folder):
        with pytest.raises(InputError, match=r"cannot write .*no file can have this name"):
            write(tmp_path / name)


@pytest.mark.parametrize("name", ["n" * 245 + ".csv", "n" * 255, "n." + "s" * 253, "n" * 200 + "." + "s" * 54, "é" * 127])
def test_every_name_that_the_system_takes_can_be_written(name, tmp_path):
    """The temporary file's name must be possible too."""
    path = tmp_path / name
    check_writable(path)
    write_file(path, b"content")
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [(name, b"content")]


@pytest.mark.parametrize(
    ("name", "told"), [("n" * 300, "File name too long"), ("n/" * 3000, "File name too long"), ("loop", "symbolic links")]
)
def test_names_that_the_system_refuses_are_reported_before_long_work(name, told, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match=f"cannot write .*: .*{told}.*; choose another name"):
        check_writable(tmp_path / name)
    assert [entry.name for entry in tmp_path.iterdir()] == ["loop"]


def test_the_same_file_is_known_by_all_its_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("file", "link", Path("./file"), tmp_path / "none" / ".." / "file"):
        assert same_file(name, tmp_path / "file")
    assert same_file("missing", tmp_path / "missing")
    for name in ("loop", "n" * 300, "n/" * 3000, "a\0b"):
        assert same_file(name, name)
        assert not same_file(name, "file")
        assert not same_file("file", name)


def test_without_a_working_folder_files_have_their_names(tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert same_file("a", "a")
    assert not same_file("a", "b")


def test_text_is_written_as_utf8_whatever_is_in_it(tmp_path):
    """A lone surrogate stands for a byte of a file name that is not UTF-8. Results must not be lost because of it."""
    write_file(tmp_path / "text", "né 💡 a\udcfe.png\n")
    assert (tmp_path / "text").read_bytes() == "né 💡 ".encode() + rb"a\udcfe.png" + b"\n"
    assert utf8("\ud800") == rb"\ud800"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO])
def test_a_failed_write_is_reported_and_leaves_the_old_file(number, tmp_path):
    (tmp_path / "file").write_bytes(b"before")

    def write():
        with whole_file(tmp_path / "file", "make room there") as temporary:
            temporary.write_bytes(b"half")
            raise OSError(number, os.strerror(number))

    with pytest.raises(InputError, match=f"cannot write .*/file: {os.strerror(number)}; make room there"):
        write()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]


def run(program, *arguments):
    return subprocess.run([sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_a_limit_on_the_size_of_files_is_reported(tmp_path):
    program = """
import resource, sys
from firstspike_spec.common.files import check_writable_folder, write_file
folder = sys.argv[1]
write_file(folder + "/before", b"x" * 300_000)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
for attempt in (lambda: write_file(folder + "/file", b"x" * 300_000), lambda: check_writable_folder(folder, room=300_000)):
    try:
        attempt()
    except ValueError as error:
        print(error)
check_writable_folder(folder, room=150_000)
"""
    first, second = run(program, tmp_path).stdout.splitlines()
    assert first == f"cannot write {tmp_path}/file: File too large; choose another name, or make room"
    assert second.startswith(
        f"cannot write into {tmp_path}: File too large, at least 0.3 MB are needed; make room, or choose a folder"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["before"]


def test_a_folder_without_room_is_reported_before_long_work(tmp_path, monkeypatch):
    check_writable_folder(tmp_path, room=1 << 20)

    def full(descriptor, start, size):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    message = f"cannot write into {tmp_path}: {os.strerror(errno.ENOSPC)}, at least 1.0 MB are needed; make room, or set THIS"
    with pytest.raises(InputError, match=re.escape(message)):
        check_writable_folder(tmp_path, room=1_000_000, advice="set THIS")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_when_the_process_is_interrupted(tmp_path):
    """The command line's handler of SIGTERM raises in the same way."""
    program = """
import os, signal, sys
from firstspike_spec.common.files import whole_file
signal.signal(signal.SIGTERM, signal.default_int_handler)
with whole_file(sys.argv[1] + "/file") as temporary:
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGTERM)
"""
    assert run(program, tmp_path).returncode != 0
    assert list(tmp_path.iterdir()) == []


def test_temporary_folders_are_deleted_and_need_room(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with temporary_folder() as folder:
        (folder / "file").write_bytes(b"")
        assert folder.parent == tmp_path
    assert list(tmp_path.iterdir()) == []

    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fill():
        with temporary_folder():
            full()

    with pytest.raises(
        InputError, match=f"temporary files: {os.strerror(errno.ENOSPC)}; make room, or set TMPDIR to a folder"
    ):
        fill()
    assert list(tmp_path.iterdir()) == []
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        with (
            pytest.raises(InputError, match=r"at least 3\.0 MB are needed; make room, or set TMPDIR"),
            temporary_folder(3_000_000),
        ):
            pass
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="cannot write temporary files: No such file"), temporary_folder():
        pass
