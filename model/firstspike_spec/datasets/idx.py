"""The IDX file format, in which MNIST is published."""

from collections.abc import Sequence

import numpy as np

from ..common.errors import InputError
from .dataset import Dataset, channels_first, check_labels
from .named_files import DataFile, FileForm
from .packing import unpacked

#: Types of values by their code in a file: those of images, and those of labels.
PIXELS: dict[int, np.dtype] = {0x08: np.dtype(np.uint8)}
LABELS: dict[int, np.dtype] = PIXELS | {0x0B: np.dtype(">i2"), 0x0C: np.dtype(">i4")}


def read_idx(content: bytes, name: str, kinds: dict[int, np.dtype] = PIXELS) -> np.ndarray:
    """Return the array in the bytes of an IDX file, packed or not.

    Parameters
    ----------
    content : bytes
    name : str
        What errors call it.
    kinds : dict
        The types of values that are accepted, `PIXELS` or `LABELS`.

    Raises
    ------
    InputError
        If the bytes are damaged, cut, or of another type.
    """
    raw = unpacked(content, name)
    dimensions = raw[3] if len(raw) > 4 else 0
    start = 4 + 4 * dimensions
    if raw[:2] != b"\0\0" or raw[2:3] not in map(bytes, ([kind] for kind in kinds)) or dimensions == 0 or len(raw) < start:
        raise InputError(
            f"{name} is not an IDX file of bytes (its start is {raw[:4].hex() or 'empty'}); get the data set again"
        )
    kind = kinds[raw[2]]
    shape = tuple(int.from_bytes(raw[at : at + 4], "big") for at in range(4, start, 4))
    size = int(np.prod(shape, dtype=object))
    if len(raw) != start + size * kind.itemsize:
        held = (len(raw) - start) // kind.itemsize
        raise InputError(f"{name} is damaged: it holds {held:,} of {size:,} values; get the data set again")
    if size == 0 or dimensions > 4:
        raise InputError(f"{name} is not an IDX file of images or labels: its sizes are {shape}; get the data set again")
    return np.frombuffer(raw, kind, offset=start).reshape(shape)


def _parse(files: Sequence[DataFile], name: str) -> Dataset:
    image_file, label_file = files
    images = read_idx(image_file.raw, image_file.place)
    labels = read_idx(label_file.raw, label_file.place, LABELS)
    if images.ndim < 3:
        raise InputError(
            f"{image_file.place}: images must have the shape (count, height, width), in colour (count, 3, height, width), "
            f"not {images.shape}; save them again"
        )
    images = channels_first(images, image_file.place)
    return Dataset(name, images, check_labels(images, labels, label_file.place))


#: Images and labels in files that are called like those of MNIST.
IDX = FileForm(
    {
        "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
    },
    _parse,
)
