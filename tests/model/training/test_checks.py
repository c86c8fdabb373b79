"""Data sets that cannot be trained on are refused, with a message that names the fault."""

import numpy as np
import pytest

from firstspike_model.training.checks import check_dataset, check_test_split
from firstspike_spec import Dataset, InputError, InputTypeError


def images_and_labels() -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((300, 8, 8), np.uint8), (np.arange(300) % 10).astype(np.uint8)


def with_label(image, label):
    def change(images, labels):
        labels = labels.astype(np.int32)
        labels[image] = label
        return images, labels

    return change


def nan_pixel(images, labels):
    images = images.astype(np.float32)
    images[9, 2, 3] = np.nan
    return images, labels


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (
            with_label(7, -1),
            InputError,
            "label -1 of image 7 is not a class: classes are numbered from 0, and there are at most 1,000",
        ),
        (with_label(7, 1000), InputError, "label 1000 of image 7 is not a class: .* at most 1,000; correct the labels"),
        (with_label(7, 11), InputError, "class 10 has no image .*; number the classes 0, 1, 2, ... without gaps, or give it"),
        (
            lambda images, labels: (images, np.where(labels == 4, 5, labels)),
            InputError,
            "class 4 has no image in the training",
        ),
        (
            lambda images, labels: (images, labels + 1),
            InputError,
            r"labels are 1 \.\. 10, and none is 0: .*; subtract 1 from each",
        ),
        (
            lambda images, labels: (images, 0 * labels),
            InputError,
            "all training images have the label 0: .* two classes",
        ),
        (nan_pixel, InputError, "image 9 has a pixel that is not a number"),
        (
            lambda images, labels: (images.astype(np.float32), labels),
            InputTypeError,
            "pixels must be of type uint8 .* not float32",
        ),
        (lambda images, labels: (images, labels.astype(float)), InputTypeError, "labels must be whole numbers, not float64"),
        (lambda images, labels: (images[:, 0], labels), InputError, r"shape \(count, height, width\) .* not \(300, 8\)"),
        (lambda images, labels: (images, labels[:-1]), InputError, r"a label for each, not \(300, 8, 8\) and \(299,\)"),
        (
            lambda images, labels: (images[:100], labels[:100]),
            InputError,
            "100 images, 100 of them for validation: .* with --set validation_images=16",
        ),
    ],
)
def test_a_data_set_that_cannot_be_trained_on_is_refused(spoil, error, message):
    with pytest.raises(error, match=message):
        check_dataset(Dataset("digits", *spoil(*images_and_labels())), 100)


@pytest.mark.parametrize("classes", [2, 3, 10, 300, 1000])
def test_there_are_as_many_classes_as_labels(classes):
    labels = np.arange(2000) % classes
    assert check_dataset(Dataset("mine", np.zeros((2000, 2, 3), np.uint8), labels), 5) == classes
    assert check_dataset(Dataset("mine", np.zeros((2000, 3, 2, 3), np.uint8), labels), 5) == classes


def test_a_class_that_has_a_name_needs_images():
    dataset = Dataset("mine", *images_and_labels(), tuple("abcdefghijk"))
    with pytest.raises(InputError, match="class 'k' has no image in the training split"):
        check_dataset(dataset, 100)


def test_test_images_must_fit_the_training_split():
    train = Dataset("mine", *images_and_labels())
    check_test_split(train, train, 10)
    with pytest.raises(InputError, match=r"label 9 of test image 9 is not a class of the training split, .* 0 .. 8; correct"):
        check_test_split(train, train, 9)
    wide = Dataset("mine", np.zeros((300, 8, 9), np.uint8), train.labels)
    with pytest.raises(InputError, match="test images are of 8 x 9 pixels, those of the training split of 8 x 8"):
        check_test_split(wide, train, 10)
