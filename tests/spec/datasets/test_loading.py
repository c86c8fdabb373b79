"""Data sets are found where the user expects them, checked, and never left half downloaded."""

import gzip
import hashlib
import http.client
import io
import urllib.error

import numpy as np
import pytest

from firstspike_spec import InputError, datasets, load_dataset
from firstspike_spec.datasets import load_splits
from firstspike_spec.datasets.idx import IDX
from firstspike_spec.datasets.named_files import FileForm

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
    monkeypatch.setitem(datasets.SOURCES, "mnist", datasets.Source(IDX, ("http://one/", "http://two/"), digests))


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
    places = [tmp_path / "named" / "mnist", tmp_path / "named", tmp_path / "shared" / "mnist"]
    places.append(tmp_path / "cache" / "firstspike" / "mnist")
    for number, place in enumerate(places):
        put(place, labels=LABELS + number)
        datasets.SOURCES["mnist"].digests[NAMES["test"][1]].add(hashlib.md5(idx(LABELS + number)).hexdigest())
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
    with pytest.raises(
        InputError, match=r"has no t10k-images.*.gz, test.npz or pictures test/CLASS/\*.png, neither .* in mnist/"
    ):
        load_dataset(None, "test", tmp_path / "empty", usual="mnist")
    with pytest.raises(InputError, match=r"the data folder .*none does not exist; name a folder that holds t10k-images"):
        load_dataset("mnist", "test", tmp_path / "none")


def test_an_unknown_name_without_a_folder():
    with pytest.raises(
        InputError, match="unknown data set 'digits': name one of mnist, fashion-mnist, cifar10, or a folder with IDX"
    ):
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
    """Return a dict of replies by address: bytes, an exception, or a reply object; other addresses are not found."""
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


def test_a_download_is_kept_and_noted(mirrors, tmp_path):
    publish(mirrors, "http://one/")
    notes = []
    load_dataset("mnist", "test", note=notes.append)
    assert notes == [f"downloading http://one/{name}.gz" for name in reversed(NAMES["test"])]
    assert cached(tmp_path) == [f"cache/firstspike/mnist/{name}.gz" for name in NAMES["test"]]
    mirrors["asked"].clear()
    np.testing.assert_array_equal(load_dataset("mnist", "test").images, IMAGES)
    assert mirrors["asked"] == []


def cut_reply():
    """A reply whose connection breaks, as `http.client` reports it."""

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
        "the data set mnist is not here and could not be downloaded "
        ".http://one/.*is damaged or not the published file.*http://two/.*404.*; "
        "download it yourself and name its folder with --data"
    )
    with pytest.raises(InputError, match=message):
        load_dataset("mnist", "test")
    assert cached(tmp_path) == []


def test_a_download_that_stopped_half_way_is_continued(mirrors, tmp_path):
    """The labels were downloaded, the images were not: the next call downloads them."""
    publish(mirrors, "http://one/")
    images = mirrors.pop(f"http://one/{NAMES['test'][0]}.gz")
    with pytest.raises(InputError, match="could not be downloaded"):
        load_dataset("mnist", "test")
    mirrors[f"http://one/{NAMES['test'][0]}.gz"] = images
    np.testing.assert_array_equal(load_dataset("mnist", "test").images, IMAGES)


def test_a_cache_that_cannot_be_written_is_reported_before_the_download(mirrors, tmp_path, monkeypatch):
    publish(mirrors, "one")
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    notes = []
    with pytest.raises(InputError, match=r"cannot write into /dev/null/firstspike/mnist: .*; set XDG_CACHE_HOME .*--data"):
        load_dataset("mnist", "test", note=notes.append)
    assert notes == []


def test_a_damaged_file_in_the_cache_is_named(mirrors, tmp_path):
    publish(mirrors, "http://one/")
    load_dataset("mnist", "test")
    place = tmp_path / "cache" / "firstspike" / "mnist" / f"{NAMES['test'][0]}.gz"
    place.write_bytes(place.read_bytes()[:-9])
    with pytest.raises(InputError, match=f"{place} is damaged"):
        load_dataset("mnist", "test")


# A user's own data.


