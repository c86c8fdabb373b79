"""Files of fixed names: the packed one first, and digests of the packed or the unpacked bytes."""

import gzip
import hashlib
import lzma

import pytest

from firstspike_spec import Dataset, InputError
from firstspike_spec.datasets.named_files import DataFile, FileForm

RAW, PACKED = b"content", gzip.compress(b"content", mtime=0)
FORM = FileForm({"train": ("a", "b"), "test": ("c",)}, lambda files, name: Dataset(name, None, None), 100)


@pytest.mark.parametrize("algorithm", [hashlib.md5, hashlib.sha256])
@pytest.mark.parametrize("known", [RAW, PACKED])
def test_digests_of_the_packed_and_the_unpacked_bytes_count(algorithm, known):
    file = DataFile("a", "folder/a.gz", PACKED, RAW)
    file.check_digest({algorithm(known).hexdigest(), "other"})
    with pytest.raises(InputError, match=r"^folder/a\.gz is damaged or not the published file: its digest is not known; get"):
        file.check_digest({algorithm(b"else").hexdigest()})
    with pytest.raises(InputError, match="its digest is not known"):
        file.check_digest(set())


def test_a_packed_file_is_read_before_an_unpacked_one(tmp_path):
    assert not FORM.holds(tmp_path, "train")
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"old")
    assert FORM.holds(tmp_path, "train")
    (tmp_path / "a.gz").write_bytes(PACKED)
    got = [(file.name, file.place, file.content, file.raw) for file in FORM.read(tmp_path, "train")]
    assert got == [("a", str(tmp_path / "a.gz"), PACKED, RAW), ("b", str(tmp_path / "b"), b"old", b"old")]
    assert not FORM.holds(tmp_path, "test")


def test_files_keep_their_order_whichever_is_unpacked_first(tmp_path):
    """Also in errors: the first damaged one is named."""
    form = FileForm({"train": ("a", "b", "c"), "test": ("d",)}, FORM.parse)
    contents = {"a": bytes(range(256)) * 20_000, "b": b"short", "c": b"unpacked"}
    (tmp_path / "a.xz").write_bytes(lzma.compress(contents["a"]))
    (tmp_path / "b.gz").write_bytes(gzip.compress(contents["b"]))
    (tmp_path / "c").write_bytes(contents["c"])
    assert [(file.name, file.raw) for file in form.read(tmp_path, "train")] == list(contents.items())
    for name in ("a.xz", "b.gz"):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-9])
    with pytest.raises(InputError, match=r"a\.xz is damaged"):
        form.read(tmp_path, "train")


def test_a_split_is_looked_for_by_its_first_file(tmp_path):
    (tmp_path / "b").write_bytes(RAW)
    assert not FORM.holds(tmp_path, "train")
    (tmp_path / "a").mkdir()
    assert not FORM.holds(tmp_path, "train")


def test_files_that_are_missing_or_too_large(tmp_path):
    (tmp_path / "a").write_bytes(RAW)
    with pytest.raises(InputError, match=r"cannot read .*b: No such file or directory; get the data set again"):
        FORM.read(tmp_path, "train")
    (tmp_path / "b").write_bytes(bytes(101))
    with pytest.raises(InputError, match="b: it has 101 bytes, more than 100; get the data set again"):
        FORM.read(tmp_path, "train")
    (tmp_path / "b").unlink()
    (tmp_path / "b.gz").write_bytes(gzip.compress(bytes(101)))
    with pytest.raises(InputError, match=r"b\.gz unpacks to more than 100 bytes"):
        FORM.read(tmp_path, "train")
