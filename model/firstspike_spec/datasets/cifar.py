"""CIFAR-10's binary batches (A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009).

A batch is a sequence of records of 3,073 bytes: the label, then the red, the green and the blue plane of a picture of 32 x 32
pixels, each plane row by row. Format: https://www.cs.toronto.edu/~kriz/cifar.html, "binary version".
"""

from collections.abc import Sequence

import numpy as np

from ..common.errors import InputError
from .dataset import Dataset
from .named_files import DataFile, FileForm

#: Channels, height and width of a picture, and the number of classes.
SHAPE, CLASSES = (3, 32, 32), 10

_RECORD_BYTES = 1 + 3 * 32 * 32

#: Most bytes of a batch; a published one has 30,730,000.
MOST_BATCH_BYTES = 1 << 27


def read_batch(raw: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the pictures and labels of an unpacked batch, as views of its bytes.

    Parameters
    ----------
    raw : bytes
    name : str
        What errors call it.

    Returns
    -------
    images : ndarray of uint8, shape (count, 3, 32, 32)
    labels : ndarray of uint8, shape (count,), in 0 .. 9

    Raises
    ------
    InputError
        If it is empty or cut, or a label is larger.
    """
    if not raw or len(raw) % _RECORD_BYTES:
        raise InputError(
            f"{name} is not a CIFAR-10 batch, or cut: it has {len(raw):,} bytes, wanted a multiple of {_RECORD_BYTES:,} "
            "(a label and 3 x 32 x 32 pixels each); get the data set again"
        )
    records = np.frombuffer(raw, np.uint8).reshape(-1, _RECORD_BYTES)
    labels = records[:, 0]
    if labels.max() >= CLASSES:
        record = int((labels >= CLASSES).argmax())
        raise InputError(
            f"{name} is not a CIFAR-10 batch, or damaged: the label of its picture {record:,} is {labels[record]}, wanted "
            f"0 .. {CLASSES - 1}; get the data set again"
        )
    return records[:, 1:].reshape(-1, *SHAPE), labels


def _parse(files: Sequence[DataFile], name: str) -> Dataset:
    batches = [read_batch(file.raw, file.place) for file in files]
    images, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return Dataset(name, images, labels)


#: CIFAR-10's batches, or their archive.
CIFAR = FileForm(
    {"train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test": ("test_batch.bin",)},
    _parse,
    MOST_BATCH_BYTES,
    "cifar-10-binary.tar.gz",
)
