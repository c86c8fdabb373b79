"""Finding and loading data sets.

A data set is looked for in the folder that the user names. Without one, it is looked for in ``$FIRSTSPIKE_DATA``, then in the
user's cache folder, and then, if it is a published one, downloaded into that cache. The named folder may hold the data set
itself or a folder with its name; the other two hold a folder for each data set.
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

#: Most characters of a data set's name.
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
        One of `SOURCES`, whose files must then be the published ones, or any other name of a user's own data set. Without a
        name, ``folder`` may hold any data set.
    split : {"train", "test"}
    folder : path, optional
        The only folder to look in. It holds IDX files under the usual names, ``train.npz`` and ``test.npz``, or pictures as
        ``train/CLASS/*.png``; or it is an ``.npz`` file with both splits.
    usual : str, optional
        The default for ``name``: the data set of a recipe, or the one that a network was trained on.
    note : callable
        Called with a text before a download, and about images that are not the published ones.

    Raises
    ------
    InputError, InputTypeError
        If the data set is not found, damaged, or not the published one.
    """
    if split not in ("train", "test"):
        raise InputError(f"unknown split {quoted(split)}: name one of train, test")
    called = _called(name, usual)
    try:
        if folder is not None:
            found = _find_in(Path(folder), called, split, strict=name in SOURCES)
        elif called is not None:
            found = _find(called, split, strict=name in SOURCES) or _download(called, split, note)
        else:
            raise InputError(f"no data set is named: give --dataset NAME ({', '.join(SOURCES)}), or --data FOLDER")
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
    """Return the training and the test split of a data set.

    The parameters are as for `load_dataset`. The same note is given only once.
    """
    given: set[str] = set()

    def note_once(text: str) -> None:
        if text not in given:
            given.add(text)
            note(text)

    train = load_dataset(name, "train", folder, usual=usual, note=note_once)
    return train, load_dataset(name, "test", folder, usual=usual, note=note_once)


@dataclass(frozen=True)
class _Place:
    """Where a data set is.

    Attributes
    ----------
    kind : str
        ``"idx"``, ``"archives"`` (one per split), ``"archive"`` (of both splits) or ``"folders"``.
    path : path
        The folder, or the archive.
    named : bool
        Whether the folder or file has the name of the data set.
    """

    kind: str
    path: Path
    named: bool


def _called(name: str | None, usual: str | None) -> str | None:
    """Return the name of the data set to look for. A name from a file is ignored if it would lead to other folders."""
    for given in (name, usual):
        if given is not None and not isinstance(given, str):
            raise InputError(f"a data set is named by a string, not {quoted(given)}")
    called = usual if name is None else name
    if called is None or (called.isprintable() and called not in ("", ".", "..") and not set(called) & set("/\\")):
        return called
    if name is None:
        return None
    raise InputError(f"{quoted(name)} is not a name of a data set: give its name, or its folder with --data")


def _find_in(folder: Path, called: str | None, split: Split, *, strict: bool) -> _Place:
    """Return the data set in a folder, or the folder's data set of a name. With ``strict``, only IDX files count."""
    places = [(folder / called, True), (folder / f"{called}.npz", True)] if called else []
    for path, named in [*places, (folder, False)]:
        kind = _kind(path, split)
        if kind == "idx" or (kind is not None and not strict):
            return _Place(kind, path, named)
    raise InputError(_not_found(folder, called, split, strict=strict))


def _find(called: str, split: Split, *, strict: bool) -> _Place | None:
    """Return where a data set is, or ``None`` if it is not on this machine. With ``strict``, only IDX files count."""
    shared = os.environ.get("FIRSTSPIKE_DATA")
    for path in [*([Path(shared) / called] if shared else []), published.cache_folder() / called]:
        kind = _kind(path, split)
        if kind == "idx" or (kind is not None and not strict):
            return _Place(kind, path, named=True)
    return None


def _download(called: str, split: Split, note: Callable[[str], None]) -> _Place:
    """Download a published data set into the user's cache folder, and return where it is."""
    if called not in SOURCES:
        raise InputError(
            f"unknown data set {quoted(called)}: name one of {', '.join(SOURCES)}, or a folder with IDX files, .npz files or "
            "pictures by class with --data FOLDER"
        )
    folder = published.cache_folder() / called
    for file in reversed(idx_files.FILES[split]):  # `_find` looks for the images, so they are downloaded last
        published.download(called, file, folder, note)
    return _Place("idx", folder, named=True)


def _kind(place: Path, split: Split) -> str | None:
    """Return the kind of data set in which a place holds a split, or ``None`` if it holds none."""
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
        return f"{folder} is not a data set: name a folder, or an .npz file, with --data"
    below = f", neither directly nor in {called}/" if called else ""
    wanted = file if strict else f"{file}, {split}.npz or pictures {split}/CLASS/*.png"
    return f"the data folder {folder} has no {wanted}{below}; name another folder (docs/data.md shows the forms of data sets)"


def _read(found: _Place, split: Split, called: str | None, *, strict: bool, note: Callable[[str], None]) -> Dataset:
    """Return a split that was found. With ``strict``, a published data set must have its published files."""
    if found.kind == "idx" and called in SOURCES:
        digests = SOURCES[called].digests
        if strict or idx_files.has_digests(found.path, split, digests):
            return idx_files.read_split(found.path, split, called, digests)
    name = _own_name(found.path) if called is None or called in SOURCES else called
    if called in SOURCES:
        note(f"{found.path} does not hold the published images of {called}: the data set is called {name}")
    if found.kind == "idx":
        return idx_files.read_split(found.path, split, name)
    if found.kind == "folders":
        return read_folders(found.path, split, name)
    if found.kind == "archives":
        return read_archive(found.path / f"{split}.npz", split, name, alone=True)
    return read_archive(found.path, split, name, alone=split == "test")  # images without a split are test images


def _own_name(place: Path) -> str:
    """Return the name of a user's own data set in a place."""
    place = place.resolve()
    name = printable(place.stem if place.suffix == ".npz" else place.name, _MOST_CHARACTERS) or "data"
    return f"own-{name}" if name in SOURCES else name