def test_own_files_are_not_compared_with_a_data_set_that_was_not_named(tmp_path, small_mnist):
    """They get the folder's name; published files keep their name in any folder."""
    told = []
    own = put(tmp_path / "mine", labels=LABELS + 1)
    got = load_dataset(None, "test", own, usual="mnist", note=told.append)
    assert (got.name, got.labels.tolist()) == ("mine", [3, 1, 2])
    assert told == [f"{own} does not hold the published images of mnist: the data set is called mine"]
    assert load_dataset(None, "test", own).name == "mine"
    assert load_dataset(None, "test", put(tmp_path / "copy"), usual="mnist", note=told.append).name == "mnist"
    assert len(told) == 1
    with pytest.raises(InputError, match=r"is damaged or not the published file.*; get .* again, or, .* another name"):
        load_dataset("mnist", "test", own)


def test_published_files_are_recognised_without_their_name(tmp_path, small_mnist):
    """Whatever their folder is called, and whatever a network was trained on; a name of the user's own is kept."""
    told, folder = [], put(tmp_path / "copy")
    assert load_dataset(None, "test", folder, note=told.append).name == "mnist"
    assert load_dataset("digits", "test", folder, note=told.append).name == "digits"
    assert told == []
    for usual in ("fashion-mnist", "cifar10"):
        assert load_dataset(None, "test", folder, usual=usual, note=told.append).name == "mnist"
        assert told.pop() == f"{folder} holds the published images of mnist, not of {usual}"


def test_a_folder_of_the_published_name_among_others_holds_the_published_files(tmp_path, small_mnist):
    put(tmp_path / "all" / "mnist", labels=LABELS + 1)
    with pytest.raises(InputError, match="is damaged or not the published file"):
        load_dataset(None, "test", tmp_path / "all", usual="mnist")
    assert load_dataset(None, "test", tmp_path / "all" / "mnist").name == "own-mnist"


def test_an_unpublished_name_is_kept(tmp_path):
    """A network can then recognise the data set that it was trained on."""
    assert load_dataset(None, "test", put(tmp_path / "moved"), usual="digits").name == "digits"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc", "a\\b", "a\0b"])
def test_a_name_is_not_a_path(tmp_path, name):
    put(tmp_path / "data")
    with pytest.raises(InputError, match="is not a name of a data set: give its name, or its folder with --data"):
        load_dataset(name, "test", tmp_path / "data")
    assert load_dataset(None, "test", tmp_path / "data", usual=name).name == "data"  # a name from a file is not followed


def test_no_name_and_no_folder():
    with pytest.raises(
        InputError, match=r"no data set is named: give --dataset NAME \(mnist, fashion-mnist, cifar10\), or --data"
    ):
        load_dataset(None, "test")


def test_a_users_own_data_set_in_the_shared_folder(tmp_path, monkeypatch):
    put(tmp_path / "shared" / "digits")
    monkeypatch.setenv("FIRSTSPIKE_DATA", str(tmp_path / "shared"))
    assert load_dataset("digits", "test").name == "digits"


def test_splits_are_noted_once(tmp_path, small_mnist):
    told = []
    folder = put(tmp_path / "mine", labels=LABELS + 1)
    for name in NAMES["test"]:
        (folder / f"{name.replace('t10k', 'train')}.gz").write_bytes((folder / f"{name}.gz").read_bytes())
    train, test = load_splits(None, folder, usual="mnist", note=told.append)
    assert (train.name, test.name, len(told)) == ("mine", "mine", 1)


def test_a_folder_that_cannot_be_read(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(FileForm, "holds", refuse)
    with pytest.raises(InputError, match=r"cannot read the data set in .*: Permission denied; name another folder"):
        load_dataset("digits", "test", tmp_path)


def test_a_file_that_is_not_a_data_set(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(InputError, match=r"a.txt is not a data set: name a folder, or an .npz file, with --data"):
        load_dataset(None, "test", tmp_path / "a.txt")


def test_an_unreachable_mirror_is_reported_in_plain_words(mirrors):
    mirrors["http://one/t10k-labels-idx1-ubyte.gz"] = urllib.error.URLError("Name or service not known")
    with pytest.raises(InputError) as refused:
        load_dataset("mnist", "test")
    assert "http://one/t10k-labels-idx1-ubyte.gz: Name or service not known" in str(refused.value)
    assert "<" not in str(refused.value)
