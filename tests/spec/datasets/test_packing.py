"""Packed files and archives: unpacked within bounds, damage noticed, nothing written."""

import gzip
import io
import lzma
import os
import subprocess
import sys
import tarfile
import zlib

import pytest

from firstspike_spec import InputError
from firstspike_spec.datasets import packing
from firstspike_spec.datasets.packing import archived, unpacked

CONTENT = os.urandom(3000) + bytes(2_000_000)
PACKERS = {"gzip": gzip.compress, "xz": lzma.compress}


@pytest.mark.parametrize("packer", PACKERS)
def test_packed_files(packer):
    assert unpacked(PACKERS[packer](CONTENT), "x") == CONTENT
    assert unpacked(PACKERS[packer](b""), "x") == b""
    assert unpacked(PACKERS[packer](CONTENT), "x", len(CONTENT)) == CONTENT
    with pytest.raises(InputError, match=f"^x unpacks to more than {len(CONTENT) - 1:,} bytes; split it into several files$"):
        unpacked(PACKERS[packer](CONTENT), "x", len(CONTENT) - 1)


def test_other_files_are_not_changed():
    assert unpacked(CONTENT, "x") is CONTENT
    assert unpacked(b"", "x") == b""


def test_members_of_gzip_files_follow_each_other():
    assert unpacked(gzip.compress(b"one") + gzip.compress(b"two"), "x") == b"onetwo"


@pytest.mark.parametrize("packer", PACKERS)
def test_every_cut_and_flip_is_noticed_or_harmless(packer):
    """Some bits mean nothing: the time in a gzip header, the filling of a last byte."""
    packed = PACKERS[packer](CONTENT[:100])
    for length in range(6, len(packed)):
        with pytest.raises(InputError, match=r"^some.file is damaged \(.+\); get the data set again$"):
            unpacked(packed[:length], "some.file")
    for place in range(6, len(packed)):
        damaged = bytearray(packed)
        damaged[place] ^= 16
        try:
            got = unpacked(bytes(damaged), "x")
        except InputError:
            continue
        assert got == CONTENT[:100]


def test_what_follows_an_xz_stream_is_refused():
    with pytest.raises(InputError, match=r"x is damaged \(something follows the end"):
        unpacked(lzma.compress(b"one") + lzma.compress(b"two"), "x")


def test_an_xz_file_that_wants_much_memory_is_refused():
    """Its dictionary of 1 GiB would be taken before the first byte is unpacked."""
    packed = lzma.compress(b"x", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 22}])
    wide = bytearray(packed)
    header = 12  # of the block: size, flags, filter 0x21, size of its properties, the dictionary's size
    assert wide[header + 2 : header + 4] == b"\x21\x01"
    wide[header + 4] = 36  # 1 GiB
    size = 4 * (wide[header] + 1)
    wide[header + size - 4 : header + size] = zlib.crc32(wide[header : header + size - 4]).to_bytes(4, "little")
    with pytest.raises(InputError, match=r"x is damaged \(Memory usage limit exceeded\)"):
        unpacked(bytes(wide), "x")


@pytest.mark.parametrize("packer", PACKERS)
def test_a_bomb_takes_no_memory(packer, tmp_path):
    """16 MiB are allowed; the file would unpack to 256 MiB."""
    packed = lzma.compress(bytes(1 << 28), preset=0) if packer == "xz" else gzip.compress(bytes(1 << 26)) * 4
    (tmp_path / "bomb").write_bytes(packed)
    script = (
        "import resource, sys; from firstspike_spec.datasets.packing import unpacked\n"
        "def most(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10\n"
        "content = open(sys.argv[1], 'rb').read(); before = most()\n"
        "try: unpacked(content, 'x', 1 << 24)\n"
        "except ValueError as error: print(most() - before, error)"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "bomb"], capture_output=True, text=True, check=True)
    taken, told = done.stdout.split(" ", 1)
    assert told == "x unpacks to more than 16,777,216 bytes; split it into several files\n"
    assert int(taken) < 50 << 20


def test_a_python_without_lzma_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "lzma", None)
    with pytest.raises(InputError, match="this Python cannot unpack x: it was built without lzma; unpack the file with xz -d"):
        unpacked(lzma.compress(b"x"), "x")


# Archives.


