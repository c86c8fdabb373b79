"""The IDX format: arrays are read unchanged, and damage is noticed."""

import gzip
import hashlib

import numpy as np
import pytest

from firstspike_spec import InputError
from firstspike_spec.datasets import idx as idx_module
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


def test_the_digest_of_the_packed_or_the_unpacked_bytes_counts():
    content = idx(LABELS)
    packed = gzip.compress(content)
    for known in (content, packed):
        read_idx(packed, "x", {hashlib.md5(known).hexdigest(), "other"})
    with pytest.raises(InputError, match="x is damaged or not the published file: its digest is not known"):
        read_idx(packed, "x", {"other"})
    read_idx(packed, "x", None)


@pytest.mark.parametrize(("kind", "dtype"), [(0x0B, ">i2"), (0x0C, ">i4")])
def test_labels_of_many_classes_have_more_bits(kind, dtype):
    labels = np.array([0, 999, 300], dtype)
    np.testing.assert_array_equal(read_idx(idx(labels, kind), "x", kinds=LABEL_KINDS), labels)
    with pytest.raises(InputError, match="x is damaged: it holds 2 of 3 values"):
        read_idx(idx(labels, kind)[:-1], "x", kinds=LABEL_KINDS)
    with pytest.raises(InputError, match="x is not an IDX file of bytes"):  # pixels have no more
        read_idx(idx(labels, kind), "x")


def test_a_file_that_unpacks_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(idx_module, "MOST_ARRAY_BYTES", 1 << 20)
    with pytest.raises(InputError, match="x unpacks to more than 1,048,576 bytes"):
        read_idx(gzip.compress(bytes(10 << 20)), "x")
