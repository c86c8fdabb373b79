"""CIFAR-10: pictures byte for byte those of the batches, found in every form in which they are kept, checked by digests."""

import gzip
import hashlib
import io
import lzma
import os
import tarfile
import urllib.error
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from firstspike_spec import InputError, datasets, load_dataset
from firstspike_spec.datasets import load_splits
from firstspike_spec.datasets.cifar import read_batch

from ...levels import thorough

#: The true data set: where it may be, and its digests.
PUBLISHED, SOURCE = Path(os.environ.get("FIRSTSPIKE_DATA", "nowhere")) / "cifar-10", datasets.SOURCES["cifar10"]

needs_cifar = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="CIFAR-10 is not on this machine: set FIRSTSPIKE_DATA")

#: The published MD5 digests of its batches, another source than the loader's SHA-256.
MD5 = {
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
}

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
NAMES = [f"data_batch_{number}.bin" for number in (1, 2, 3, 4, 5)] + ["test_batch.bin"]
ARCHIVE = "cifar-10-binary.tar.gz"
ADDRESS = f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}"


def batch(seed, count=4):
    records = np.random.default_rng(seed).integers(0, 256, (count, 3073)).astype(np.uint8)
    records[:, 0] %= 10
    return records.tobytes()


BATCHES = {name: batch(seed) for seed, name in enumerate(NAMES)}


def pixels_of(raw):
    """The labels and pictures of a batch, read byte by byte as CIFAR-10's page describes it."""
    labels, pictures, place = [], [], 0
    while place < len(raw):
        labels.append(raw[place])
        place += 1
        planes = []
        for _ in ("red", "green", "blue"):
            rows = []
            for _ in range(32):
                rows.append(list(raw[place : place + 32]))
                place += 32
            planes.append(rows)
        pictures.append(planes)
    return labels, pictures


def published_batch(name):
    """The bytes of a batch of the true data set, unpacked."""
    (path,) = PUBLISHED.glob(f"{name}*")
    content = path.read_bytes()
    raw = {".xz": lzma.decompress, ".gz": gzip.decompress}.get(path.suffix, bytes)(content)
    assert hashlib.md5(raw).hexdigest() == MD5[name]
    return raw


def packed_as(packing, raw):
    return {"": bytes, ".gz": gzip.compress, ".xz": lambda raw: lzma.compress(raw, preset=0)}[packing](raw)


def put(folder, batches=BATCHES, packing=""):
    folder.mkdir(parents=True, exist_ok=True)
    for name, raw in batches.items():
        (folder / f"{name}{packing}").write_bytes(packed_as(packing, raw))
    return folder


