"""Data sets: found where the user expects them, checked, and never half there."""

import gzip
import hashlib
import http.client
import io
import urllib.error

import numpy as np
import pytest

from firstspike_spec import InputError, datasets, load_dataset
from firstspike_spec.datasets import read_idx

IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
LABELS = np.array([2, 0, 1], np.uint8)
NAMES = {"test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")}


def idx(array, kind=8):
    header = bytes([0, 0, kind, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.tobytes()


def put(folder, images=IMAGES, labels=LABELS, *, packed=True):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(NAMES["test"], (images, labels), strict=True):
        content = idx(array)
        (folder / f"{name}{'.gz' if packed else ''}").write_bytes(gzip.compress(content) if packed else content)
    return folder


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No test sees the machine's data sets, and none reaches the network."""
    monkeypatch.delenv("FIRSTSPIKE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def refuse(address, **options):
        raise AssertionError(f"a test tried to download {address}")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


@pytest.fixture
def small_mnist(monkeypatch):
    """Make `IMAGES` and `LABELS` the published MNIST."""
    digests = {
        name: {hashlib.md5(idx(array)).hexdigest()} for name, array in zip(NAMES["test"], (IMAGES, LABELS), strict=True)
    }
    monkeypatch.setitem(datasets.SOURCES, "mnist", datasets.Source(("http://one/", "http://two/"), digests))


# The IDX format.


@pytest.mark.parametrize("packed", [False, True])
def test_reading(packed):
    content = idx(IMAGES)
    got = read_idx(gzip.compress(content) if packed else content, "x")
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, IMAGES)


def test_every_truncation_is_refused():
    for content in (idx(IMAGES), gzip.compress(idx(IMAGES))):
        for length in range(len(content)):
            with pytest.raises(InputError, match=r"^some.file is "):
                read_idx(content[:length], "some.file")


def test_every_flip_in_a_packed_file_is_refused_or_harmless():
    """gzip checks the content; its header's time and name do not matter."""
    content = gzip.compress(idx(IMAGES))
    for place in range(len(content)):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            try:
                got = read_idx(bytes(damaged), "x")
            except InputError:
                continue
            np.testing.assert_array_equal(got, IMAGES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"x is no IDX file of bytes \(its start is empty\)"),
        (b"<html>not found</html>", r"x is no IDX file of bytes \(its start is 3c68746d\); get the data set again"),
        (idx(IMAGES, kind=9), "x is no IDX file of bytes"),
        (b"\0\0\x08\0" + bytes(20), "x is no IDX file of bytes"),
        (idx(IMAGES) + b"\0", "x is damaged: it holds 61 of 60 values"),
        (idx(IMAGES)[:-1], "x is damaged: it holds 59 of 60 values"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "x is damaged: it holds 0 of 79,228,162,458,924,105,385,300,197,375 values"),
        (b"\x1f\x8b" + bytes(30), "x is damaged"),
        (gzip.compress(idx(IMAGES), mtime=0)[:-5], "x is damaged"),  # its name is the same in every process that runs tests
        # Sizes whose product fits what is there, but that are no images.
        (bytes([0, 0, 8, 100]) + (1).to_bytes(4, "big") * 100 + b"\0", "x is"),
        (bytes([0, 0, 8, 4]) + bytes(4) + b"\xff" * 12, "x is"),
    ],
)
def test_damaged_files(content, message):
    with pytest.raises(InputError, match=message):
        read_idx(content, "x")


def test_the_digest_of_the_packed_or_the_unpacked_bytes_counts():
    content = idx(LABELS)
    packed = gzip.compress(content)
    for known in (content, packed):
        read_idx(packed, "x", {hashlib.md5(known).hexdigest(), "other"})
    with pytest.raises(InputError, match="x is damaged or not the published file: its digest is not known"):
        read_idx(packed, "x", {"other"})
    read_idx(packed, "x", None)


# Where files are looked for.


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("below", ["", "digits"])
def test_an_explicit_folder_holds_the_files_or_a_folder_of_the_name(tmp_path, below, packed):
    put(tmp_path / "data" / below, packed=packed)
    got = load_dataset("digits", "test", tmp_path / "data")
    np.testing.assert_array_equal(got.images, IMAGES)
    np.testing.assert_array_equal(got.labels, LABELS)
    assert got.name == "digits"
    assert len(got.first(2).images) == len(got.first(2).labels) == 2
    assert len(got.first(None).images) == 3


def test_the_order_of_the_places(tmp_path, monkeypatch, small_mnist):
    """Explicit folder (that of the name first), then $FIRSTSPIKE_DATA, then the cache."""
    monkeypatch.setitem(datasets.SOURCES, "mnist", datasets.Source((), {}))
    places = [tmp_path / "named" / "mnist", tmp_path / "named", tmp_path / "shared" / "mnist"]
    places.append(tmp_path / "cache" / "firstspike" / "mnist")
    for number, place in enumerate(places):
        put(place, labels=LABELS + number)
    monkeypatch.setenv("FIRSTSPIKE_DATA", str(tmp_path / "shared"))

    def found(folder=None):
        return int(load_dataset("mnist", "test", folder).labels[0] - LABELS[0])

    assert found(tmp_path / "named") == 0
    for file in places[0].iterdir():
        file.unlink()
    assert found(tmp_path / "named") == 1
    assert found() == 2
    for file in places[2].iterdir():
        file.unlink()
    assert found() == 3


