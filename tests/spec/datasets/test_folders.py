"""Data sets as folders of pictures: classes by their folders' names, the same in both splits."""

import numpy as np
import pytest
from PIL import Image

from firstspike_spec import InputError, load_dataset


@pytest.fixture
def put(tmp_path):
    """Save a picture of one value at a path below the data set's folder, which it returns."""

    def save(path, value, size=(4, 3), mode="L"):
        file = tmp_path / "animals" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, size, value).save(file)
        return tmp_path / "animals"

    return save


def test_classes_are_the_folders_of_both_splits_in_order(put):
    for value, path in enumerate(("train/dog/1.png", "train/cat/1.png", "test/owl/1.png", "test/cat/2.bmp", "test/.x/1.png")):
        folder = put(path, value)
    train, test = (load_dataset(None, split, folder) for split in ("train", "test"))
    assert train.class_names == test.class_names == ("cat", "dog", "owl")
    assert (train.name, train.images.shape, train.images.dtype) == ("animals", (2, 3, 4), np.uint8)
    assert [(image[0, 0], label) for image, label in zip(train.images, train.labels, strict=True)] == [(1, 0), (0, 1)]
    assert [(image[0, 0], label) for image, label in zip(test.images, test.labels, strict=True)] == [(3, 0), (2, 2)]


def test_numbered_classes_are_sorted_by_number(put):
    for name in (10, 9, 0, 2):
        folder = put(f"test/{name}/a.png", name)
    assert load_dataset(None, "test", folder).class_names == ("0", "2", "9", "10")
    put("test/x/a.png", 5)
    assert load_dataset(None, "test", folder).class_names == ("0", "10", "2", "9", "x")


def test_the_first_pictures_are_of_all_classes(put):
    for name in "abc":
        for number in range(4):
            folder = put(f"test/{name}/{number}.png", number)
    got = load_dataset(None, "test", folder)
    assert got.labels.tolist() == [0, 1, 2] * 4
    assert got.images[:, 0, 0].tolist() == [number for number in range(4) for _ in range(3)]


def test_colour_stays_and_three_equal_channels_become_grey(put):
    put("test/a/1.png", (7, 7, 7), mode="RGB")
    folder = put("test/b/1.png", 9)
    grey = load_dataset(None, "test", folder).images
    assert (grey.shape, grey[:, 0, 0].tolist()) == ((2, 3, 4), [7, 9])
    put("test/a/2.png", (1, 2, 3), mode="RGB")
    colour = load_dataset(None, "test", folder).images
    assert (colour.shape, colour[:, :, 0, 0].tolist()) == ((3, 3, 3, 4), [[7, 7, 7], [9, 9, 9], [1, 2, 3]])


def test_pictures_that_cannot_be_used_are_named(put):
    folder = put("test/a/1.png", 0)
    put("test/b/2.png", 0, size=(5, 3))
    with pytest.raises(InputError, match=r"b/2.png has 5 x 3 pixels; those before it have 4 x 3: scale it"):
        load_dataset(None, "test", folder)
    put("test/b/2.png", (0, 0), mode="LA")
    with pytest.raises(InputError, match=r"2.png is transparent in places, and .*: save it without transparency"):
        load_dataset(None, "test", folder)
    put("test/b/2.png", 0, size=(257, 256))
    put("test/a/1.png", 0, size=(257, 256))
    with pytest.raises(InputError, match=r"1.png has 257 x 256 pixels, a network at most 65,536 inputs: scale it down"):
        load_dataset(None, "test", folder)
    put("test/1.png", 0)
    with pytest.raises(InputError, match=r"test/1.png is not in a class folder; move it into one, as test/CLASS/1.png"):
        load_dataset(None, "test", folder)


def test_a_folder_without_pictures(tmp_path):
    (tmp_path / "test" / "cat").mkdir(parents=True)
    with pytest.raises(InputError, match=r"test has no pictures: put them into a folder for each class, as test/CLASS/1.png"):
        load_dataset(None, "test", tmp_path)
