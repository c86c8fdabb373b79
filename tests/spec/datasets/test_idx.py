"""The IDX format: arrays are read unchanged, grey or in colour, and damage is noticed."""

import gzip
import lzma

import numpy as np
import pytest

from firstspike_spec import InputError, load_dataset
from firstspike_spec.datasets.idx import LABELS as LABEL_KINDS
from firstspike_spec.datasets.idx import read_idx

IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
LABELS = np.array([2, 0, 1], np.uint8)


def idx(array, kind=8):
    header = bytes([0, 0, kind, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.tobytes()


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
        (b"", r"x is not an IDX file of bytes \(its start is empty\)"),
        (b"<html>not found</html>", r"x is not an IDX file of bytes \(its start is 3c68746d\); get the data set again"),
        (idx(IMAGES, kind=9), "x is not an IDX file of bytes"),
        (b"\0\0\x08\0" + bytes(20), "x is not an IDX file of bytes"),
        (idx(IMAGES) + b"\0", "x is damaged: it holds 61 of 60 values"),
        (idx(IMAGES)[:-1], "x is damaged: it holds 59 of 60 values"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "x is damaged: it holds 0 of 79,228,162,458,924,105,385,300,197,375 values"),
        (b"\x1f\x8b" + bytes(30), "x is damaged"),
        (gzip.compress(idx(IMAGES), mtime=0)[:-5], "x is damaged"),  # its name is the same in every process that runs tests
        # Sizes whose product fits the file, but that are not images.
        (bytes([0, 0, 8, 100]) + (1).to_bytes(4, "big") * 100 + b"\0", "x is"),
        (bytes([0, 0, 8, 4]) + bytes(4) + b"\xff" * 12, "x is"),
    ],
)
def test_damaged_files(content, message):
    with pytest.raises(InputError, match=message):
        read_idx(content, "x")


@pytest.mark.parametrize(("kind", "dtype"), [(0x0B, ">i2"), (0x0C, ">i4")])
def test_labels_of_many_classes_have_more_bits(kind, dtype):
    labels = np.array([0, 999, 300], dtype)
    np.testing.assert_array_equal(read_idx(idx(labels, kind), "x", kinds=LABEL_KINDS), labels)
    with pytest.raises(InputError, match="x is damaged: it holds 2 of 3 values"):
        read_idx(idx(labels, kind)[:-1], "x", kinds=LABEL_KINDS)
    with pytest.raises(InputError, match="x is not an IDX file of bytes"):  # pixels have no more
        read_idx(idx(labels, kind), "x")


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((3, 4, 5), (3, 4, 5)),
        ((3, 1, 4, 5), (3, 4, 5)),
        ((3, 4, 5, 1), (3, 4, 5)),
        ((3, 3, 4, 5), (3, 3, 4, 5)),
        ((3, 4, 5, 3), (3, 3, 4, 5)),
    ],
    ids=str,
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_images_of_a_data_set_in_grey_and_in_colour(tmp_path, shape, wanted, pack):
    ending = {bytes: "", gzip.compress: ".gz", lzma.compress: ".xz"}[pack]
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    (tmp_path / f"t10k-images-idx3-ubyte{ending}").write_bytes(pack(idx(images)))
    (tmp_path / f"t10k-labels-idx1-ubyte{ending}").write_bytes(pack(idx(LABELS)))
    got = load_dataset("animals", "test", tmp_path)
    expected = images.transpose(0, 3, 1, 2) if shape == (3, 4, 5, 3) else images.reshape(wanted)
    np.testing.assert_array_equal(got.images, expected)
    assert got.labels.tolist() == [2, 0, 1]


def test_images_of_a_data_set_have_height_and_width(tmp_path):
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(np.zeros((3, 20), np.uint8)))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(LABELS))
    message = (
        r"t10k-images-idx3-ubyte: images must have the shape \(count, height, width\), in colour \(count, 3, height, width\), "
        r"not \(3, 20\)"
    )
    with pytest.raises(InputError, match=message):
        load_dataset("animals", "test", tmp_path)
