"""A data set: images with their true classes."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ..common.errors import InputError, InputTypeError

Split = Literal["train", "test"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with their true classes.

    Attributes
    ----------
    name : str
    images : ndarray of uint8, shape (count, height, width), (count, channels, height, width) or (count, inputs)
    labels : ndarray of int, shape (count,)
    class_names : tuple of str
        Names of the classes 0, 1, ..., if the data set has them.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...] = ()

    def first(self, count: int | None) -> "Dataset":
        """Return the first ``count`` images, or all of them for ``None``."""
        return self.at(slice(count))

    def at(self, places: slice | np.ndarray) -> "Dataset":
        """Return some of the images, with their labels."""
        return replace(self, images=self.images[places], labels=self.labels[places])


def check_labels(images: np.ndarray, labels: np.ndarray, place: object) -> np.ndarray:
    """Return labels of one dimension, one integer for each image.

    Parameters
    ----------
    images, labels : ndarray
        As a file holds them; labels may have a second dimension of size 1.
    place : object
        Where they come from, for errors.

    Raises
    ------
    InputError, InputTypeError
        If labels are not integers, or not one for each image.
    """
    if labels.dtype.kind not in "iu":
        raise InputTypeError(f"{place}: labels must be whole numbers, not of {labels.dtype}; convert them")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise InputError(
            f"{place}: labels must have one dimension, a whole number for each image, not the shape {labels.shape}; "
            "for one-hot labels, take argmax(axis=1)"
        )
    if len(labels) != len(images):
        raise InputError(
            f"{place}: {len(labels):,} labels do not fit images of the shape {images.shape}; give each image one label"
        )
    return labels.astype(labels.dtype.newbyteorder("="), copy=False)


def channels_first(images: np.ndarray, where: str) -> np.ndarray:
    """Return images with their channels, if any, before height and width.

    The last side holds the channels if it is smaller than the first. A side for a single channel is left out.

    Parameters
    ----------
    images : ndarray
        Of the shape (count, inputs), (count, height, width), (count, channels, height, width) or (count, height, width,
        channels).
    where : str
        Where they come from, for errors.

    Raises
    ------
    InputError
        If they have another shape, or there are none.
    """
    if images.ndim not in (2, 3, 4) or not images.size:
        raise InputError(
            f"{where}: images must have the shape (count, height, width), in colour (count, height, width, 3) or "
            f"(count, 3, height, width), not {images.shape}"
        )
    if images.ndim == 4:
        if images.shape[3] < images.shape[1]:
            images = images.transpose(0, 3, 1, 2)
        if images.shape[1] == 1:
            images = images[:, 0]
    return images
