"""Images and labels converted for a network, if there is only one way; the network refuses everything else."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..common.errors import InputError
from ..common.text import quoted
from ..network.base import BaseNetwork
from .dataset import Dataset

#: Number of images that are converted to grey together.
_CHUNK = 4096


def default_dataset(network: BaseNetwork) -> str | None:
    """Return the name of the data set that a network was trained on, or ``None`` if it is not known.

    A network that does not name it, but has MNIST's numbers of inputs and classes, counts as trained on MNIST.
    """
    if network.dataset is None and (network.inputs, network.outputs) == (28 * 28, 10):
        return "mnist"
    return network.dataset


def fit_dataset(dataset: Dataset, network: BaseNetwork, note: Callable[[str], None] = lambda text: None) -> Dataset:
    """Return a data set with images of a network's shape and labels that are its classes.

    Images are converted as by `fit_images`. If the data set names its classes, they are matched with the network's classes by
    name; a network whose classes are only numbered takes them in the data set's order.

    Parameters
    ----------
    dataset : Dataset
    network : BaseNetwork
        Of either kind.
    note : callable
        Called with a text about each change.

    Raises
    ------
    InputTypeError, InputError
        If images or labels do not fit.
    """
    images = fit_images(dataset.images, network, note)
    try:
        network.check_images(images)
    except InputError as error:
        raise InputError(f"data set {dataset.name}: {error}") from error
    labels = _labels(dataset, network)
    network.check_labels(labels)
    return replace(dataset, images=images, labels=labels)


def fit_images(images: np.ndarray, network: BaseNetwork, note: Callable[[str], None] = lambda text: None) -> np.ndarray:
    """Return images converted for a network: channels are moved, and colour becomes grey. Others are returned unchanged.

    Parameters
    ----------
    images : ndarray of uint8, shape (count, ...)
    network : BaseNetwork
        Of either kind.
    note : callable
        Called with a text about each change.

    Returns
    -------
    ndarray of uint8, shape (count, \\*input_shape) if they could be converted
    """
    wanted = network.input_shape
    if images.ndim < 2 or images.dtype != np.uint8 or images.shape[1:] in (wanted, (network.inputs,)):
        return images
    channels, sides = (wanted[0], wanted[1:]) if len(wanted) == 3 else (1, wanted)
    if len(sides) == 2 and images.shape[1:] == sides and channels == 1:
        return images.reshape(len(images), *wanted)
    if len(sides) != 2 or images.ndim != 4:
        return images
    if images.shape[2:] == sides:
        planes = images
    elif images.shape[1:3] == sides:
        planes = images.transpose(0, 3, 1, 2)
    else:
        return images
    if planes.shape[1] == channels:
        if planes is not images:
            note(f"images of the shape {images.shape}: the last side is that of the channels")
        return planes.reshape(len(images), *wanted)
    if channels == 1 and planes.shape[1] == 3:
        note("colour images become grey, 0.299 R + 0.587 G + 0.114 B (ITU-R 601)")
        return to_grey(planes).reshape(len(images), *wanted)
    return images


def to_grey(images: np.ndarray) -> np.ndarray:
    """Return the luma of colour images (ITU-R 601), in the same integer arithmetic as Pillow.

    Parameters
    ----------
    images : ndarray of uint8, shape (count, 3, height, width)

    Returns
    -------
    ndarray of uint8, shape (count, height, width)
    """
    grey = np.empty((len(images), *images.shape[2:]), np.uint8)
    for first in range(0, len(images), _CHUNK):
        red, green, blue = images[first : first + _CHUNK].astype(np.uint32).transpose(1, 0, 2, 3)
        grey[first : first + _CHUNK] = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16
    return grey


def _labels(dataset: Dataset, network: BaseNetwork) -> np.ndarray:
    names, known = dataset.class_names, network.class_names
    numbers = tuple(map(str, range(network.outputs)))
    if not names or names == known or (known == numbers and len(names) == network.outputs):
        return dataset.labels
    unknown = [name for name in names if known.count(name) != 1]
    if unknown:
        raise InputError(
            f"data set {dataset.name} has a class {quoted(unknown[0])}, the network the classes {quoted(known)}; "
            "give its folders the names of the network's classes"
        )
    return np.array([known.index(name) for name in names], np.int64)[dataset.labels]
