"""What a data set must be before anything is trained on it."""

import numpy as np

from firstspike_spec import Dataset, InputError, InputTypeError

#: Classes of every data set so far.
CLASSES = 10


def check_dataset(dataset: Dataset, validation_images: int) -> None:
    """Refuse a training split that cannot be trained on.

    Parameters
    ----------
    dataset : Dataset
    validation_images : int
        How many of its images are held back.

    Raises
    ------
    InputError, InputTypeError
        If images and labels do not match, pixels are no whole numbers in 0 .. 255, a label is no class, a class has no
        image, or too few images are left; the message names the first place.
    """
    images, labels = dataset.images, dataset.labels
    if images.ndim != 3 or labels.shape != images.shape[:1] or not images.size:
        raise InputError(
            f"wanted images of the shape (count, height, width) and a label for each, not {images.shape} and {labels.shape}; "
            "get the data again"
        )
    if np.issubdtype(images.dtype, np.floating) and np.isnan(images).any():
        image = int(np.flatnonzero(np.isnan(images).any(axis=(1, 2)))[0])
        raise InputError(f"image {image} has a pixel that is no number (NaN): wanted whole numbers in 0 .. 255; correct it")
    if images.dtype != np.uint8:
        raise InputTypeError(f"pixels must be of type uint8 (0 .. 255), not {images.dtype}; convert the images")
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputTypeError(f"labels must be whole numbers, not {labels.dtype}; convert them")
    wrong = np.flatnonzero((labels < 0) | (labels >= CLASSES))
    if len(wrong):
        raise InputError(
            f"label {labels[wrong[0]]} of image {wrong[0]} is no class: wanted 0 .. {CLASSES - 1}; get the data again"
        )
    if len(images) <= validation_images:
        raise InputError(
            f"the training split has {len(images):,} images, {validation_images:,} of them for validation: "
            "none is left to train on; use more images"
        )
    empty = np.flatnonzero(np.bincount(labels, minlength=CLASSES) == 0)
    if len(empty):
        raise InputError(f"class {empty[0]} has no image in the training split: nothing could learn it; get the data again")
