"""Reading files: regular ones of a bounded size, anything else refused at once."""

import os
import socket
from pathlib import Path

import pytest

from firstspike_spec import InputError
from firstspike_spec.files import read_file

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


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
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