def archive_of(batches=BATCHES):
    """An archive like the published one: its files in a folder, out of order, among others."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, raw in {"batches.meta.txt": b"airplane\n", **dict(reversed(batches.items())), "readme.html": b"<p>"}.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return content.getvalue()


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No test sees the machine's data sets, and none reaches the network."""
    monkeypatch.delenv("FIRSTSPIKE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def refuse(address, **options):
        raise AssertionError(f"a test tried to download {address}")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


@pytest.fixture(autouse=True)
def small_cifar(monkeypatch):
    """Make `BATCHES` the published CIFAR-10."""
    digests = {name: {hashlib.sha256(raw).hexdigest()} for name, raw in BATCHES.items()}
    monkeypatch.setitem(datasets.SOURCES, "cifar10", replace(SOURCE, digests=digests))


def assert_is_cifar(dataset, split):
    labels, pictures = pixels_of(b"".join(BATCHES[name] for name in (NAMES[:5] if split == "train" else NAMES[5:])))
    assert (dataset.name, dataset.class_names) == ("cifar10", CLASSES)
    assert (dataset.images.dtype, dataset.images.shape) == (np.uint8, (len(labels), 3, 32, 32))
    assert dataset.labels.tolist() == labels
    assert dataset.images.tolist() == pictures


# The batches.


def test_a_batch_is_read_byte_for_byte():
    raw = batch(7, count=3)
    images, labels = read_batch(raw, "x")
    assert (labels.tolist(), images.tolist()) == pixels_of(raw)
    assert images[2, 1, 30, 5] == raw[2 * 3073 + 1 + 1024 + 30 * 32 + 5]


@pytest.mark.parametrize("length", [0, 1, 3072, 3074, 2 * 3073 - 1])
def test_a_batch_that_is_cut_is_refused(length):
    with pytest.raises(InputError, match=rf"^x is not a CIFAR-10 batch, or cut: it has {length:,} bytes, wanted a mul"):
        read_batch(batch(1)[:length], "x")


@pytest.mark.parametrize("label", [10, 255])
def test_labels_out_of_range_are_refused(label):
    raw = bytearray(batch(1))
    raw[2 * 3073] = label
    with pytest.raises(InputError, match=rf"^x is not .* or damaged: the label of its picture 2 is {label}, wanted 0 \.\. 9"):
        read_batch(bytes(raw), "x")


# Where and how they are kept.


@pytest.mark.parametrize("packing", ["", ".gz", ".xz"])
@pytest.mark.parametrize("folder", ["", "cifar10", "cifar-10", "cifar-10-batches-bin"])
def test_batches_in_a_named_folder(tmp_path, folder, packing):
    put(tmp_path / "data" / folder, packing=packing)
    for split in ("train", "test"):
        assert_is_cifar(load_dataset("cifar10", split, tmp_path / "data"), split)
        assert_is_cifar(load_dataset(None, split, tmp_path / "data", usual="cifar10"), split)
        assert_is_cifar(load_dataset(None, split, tmp_path / "data" / folder), split)


@pytest.mark.parametrize("folder", ["cifar10", "cifar-10", "cifar-10-batches-bin"])
@pytest.mark.parametrize("place", ["shared", "cache/firstspike"])
def test_without_a_folder_the_shared_one_and_the_cache_are_searched(tmp_path, monkeypatch, folder, place):
    monkeypatch.setenv("FIRSTSPIKE_DATA", str(tmp_path / "shared"))
    put(tmp_path / place / folder)
    train, test = load_splits("cifar10")
    assert_is_cifar(train, "train")
    assert_is_cifar(test, "test")


@pytest.mark.parametrize("below", ["", "cifar-10"])
def test_the_archive_in_a_folder(tmp_path, below):
    (tmp_path / "data" / below).mkdir(parents=True)
    path = tmp_path / "data" / below / ARCHIVE
    path.write_bytes(archive_of())
    for split in ("train", "test"):
        assert_is_cifar(load_dataset("cifar10", split, tmp_path / "data"), split)
        assert_is_cifar(load_dataset("cifar10", split, path), split)
        assert_is_cifar(load_dataset(None, split, path), split)
    assert sorted(tmp_path.rglob("*.*")) == [path]  # nothing is unpacked to the disk


def test_batches_count_before_the_archive_unless_one_is_missing(tmp_path):
    put(tmp_path)
    (tmp_path / ARCHIVE).write_bytes(b"no archive")
    assert_is_cifar(load_dataset("cifar10", "train", tmp_path), "train")
    (tmp_path / "data_batch_4.bin").unlink()
    (tmp_path / ARCHIVE).write_bytes(archive_of())
    assert_is_cifar(load_dataset("cifar10", "train", tmp_path), "train")


@needs_cifar
def test_the_published_test_batch(monkeypatch):
    """Its digest is a known one; the pictures at its ends are read again in plain Python."""
    monkeypatch.setitem(datasets.SOURCES, "cifar10", SOURCE)
    raw = published_batch("test_batch.bin")
    test = load_dataset("cifar10", "test", PUBLISHED)
    assert (test.name, test.class_names, test.images.shape) == ("cifar10", CLASSES, (10_000, 3, 32, 32))
    assert np.bincount(test.labels).tolist() == [1000] * 10
    for place in (0, 1, 4_321, 9_999):
        ((label,), (picture,)) = pixels_of(raw[place * 3073 : (place + 1) * 3073])
        assert (test.labels[place], test.images[place].tolist()) == (label, picture)


@needs_cifar
@thorough
def test_the_published_training_batches(monkeypatch):
    monkeypatch.setitem(datasets.SOURCES, "cifar10", SOURCE)
    train = load_dataset("cifar10", "train", PUBLISHED)
    assert np.bincount(train.labels).tolist() == [5000] * 10
    for number, name in enumerate(NAMES[:5]):
        raw = published_batch(name)
        for place in (0, 9_999):
            ((label,), (picture,)) = pixels_of(raw[place * 3073 : (place + 1) * 3073])
            assert (train.labels[10_000 * number + place], train.images[10_000 * number + place].tolist()) == (label, picture)


# What is refused.


@pytest.mark.parametrize("number", range(1, 6))
def test_a_batch_is_missing(tmp_path, number):
    put(tmp_path)
    (tmp_path / f"data_batch_{number}.bin").unlink()
    first = r"has no data_batch_1\.bin or cifar-10-binary\.tar\.gz, neither directly nor in cifar10/ or cifar-10/ or"
    missing = rf"cannot read .*data_batch_{number}\.bin: No such file .*; get the data set again"
    with pytest.raises(InputError, match=first if number == 1 else missing):
        load_dataset("cifar10", "train", tmp_path)
    assert_is_cifar(load_dataset("cifar10", "test", tmp_path), "test")


@pytest.mark.parametrize("packing", ["", ".gz", ".xz"])
def test_a_batch_with_another_digest_is_not_the_published_one(tmp_path, packing):
    for place, change in ((5, 1), (3073 * 4 - 1, 128)):
        raw = bytearray(BATCHES["data_batch_3.bin"])
        raw[place] ^= change
        put(tmp_path, BATCHES | {"data_batch_3.bin": bytes(raw)}, packing)
        with pytest.raises(InputError, match=rf"data_batch_3\.bin{packing} is damaged or not the published file: its digest"):
            load_dataset("cifar10", "train", tmp_path)


def test_truncated_batches(tmp_path):
    put(tmp_path, {"test_batch.bin": BATCHES["test_batch.bin"][:-1]})
    with pytest.raises(InputError, match=r"test_batch\.bin is damaged or not the published file"):
        load_dataset("cifar10", "test", tmp_path)
    with pytest.raises(InputError, match=r"test_batch\.bin is not a CIFAR-10 batch, or cut: it has 12,291 bytes"):
        load_dataset(None, "test", tmp_path)
    (tmp_path / "test_batch.bin").unlink()
    (tmp_path / "test_batch.bin.xz").write_bytes(lzma.compress(BATCHES["test_batch.bin"])[:-20])
    with pytest.raises(InputError, match=r"test_batch\.bin\.xz is damaged \(.+\); get the data set again"):
        load_dataset("cifar10", "test", tmp_path)


@pytest.mark.parametrize("packing", [".gz", ".xz"])
def test_a_batch_that_unpacks_to_too_much_is_refused(tmp_path, packing):
    (tmp_path / f"test_batch.bin{packing}").write_bytes(packed_as(packing, bytes((1 << 27) + 1)))
    with pytest.raises(InputError, match=rf"test_batch\.bin{packing} unpacks to more than 134,217,728 bytes"):
        load_dataset("cifar10", "test", tmp_path)


def test_an_archive_with_another_batch(tmp_path):
    (tmp_path / ARCHIVE).write_bytes(archive_of(BATCHES | {"data_batch_2.bin": batch(99)}))
    with pytest.raises(InputError, match=r"cifar-10-binary\.tar\.gz, data_batch_2\.bin is damaged or not the published file"):
        load_dataset("cifar10", "train", tmp_path)
    assert_is_cifar(load_dataset("cifar10", "test", tmp_path), "test")
    (tmp_path / ARCHIVE).write_bytes(archive_of({name: raw for name, raw in BATCHES.items() if "5" not in name}))
    with pytest.raises(InputError, match=r"cifar-10-binary\.tar\.gz has no data_batch_5\.bin; get the archive again"):
        load_dataset("cifar10", "train", tmp_path)


def test_a_folder_of_the_name_with_something_else(tmp_path):
    """Such as the batches for Python, or pictures."""
    for name in NAMES:
        (tmp_path / "cifar10").mkdir(exist_ok=True)
        (tmp_path / "cifar10" / name.removesuffix(".bin")).write_bytes(b"\x80\x02}")
    with pytest.raises(
        InputError, match=r"has no test_batch\.bin or cifar-10-binary\.tar\.gz, neither directly nor in cifar10/"
    ):
        load_dataset("cifar10", "test", tmp_path)
    message = r"has no test_batch\.bin or cifar-10-binary\.tar\.gz, test\.npz or pictures test/CLASS/\*\.png"
    with pytest.raises(InputError, match=message):
        load_dataset(None, "test", tmp_path, usual="cifar10")


# A user's own data.


def pictures(folder):
    (folder / "test" / "cat").mkdir(parents=True)
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(folder / "test" / "cat" / "1.png")


def arrays(folder):
    folder.mkdir(parents=True)
    np.savez(folder / "test.npz", images=np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3), labels=[0])


