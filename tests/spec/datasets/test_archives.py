"""Data sets in NumPy archives: names of arrays, places of channels, and refusals."""

import numpy as np
import pytest

from firstspike_spec import InputError, InputTypeError, load_dataset

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 5)).astype(np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize("names", ["x_{}/y_{}", "{}_images/{}_labels"])
def test_an_archive_with_both_splits(tmp_path, names):
    path = tmp_path / "mine.npz"
    arrays = {}
    for number, split in enumerate(("train", "test")):
        pixels, classes = (name.format(split) for name in names.split("/"))
        arrays |= {pixels: IMAGES[number:], classes: LABELS[number:]}
    np.savez(path, **arrays)
    for number, split in enumerate(("train", "test")):
        for got in (load_dataset(None, split, path), load_dataset("mine", split, tmp_path)):
            assert got.name == "mine"
            np.testing.assert_array_equal(got.images, IMAGES[number:])
            np.testing.assert_array_equal(got.labels, LABELS[number:])


@pytest.mark.parametrize("names", [("images", "labels"), ("x", "y"), ("x_train", "y_train")])
def test_an_archive_for_each_split(tmp_path, names):
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data" / "train.npz", **dict(zip(names, (IMAGES, LABELS), strict=True)))
    np.testing.assert_array_equal(load_dataset(None, "train", tmp_path / "data").images, IMAGES)
    with pytest.raises(InputError, match=r"has no t10k-images-idx3-ubyte.gz, test.npz or pictures test/CLASS/\*.png"):
        load_dataset(None, "test", tmp_path / "data")


def test_images_without_a_split_are_test_images(tmp_path):
    np.savez(tmp_path / "mine.npz", images=IMAGES, labels=LABELS)
    np.testing.assert_array_equal(load_dataset(None, "test", tmp_path / "mine.npz").images, IMAGES)
    with pytest.raises(
        InputError, match=r"has no training images: wanted arrays x_train and y_train or .*, not 'images', 'labels'"
    ):
        load_dataset(None, "train", tmp_path / "mine.npz")


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((6, 4, 5, 1), (6, 4, 5)),
        ((6, 1, 4, 5), (6, 4, 5)),
        ((6, 4, 5, 3), (6, 3, 4, 5)),
        ((6, 3, 4, 5), (6, 3, 4, 5)),
        ((6, 2, 4, 5), (6, 2, 4, 5)),
        ((6, 20), (6, 20)),
    ],
)
def test_channels_come_first(tmp_path, shape, wanted):
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    np.savez(tmp_path / "mine.npz", images=images, labels=LABELS[:, None])
    got = load_dataset(None, "test", tmp_path / "mine.npz")
    expected = images.transpose(0, 3, 1, 2) if shape == (6, 4, 5, 3) else images.reshape(wanted)
    np.testing.assert_array_equal(got.images, expected)
    assert got.labels.shape == (6,)


@pytest.mark.parametrize("dtype", [np.uint16, ">i4", np.int64])
def test_labels_of_any_integer_type(tmp_path, dtype):
    np.savez(tmp_path / "mine.npz", images=IMAGES, labels=(LABELS * 400).astype(dtype))
    got = load_dataset(None, "test", tmp_path / "mine.npz").labels
    assert got.tolist() == [0, 400, 800, 0, 400, 800]
    assert got.dtype.isnative


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"images": IMAGES / 255},
            InputTypeError,
            r"mine.npz, images must be an array of uint8 .*; multiply them by 255",
        ),
        ({"images": IMAGES[0]}, InputError, r"6 labels do not fit images of the shape \(4, 5\)"),
        (
            {"images": IMAGES[0, 0]},
            InputError,
            r"images must have the shape \(count, height, width\), .*, not \(5,\)",
        ),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, InputError, r"images must have the shape .*, not \(0, 4, 5\)"),
        ({"labels": LABELS[:-1]}, InputError, r"mine.npz, labels: 5 labels do not fit images of the shape \(6, 4, 5\)"),
        ({"labels": np.eye(6, dtype=int)}, InputError, r"not the shape \(6, 6\); for one-hot labels, take argmax\(axis=1\)"),
        ({"labels": LABELS / 1}, InputTypeError, "mine.npz, labels: labels must be whole numbers, not of float64"),
        ({"labels": np.array(list("abcabc"))}, InputTypeError, "labels must be whole numbers, not of <U1"),
    ],
    ids=range(8),
)
def test_arrays_that_are_not_images_or_labels(tmp_path, changes, error, message):
    np.savez(tmp_path / "mine.npz", **({"images": IMAGES, "labels": LABELS} | changes))
    with pytest.raises(error, match=message):
        load_dataset(None, "test", tmp_path / "mine.npz")


@pytest.mark.parametrize("second", [("x", "y"), ("x_test", "y_test"), ("test_images", "test_labels")])
def test_images_under_two_names_are_refused(tmp_path, second):
    both = dict(zip(("images", "labels", *second), (IMAGES, LABELS, IMAGES[::-1], LABELS[::-1]), strict=True))
    np.savez(tmp_path / "mine.npz", **both)
    with pytest.raises(InputError, match=r"mine\.npz has test images twice: ") as refused:
        load_dataset(None, "test", tmp_path / "mine.npz")
    assert "images and labels" in str(refused.value)
    assert " and ".join(second) in str(refused.value)
