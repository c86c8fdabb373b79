"""Checks of a data set before a training."""

import numpy as np

from firstspike_spec import Dataset, InputError, InputTypeError

#: Limits of the number of classes.
LEAST_CLASSES, MOST_CLASSES = 2, 1000


def check_dataset(dataset: Dataset, validation_images: int) -> int:
    """Check that a network can be trained on a training split, and return its number of classes.

    Parameters
    ----------
    dataset : Dataset
    validation_images : int
        Number of images that are held back.

    Raises
    ------
    InputError, InputTypeError
        If images and labels do not match, pixels are not whole numbers in 0 .. 255, a label is not a class, a class has no
        image, or too few images are left; the message names the first such place.
    """
    images, labels = dataset.images, dataset.labels
    if images.ndim not in (3, 4) or labels.shape != images.shape[:1] or not images.size:
        raise InputError(
            "wanted images of the shape (count, height, width) or (count, channels, height, width) and a label for each, not "
            f"{images.shape} and {labels.shape}; correct the data"
        )
    if np.issubdtype(images.dtype, np.floating) and np.isnan(images).any():
        image = int(np.argwhere(np.isnan(images))[0][0])
        raise InputError(f"image {image} has a pixel that is not a number (NaN): wanted whole numbers in 0 .. 255; correct it")
    if images.dtype != np.uint8:
        raise InputTypeError(f"pixels must be of type uint8 (0 .. 255), not {images.dtype}; convert the images")
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputTypeError(f"labels must be whole numbers, not {labels.dtype}; convert them")
    wrong = np.flatnonzero((labels < 0) | (labels >= MOST_CLASSES))
    if len(wrong):
        raise InputError(
            f"label {labels[wrong[0]]} of image {wrong[0]} is not a class: classes are numbered from 0, and there are at most "
            f"{MOST_CLASSES:,}; correct the labels"
        )
    if len(images) <= validation_images:
        raise InputError(
            f"the training split has {len(images):,} images, {validation_images:,} of them for validation: none is left to "
            f"train on; use more images, or hold back fewer with --set validation_images={max(1, len(images) // 6)}"
        )
    return _classes(labels, dataset.class_names)


def check_test_split(test: Dataset, train: Dataset, classes: int) -> None:
    """Check that a network trained on the one split can be tested on the other.

    Raises
    ------
    InputError
        If images have another shape, or a label is not a class of the training split.
    """
    if train.images.shape[1:] != test.images.shape[1:]:
        sizes = (" x ".join(map(str, split.images.shape[1:])) for split in (test, train))
        raise InputError("test images are of {} pixels, those of the training split of {}; correct the data".format(*sizes))
    wrong = np.flatnonzero((test.labels < 0) | (test.labels >= classes))
    if len(wrong):
        raise InputError(
            f"label {test.labels[wrong[0]]} of test image {wrong[0]} is not a class of the training split, whose labels are "
            f"0 .. {classes - 1}; correct the labels"
        )


def _classes(labels: np.ndarray, names: tuple[str, ...]) -> int:
    """Return the number of classes, or refuse labels if a class has no image."""
    counts = np.bincount(labels.astype(np.int64), minlength=len(names))
    empty = np.flatnonzero(counts == 0)
    if len(empty) and len(names) == len(counts):
        raise InputError(
            f"class {names[empty[0]]!r} has no image in the training split: the network could not learn it; add some"
        )
    if empty.tolist() == [0] and len(counts) > LEAST_CLASSES:
        raise InputError(
            f"labels are 1 .. {len(counts) - 1}, and none is 0: classes are numbered from 0; subtract 1 from each label"
        )
    if len(empty):
        raise InputError(
            f"class {empty[0]} has no image in the training split: the network could not learn it; number the classes "
            "0, 1, 2, ... without gaps, or give it images"
        )
    if len(counts) < LEAST_CLASSES:
        raise InputError("all training images have the label 0: a network needs at least two classes; add another one")
    return len(counts)