def own_batches(folder):
    put(folder, {"test_batch.bin": batch(42)})


@pytest.mark.parametrize("folder", ["cifar10", "cifar-10"])
@pytest.mark.parametrize("own", [pictures, arrays, own_batches])
def test_own_images_under_the_same_name(tmp_path, own, folder):
    own(tmp_path / folder)
    told = []
    got = load_dataset(None, "test", tmp_path / folder, usual="cifar10", note=told.append)
    assert (got.name, got.images.shape[1]) == (f"own-{folder}", 3)
    assert told == [f"{tmp_path / folder} does not hold the published images of cifar10: the data set is called own-{folder}"]
    assert load_dataset(None, "test", tmp_path / folder).name == f"own-{folder}"
    with pytest.raises(InputError, match=r"has no test_batch\.bin|not the published file"):
        load_dataset("cifar10", "test", tmp_path / folder)


def test_batches_among_files_of_another_form(tmp_path):
    """The form of the data set that is asked for, or that a network was trained on, counts first."""
    put(tmp_path)
    header = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 4])
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(header + bytes(32))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 0, 1]))
    pictures(tmp_path)
    told = []
    assert_is_cifar(load_dataset("cifar10", "test", tmp_path, note=told.append), "test")
    assert_is_cifar(load_dataset(None, "test", tmp_path, usual="cifar10", note=told.append), "test")
    assert told == []
    assert load_dataset(None, "test", tmp_path, usual="mnist").images.shape == (2, 4, 4)