def tarred(*members, **options):
    """An archive of members: a name and bytes, or a `tarfile.TarInfo`."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz", **options) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            archive.addfile(info, io.BytesIO(member[1]))
    return content.getvalue()


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def read(content, names=("a", "b"), most=100):
    return list(archived(content, "x.tar.gz", names, most))


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_files_of_an_archive(form):
    folder = special("set", tarfile.DIRTYPE)
    content = tarred(folder, ("set/b", b"second"), ("set/" + 90 * "n", b"other"), ("set/a", b"first"), format=form)
    assert read(content) == [("b", b"second"), ("a", b"first")]
    assert read(content, names=["a"]) == [("a", b"first")]


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (("/etc/a", b"1"), "'/etc/a', a path out of its folder"),
        (("set/../../a", b"1"), "'set/../../a', a path out of its folder"),
        (special("set/a", tarfile.SYMTYPE, "/etc/passwd"), "'set/a', which is a link or a device, not a file"),
        (special("set/a", tarfile.LNKTYPE, "set/b"), "'set/a', which is a link or a device, not a file"),
        (special("other", tarfile.SYMTYPE, "/"), "'other', which is a link or a device, not a file"),
        (special("set/a", tarfile.CHRTYPE), "'set/a', which is a link or a device, not a file"),
        (special("set/a", tarfile.FIFOTYPE), "'set/a', which is a link or a device, not a file"),
        (special("../out", tarfile.DIRTYPE), "'../out', a path out of its folder"),
        (special("set/\x1b[2Ja", tarfile.SYMTYPE, "/"), r"'set/\x1b[2Ja', which is a link"),
    ],
    ids=range(9),
)
def test_links_devices_and_paths_out_of_the_folder_are_refused(member, message):
    with pytest.raises(InputError) as refused:
        read(tarred(member, ("set/b", b"2"), ("set/a", b"1")))
    assert str(refused.value).startswith(f"x.tar.gz holds {message}")
    assert str(refused.value).endswith("; get the archive again")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>", r"x\.tar\.gz is not a \.tar\.gz archive \(its start is 3c68746d\)"),
        (b"", r"x\.tar\.gz is not a \.tar\.gz archive \(its start is empty\)"),
        (lzma.compress(b"x"), r"x\.tar\.gz is not a \.tar\.gz archive"),
        (gzip.compress(b"no archive" * 100), r"x\.tar\.gz is damaged \(.+\); get the data set again"),
        (gzip.compress(b""), r"x\.tar\.gz (is damaged|has no a, b)"),
        (tarred(("a", b"1")), r"x\.tar\.gz has no b; get the archive again"),
        (tarred(("c", b"1")), r"x\.tar\.gz has no a, b; get the archive again"),
        (tarred(("a", b"1"), ("other/a", b"1"), ("b", b"2")), r"x\.tar\.gz has a twice; get the archive again"),
        (tarred(("a", bytes(101)), ("b", b"2")), r"x\.tar\.gz: a has 101 bytes, more than 100; get the archive again"),
        (tarred(*[(f"n{n}", b"") for n in range(101)]), r"x\.tar\.gz has more than 100 files; get the archive again"),
    ],
    ids=range(10),
)
def test_other_archives_are_refused(content, message):
    with pytest.raises(InputError, match=f"^{message}"):
        read(content)


def test_every_cut_and_flip_in_an_archive_is_refused_or_harmless():
    wanted = [("a", b"1" * 50), ("b", b"2" * 50)]
    content = tarred(*wanted)
    for length in range(len(content) // 2):
        with pytest.raises(InputError):
            read(content[:length])
    for place in range(len(content)):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            try:
                got = read(bytes(damaged))
            except InputError:
                continue
            assert [name for name, _ in got] == ["a", "b"]  # what the files hold is checked by their digests


@pytest.mark.parametrize("kind", ["file", "long name", "headers"])
def test_an_archive_that_unpacks_to_too_much_is_refused(monkeypatch, kind):
    """Whether a file, or what comes before one, is large."""
    monkeypatch.setattr(packing, "MOST_UNPACKED_BYTES", 1 << 22)
    member = {
        "file": ("other", bytes(1 << 23)),
        "long name": ("n" * (1 << 23), b""),
        "headers": special("other", tarfile.REGTYPE),
    }[kind]
    if kind == "headers":
        member.pax_headers = {"comment": "c" * (1 << 23)}
    form = tarfile.GNU_FORMAT if kind == "long name" else tarfile.PAX_FORMAT
    with pytest.raises(InputError, match=r"^x\.tar\.gz unpacks to more than 4,194,304 bytes; get the archive again$"):
        read(tarred(member, ("a", b"1"), ("b", b"2"), format=form))
