"""A user's own data sets as folders of pictures, one folder per class."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..common.arrays import MOST_ARRAY_BYTES
from ..common.errors import InputError
from ..common.text import printable
from .dataset import Dataset, Split
from .picture_files import PictureRules, picture_names, read_picture


def read_folders(place: Path, split: Split, name: str) -> Dataset:
    """Return one split of a data set whose pictures are ``SPLIT/CLASS/*``.

    The classes of both splits together are sorted by name, or by number if all names are numbers. The pictures of the classes
    take turns, so that the first ones show all classes. They are grey if all are grey, else in colour.

    Parameters
    ----------
    place : path
        A folder that holds ``train``, ``test`` or both.
    split : {"train", "test"}
    name : str
        Name of the data set.

    Raises
    ------
    InputError
        If there are no pictures, or they differ in size; the message names the first picture of another size.
    """
    classes = class_folders(place)
    if loose := picture_names(place / split):
        raise InputError(f"{place / split / loose[0]} is not in a class folder; move it into one, as {split}/CLASS/{loose[0]}")
    found = [
        (turn, label, place / split / folder / picture)
        for label, folder in enumerate(classes)
        if (place / split / folder).is_dir()
        for turn, picture in enumerate(picture_names(place / split / folder))
    ]
    if not found:
        raise InputError(f"{place / split} has no pictures: put them into a folder for each class, as {split}/CLASS/1.png")
    rules, pages, labels, size = PictureRules(colour=None), [], [], 0
    for _, label, path in sorted(found):
        for page in read_picture(path, rules):
            pages.append(page)
            labels.append(label)
            size += 3 * page[0].size
        if size > MOST_ARRAY_BYTES:
            raise InputError(f"{place / split} has pictures of more than {MOST_ARRAY_BYTES:,} bytes; take fewer")
        rules = replace(rules, size=pages[0].shape[-2:], size_of="those before it have")
    return Dataset(name, _together(pages), np.array(labels, np.int64), tuple(printable(folder) for folder in classes))


def class_folders(place: Path) -> list[str]:
    """Return the names of the classes in both splits, in their order. Hidden folders do not count."""
    found = {
        entry.name
        for split in ("train", "test")
        if (place / split).is_dir()
        for entry in (place / split).iterdir()
        if entry.is_dir() and not entry.name.startswith(".")
    }
    numbers = all(name.isascii() and name.isdigit() for name in found)
    return sorted(found, key=lambda name: (int(name), name) if numbers else name)


def _together(pages: list[np.ndarray]) -> np.ndarray:
    """Return pictures as one array: grey if each is grey or has three equal channels, else with three channels."""
    grey = [page if page.ndim == 2 else page[0] for page in pages]
    if all(page.ndim == 2 or (page == page[:1]).all() for page in pages):
        return np.stack(grey)
    return np.stack([page if page.ndim == 3 else np.broadcast_to(page, (3, *page.shape)) for page in pages])
