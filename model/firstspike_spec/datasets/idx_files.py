"""Splits of data sets in IDX files, named like those of MNIST."""

from pathlib import Path

from ..common.arrays import MOST_ARRAY_BYTES
from ..common.errors import InputError
from ..common.files import read_file
from .dataset import Dataset, Split, check_labels
from .idx import LABELS, is_published, read_idx

#: Names of the files of a split, unpacked: images, labels.
FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def holds_split(place: Path, split: Split) -> bool:
    """Return whether a folder holds a split's images, packed or not."""
    return any((place / name).is_file() for name in (f"{FILES[split][0]}.gz", FILES[split][0]))


def has_digests(place: Path, split: Split, digests: dict[str, set[str]]) -> bool:
    """Return whether a split's files are the published ones, by their digests."""
    return all(is_published(_content(path), str(path), digests.get(path.stem, set())) for path in _paths(place, split))


def read_split(place: Path, split: Split, name: str, digests: dict[str, set[str]] | None = None) -> Dataset:
    """Return the split in a folder.

    Parameters
    ----------
    place : path
    split : {"train", "test"}
    name : str
        Name of the data set.
    digests : dict of str to set of str, optional
        By file name, the MD5 digests that the file may have.

    Raises
    ------
    InputError
        If a file is missing, damaged or has another digest, or images and labels do not fit.
    """
    image_file, label_file = _paths(place, split)
    wanted = digests or {}
    images = read_idx(_content(image_file), str(image_file), wanted.get(image_file.stem))
    labels = read_idx(_content(label_file), str(label_file), wanted.get(label_file.stem), LABELS)
    if images.ndim != 3:
        raise InputError(
            f"{image_file}: images must have the shape (count, height, width), not {images.shape}; use an .npz file for colour"
        )
    return Dataset(name, images, check_labels(images, labels, place))


def _paths(place: Path, split: Split) -> list[Path]:
    packed = [place / f"{name}.gz" for name in FILES[split]]
    return [path if path.is_file() else path.with_suffix("") for path in packed]


def _content(path: Path) -> bytes:
    return read_file(path, MOST_ARRAY_BYTES, "get the data set again")
