"""Data sets found where they are.

A data set is looked for in the folder that the user names, then in ``$FIRSTSPIKE_DATA``, then in the user's cache folder,
and only then, if it is a published one, downloaded into that cache. The named folder may hold the data set itself or a folder
with its name; the other two hold a folder for each data set.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..common.errors import InputError
from ..common.text import printable, quoted
from . import idx_files, published
from .archives import read_archive
from .dataset import Dataset, Split
from .folders import read_folders
from .published import SOURCES

#: Characters of a data set's name.
_MOST_CHARACTERS = 100


def load_dataset(
    name: str | None,
    split: Split,
    folder: str | os.PathLike | None = None,
    *,
    usual: str | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> Dataset:
    """Return one split of a data set.

    Parameters
    ----------
    name : str, optional
        One of `SOURCES`, whose files must then be the published ones; or any other name of a data set of one's own. Without a
        name, what is in ``folder`` is taken for what it is.
    split : {"train", "test"}
    folder : path, optional
        Look here and nowhere else. It holds IDX files under the usual names, ``train.npz`` and ``test.npz``, or pictures as
        ``train/CLASS/*.png``; or it is itself an ``.npz`` file with both splits.
    usual : str, optional
        The data set that is meant if there is no name: that of a recipe, or the one that a network was trained on.
    note : callable
        Told of a download, which takes a while, and of what is not as it may seem.

    Raises
    ------
    InputError, InputTypeError
        If the data set is not found, damaged, or not the published one.
    """
    if split not in ("train", "test"):
        raise InputError(f"unknown split {quoted(split)}: name one of train, test")
    called = _called(name, usual)
    if folder is None and called is None:
        raise InputError(f"no data set is named: give --dataset NAME ({', '.join(SOURCES)}), or --data FOLDER")
    try:
        found = _find(called, split, None if folder is None else Path(folder), strict=name in SOURCES)
        if found is None:
            found = _Place("idx", published.cache_folder() / called, True)
            for file in reversed(idx_files.FILES[split]):  # what `_find` asks for comes last: once it is there, all is
                published.download(called, file, found.path, note)
        return _read(found, split, called, strict=name in SOURCES or found.named, note=note)
    except OSError as error:
        raise InputError(f"cannot read the data set in {folder or called}: {error.strerror}; name another folder") from error


def load_splits(
    name: str | None,
    folder: str | os.PathLike | None = None,
    *,
    usual: str | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> tuple[Dataset, Dataset]:
    """Return the training and the test split of a data set, as `load_dataset` does one; nothing is noted twice."""
    told: set[str] = set()

    def note_once(text: str) -> None:
        if text not in told:
            told.add(text)
            note(text)

    train, test = (load_dataset(name, split, folder, usual=usual, note=note_once) for split in ("train", "test"))
    return train, test


@dataclass(frozen=True)
class _Place:
    """Where a data set is.

    Attributes
    ----------
    kind : str
        ``"idx"``, ``"archives"`` (one a split), ``"archive"`` (of both) or ``"folders"``.
    path : path
        The folder, or the archive.
    named : bool
        Whether it has the name of the data set that was looked for.
    """

    kind: str
    path: Path
    named: bool


def _called(name: str | None, usual: str | None) -> str | None:
    """Return the name of the data set that is looked for; what only a file says must not lead to other folders."""
    for given in (name, usual):
        if given is not None and not isinstance(given, str):
            raise InputError(f"a data set is named by a string, not {quoted(given)}")
    called = usual if name is None else name
    if called is None or (called.isprintable() and called not in ("", ".", "..") and not set(called) & set("/\\")):
        return called
    if name is None:
        return None
    raise InputError(f"{quoted(name)} is no name of a data set: give its name, or its folder with --data")


def _find(called: str | None, split: Split, folder: Path | None, *, strict: bool) -> _Place | None:
    """Return where a data set is, or ``None`` if it is to be downloaded; with ``strict`` only as it is published."""
    if folder is not None:
        places = [(folder / called, True), (folder / f"{called}.npz", True)] if called else []
        places.append((folder, False))
    else:
        shared = os.environ.get("FIRSTSPIKE_DATA")
        places = [(Path(shared) / called, True)] if shared else []
        places.append((published.cache_folder() / called, True))
    for path, named in places:
        kind = _kind(path, split)
        if kind == "idx" or (kind is not None and not strict):
            return _Place(kind, path, named)
    if folder is not None:
        raise InputError(_not_found(folder, called, split, strict=strict))
    if called not in SOURCES:
        raise InputError(
            f"unknown data set {quoted(called)}: name one of {', '.join(SOURCES)}, or a folder with IDX files, .npz files or "
            "pictures by class with --data FOLDER"
        )
    return None


def _kind(place: Path, split: Split) -> str | None:
    """Return as what kind of data set a place holds a split, or ``None``."""
    if place.suffix == ".npz" and place.exists() and not place.is_dir():
        return "archive"
    if idx_files.holds_split(place, split):
        return "idx"
    if (place / f"{split}.npz").is_file():
        return "archives"
    return "folders" if (place / split).is_dir() else None


def _not_found(folder: Path, called: str | None, split: Split, *, strict: bool) -> str:
    file = f"{idx_files.FILES[split][0]}.gz"
    if not folder.exists():
        return f"the data folder {folder} does not exist; name a folder that holds {file}"
    if not folder.is_dir():
        return f"{folder} is no data set: name a folder, or an .npz file, with --data"
    below = f", neither directly nor in {called}/" if called else ""
    wanted = file if strict else f"{file}, {split}.npz or pictures {split}/CLASS/*.png"
    return f"the data folder {folder} has no {wanted}{below}; name another folder (docs/data.md says how data sets lie)"


def _read(found: _Place, split: Split, called: str | None, *, strict: bool, note: Callable[[str], None]) -> Dataset:
    """Return a split that was found; of a published data set, with ``strict``, only the published files."""
    if found.kind == "idx" and called in SOURCES:
        digests = SOURCES[called].digests
        if strict or idx_files.has_digests(found.path, split, digests):
            return idx_files.read_split(found.path, split, called, digests)
    name = _own_name(found.path) if called is None or called in SOURCES else called
    if called in SOURCES:
        note(f"{found.path} has images of its own, not those of {called}: data set {name}")
    if found.kind == "idx":
        return idx_files.read_split(found.path, split, name)
    if found.kind == "folders":
        return read_folders(found.path, split, name)
    if found.kind == "archives":
        return read_archive(found.path / f"{split}.npz", split, name, alone=True)
    return read_archive(found.path, split, name, alone=split == "test")  # images without a split are to test on


def _own_name(place: Path) -> str:
    """Return what a data set of one's own in a place is called."""
    place = place.resolve()
    name = printable(place.stem if place.suffix == ".npz" else place.name, _MOST_CHARACTERS) or "data"
    return f"own-{name}" if name in SOURCES else name