def test_own_batches_may_have_any_number_of_pictures(tmp_path):
    put(tmp_path / "mine", {name: batch(seed, count=seed + 1) for seed, name in enumerate(NAMES)})
    train, test = load_splits(None, tmp_path / "mine")
    assert (train.name, len(train.images), len(test.images), train.class_names) == ("mine", 1 + 2 + 3 + 4 + 5, 6, ())


# Downloads.


@pytest.fixture
def mirror(monkeypatch):
    """Return a list to put one reply into, and the addresses that were asked for."""
    reply, asked = [], []

    def urlopen(address, **options):
        asked.append(address)
        if not reply:
            raise urllib.error.HTTPError(address, 404, "Not Found", None, io.BytesIO())
        return io.BytesIO(reply[0])

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    return reply, asked


def test_the_archive_is_downloaded_once_for_both_splits(mirror, tmp_path):
    reply, asked = mirror
    reply.append(archive_of())
    told = []
    train, test = load_splits("cifar10", note=told.append)
    assert_is_cifar(train, "train")
    assert_is_cifar(test, "test")
    assert (asked, told) == ([ADDRESS], [f"downloading {ADDRESS}"])
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert kept == [tmp_path / "cache" / "firstspike" / "cifar10" / ARCHIVE]
    assert kept[0].read_bytes() == reply[0]


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (None, "HTTP Error 404: Not Found"),
        (b"<html>login</html>", r"is not a \.tar\.gz archive"),
        (archive_of()[:-3000], "is damaged"),
        (archive_of(BATCHES | {"test_batch.bin": batch(9)}), r"test_batch\.bin is damaged or not the published file"),
        (archive_of({"test_batch.bin": BATCHES["test_batch.bin"]}), r"has no data_batch_1\.bin, .*data_batch_5\.bin"),
    ],
    ids=["none", "page", "cut", "other", "part"],
)
def test_a_damaged_download_is_not_kept(mirror, tmp_path, content, cause):
    if content is not None:
        mirror[0].append(content)
    with pytest.raises(InputError, match=f"the data set cifar10 is not here and could not be downloaded .*{cause}.*--data"):
        load_dataset("cifar10", "test")
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
