"""A user's own data sets in NumPy archives, ``.npz``."""

from pathlib import Path

from ..common.arrays import MOST_ARRAY_BYTES, Archive
from ..common.errors import InputError
from ..common.files import read_file
from ..network.encoder import check_pixels
from .dataset import Dataset, Split, channels_first, check_labels

#: Names of the arrays of a split: images, labels.
_NAMES = {split: ((f"x_{split}", f"y_{split}"), (f"{split}_images", f"{split}_labels")) for split in ("train", "test")}

#: Names of the arrays of an archive with only one split.
_ALONE = (("images", "labels"), ("x", "y"))


def read_archive(path: Path, split: Split, name: str, alone: bool) -> Dataset:
    """Return one split of a data set in an ``.npz`` file.

    Parameters
    ----------
    path : path
        Its arrays are ``x_train``, ``y_train``, ``x_test`` and ``y_test``, or ``train_images``, ``train_labels`` and so on.
    split : {"train", "test"}
    name : str
        Name of the data set.
    alone : bool
        Whether the file may hold only this split, as ``images`` and ``labels``, or ``x`` and ``y``.

    Raises
    ------
    InputError, InputTypeError
        If it is not such a file, or its arrays are not images and labels.
    """
    archive = Archive(read_file(path, MOST_ARRAY_BYTES, "name another file"), str(path))
    pairs = _NAMES[split] + (_ALONE if alone else ())
    found = [pair for pair in pairs if pair[0] in archive and pair[1] in archive]
    what = "training" if split == "train" else "test"
    if not found:
        wanted = " or ".join(map(" and ".join, pairs))
        raise InputError(f"{path} has no {what} images: wanted arrays {wanted}, not {archive.names()}; see docs/data.md")
    if len(found) > 1:
        several = " as well as ".join(map(" and ".join, found))
        raise InputError(f"{path} has {what} images twice: {several}; save it with one of these pairs only")
    [(pixels, classes)] = found
    images, labels = archive[pixels], archive[classes]
    where = f"{path}, {pixels}"
    check_pixels(images, where)
    return Dataset(name, channels_first(images, where), check_labels(images, labels, f"{path}, {classes}"))