def test_an_explicit_folder_is_the_only_place(tmp_path, monkeypatch, small_mnist):
    put(tmp_path / "shared" / "mnist")
    monkeypatch.setenv("FIRSTSPIKE_DATA", str(tmp_path / "shared"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"has no t10k-images-idx3-ubyte.gz, neither directly nor in mnist/; name another"):
        load_dataset("mnist", "test", tmp_path / "empty")
    with pytest.raises(InputError, match=r"the data folder .*none does not exist; name a folder that holds t10k-images"):
        load_dataset("mnist", "test", tmp_path / "none")


def test_an_unknown_name_without_a_folder():
    with pytest.raises(InputError, match="unknown data set 'digits': name one of mnist, fashion-mnist, or a folder with IDX"):
        load_dataset("digits", "test")


def test_labels_that_are_missing_or_do_not_fit(tmp_path):
    put(tmp_path, labels=LABELS[:2])
    with pytest.raises(InputError, match=r"2 labels do not fit images of the shape \(3, 4, 5\); give each image one label"):
        load_dataset("digits", "test", tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InputError, match=r"cannot read .*t10k-labels-idx1-ubyte: No such file.*; get the data set again"):
        load_dataset("digits", "test", tmp_path)
    put(tmp_path, images=IMAGES[0])
    with pytest.raises(InputError, match=r"t10k-images.*: images must have the shape .*, not \(4, 5\)"):
        load_dataset("digits", "test", tmp_path)


def test_files_of_a_known_name_must_be_the_published_ones(tmp_path):
    put(tmp_path)
    with pytest.raises(InputError, match=r"t10k-images.* is damaged or not the published file"):
        load_dataset("mnist", "test", tmp_path)


# Downloads.


@pytest.fixture
def mirrors(monkeypatch, small_mnist):
    """Return a dict of what each address gives: bytes, an exception, or a reply; the rest is not found."""
    replies, asked = {}, []

    def urlopen(address, **options):
        asked.append(address)
        assert options.get("timeout"), "a download without a time limit can hang for ever"
        reply = replies.get(address, urllib.error.HTTPError(address, 404, "Not Found", None, io.BytesIO()))
        if isinstance(reply, Exception):
            raise reply
        return io.BytesIO(reply) if isinstance(reply, bytes) else reply

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    replies["asked"] = asked
    return replies


def publish(mirrors, mirror):
    for name, array in zip(NAMES["test"], (IMAGES, LABELS), strict=True):
        mirrors[f"{mirror}{name}.gz"] = gzip.compress(idx(array))


def cached(tmp_path):
    return sorted(str(place.relative_to(tmp_path)) for place in tmp_path.rglob("*") if place.is_file())


def test_a_download_is_kept_and_told(mirrors, tmp_path):
    publish(mirrors, "http://one/")
    notes = []
    load_dataset("mnist", "test", note=notes.append)
    assert notes == [f"downloading http://one/{name}.gz" for name in reversed(NAMES["test"])]
    assert cached(tmp_path) == [f"cache/firstspike/mnist/{name}.gz" for name in NAMES["test"]]
    mirrors["asked"].clear()
    np.testing.assert_array_equal(load_dataset("mnist", "test").images, IMAGES)
    assert mirrors["asked"] == []


def cut_reply():
    """A reply whose connection breaks, as `http.client` tells of it."""

    class Reply(io.BytesIO):
        def read(self, *arguments):
            raise http.client.IncompleteRead(b"abc", 100)

    return Reply()


@pytest.mark.parametrize(
    "reply",
    [
        lambda: urllib.error.URLError("no route"),
        lambda: TimeoutError("timed out"),
        lambda: ConnectionResetError(104, "reset"),
        lambda: b"<html>login</html>",
        lambda: gzip.compress(idx(LABELS))[:-3],
        lambda: gzip.compress(idx(LABELS + 1)),
        cut_reply,
        lambda: http.client.RemoteDisconnected("closed"),
        lambda: http.client.BadStatusLine("?"),
    ],
    ids=["no route", "time", "reset", "page", "cut", "others", "incomplete", "closed", "bad status"],
)
def test_a_failing_or_damaged_download_goes_on_to_the_next_mirror(mirrors, tmp_path, reply):
    publish(mirrors, "http://two/")
    for name in NAMES["test"]:
        mirrors[f"http://one/{name}.gz"] = reply()
    np.testing.assert_array_equal(load_dataset("mnist", "test").labels, LABELS)
    assert cached(tmp_path) == [f"cache/firstspike/mnist/{name}.gz" for name in NAMES["test"]]


def test_when_every_mirror_fails_nothing_is_left(mirrors, tmp_path):
    publish(mirrors, "http://one/")
    mirrors[f"http://one/{NAMES['test'][1]}.gz"] = b"damaged"
    message = (
        "the data set mnist is not here and could not be downloaded .http://one/.*is no IDX file.*http://two/.*404.*; "
        "download it by hand and name its folder with --data"
    )
    with pytest.raises(InputError, match=message):
        load_dataset("mnist", "test")
    assert cached(tmp_path) == []


def test_a_download_that_stops_half_way_is_taken_up_again(mirrors, tmp_path):
    """The labels came, the images did not: the next call fetches them instead of stumbling over the half."""
    publish(mirrors, "http://one/")
    images = mirrors.pop(f"http://one/{NAMES['test'][0]}.gz")
    with pytest.raises(InputError, match="could not be downloaded"):
        load_dataset("mnist", "test")
    mirrors[f"http://one/{NAMES['test'][0]}.gz"] = images
    np.testing.assert_array_equal(load_dataset("mnist", "test").images, IMAGES)


def test_a_damaged_file_in_the_cache_is_named(mirrors, tmp_path):
    publish(mirrors, "http://one/")
    load_dataset("mnist", "test")
    place = tmp_path / "cache" / "firstspike" / "mnist" / f"{NAMES['test'][0]}.gz"
    place.write_bytes(place.read_bytes()[:-9])
    with pytest.raises(InputError, match=f"{place} is damaged"):
        load_dataset("mnist", "test")
