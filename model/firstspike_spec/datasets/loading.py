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
from . import published
from .archives import read_archive
from .cifar import CIFAR
from .dataset import Dataset, Split
from .folders import read_folders
from .idx import IDX
from .named_files import DataFile, FileForm
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
        The only folder to look in. It holds IDX files or CIFAR-10's batches under the usual names, ``train.npz`` and
        ``test.npz``, or pictures as ``train/CLASS/*.png``; or it is an ``.npz`` file with both splits, or CIFAR-10's archive.
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
class _OwnForm:
    """A form in which no data set is published.

    Attributes
    ----------
    holds : callable
        Returns whether a place holds a split.
    read : callable
        Returns the split there, with the name that is given.
    """

    holds: Callable[[Path, Split], bool]
    read: Callable[[Path, Split, str], Dataset]


#: All forms, in the order in which they are looked for.
_FORMS: tuple[FileForm | _OwnForm, ...] = (
    _OwnForm(
        lambda place, split: place.suffix == ".npz" and place.exists() and not place.is_dir(),
        lambda place, split, name: read_archive(place, split, name, alone=split == "test"),  # else, images are test images
    ),
    IDX,
    CIFAR,
    _OwnForm(
        lambda place, split: (place / f"{split}.npz").is_file(),
        lambda place, split, name: read_archive(place / f"{split}.npz", split, name, alone=True),
    ),
    _OwnForm(lambda place, split: (place / split).is_dir(), read_folders),
)


@dataclass(frozen=True)
class _Place:
    """Where a data set is.

    Attributes
    ----------
    form : FileForm or _OwnForm
    path : path
        The folder, or the archive.
    named : bool
        Whether the folder or file has the name of the data set.
    """

    form: FileForm | _OwnForm
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
    """Return the data set in a folder, or the folder's data set of a name. With ``strict``, only its published form counts."""
    places = [(folder / name, True) for name in [*_folder_names(called), f"{called}.npz"]] if called else []
    if found := _first([*places, (folder, False)], called, split, strict=strict):
        return found
    raise InputError(_not_found(folder, called, split, strict=strict))


def _find(called: str, split: Split, *, strict: bool) -> _Place | None:
    """Return where a data set is on this machine, or ``None``. With ``strict``, only its published form counts."""
    shared = os.environ.get("FIRSTSPIKE_DATA")
    folders = [*([Path(shared)] if shared else []), published.cache_folder()]
    places = [(folder / name, True) for folder in folders for name in _folder_names(called)]
    return _first(places, called, split, strict=strict)


def _folder_names(called: str) -> tuple[str, ...]:
    """Return the names of the folders in which a data set may be."""
    return (called, *SOURCES[called].folders) if called in SOURCES else (called,)


def _first(places: list[tuple[Path, bool]], called: str | None, split: Split, *, strict: bool) -> _Place | None:
    """Return the first place, each with whether it has the data set's name, that holds a split.

    Where there are several forms, that of the published data set counts first.
    """
    own = [SOURCES[called].form] if called in SOURCES else []
    forms = own if own and strict else [*own, *_FORMS]
    found = (_Place(form, path, named) for path, named in places for form in forms if form.holds(path, split))
    return next(found, None)


def _download(called: str, split: Split, note: Callable[[str], None]) -> _Place:
    """Download a published data set into the user's cache folder, and return where it is."""
    if called not in SOURCES:
        raise InputError(
            f"unknown data set {quoted(called)}: name one of {', '.join(SOURCES)}, or a folder with IDX files, .npz files or "
            "pictures by class with --data FOLDER"
        )
    folder, form = published.cache_folder() / called, SOURCES[called].form
    for file in reversed(form.published_files(split)):  # `_find` looks for the first, so that one is downloaded last
        published.download(called, file, folder, note)
    return _Place(form, folder, named=True)


def _not_found(folder: Path, called: str | None, split: Split, *, strict: bool) -> str:
    form = SOURCES[called].form if called in SOURCES else IDX
    files = form.wanted(split)
    if not folder.exists():
        return f"the data folder {folder} does not exist; name a folder that holds {files}"
    if not folder.is_dir():
        return f"{folder} is not a data set: name a folder, or an .npz file, with --data"
    below = f", neither directly nor in {' or '.join(f'{name}/' for name in _folder_names(called))}" if called else ""
    wanted = files if strict else f"{files}, {split}.npz or pictures {split}/CLASS/*.png"
    return f"the data folder {folder} has no {wanted}{below}; name another folder (docs/data.md shows the forms of data sets)"


def _read(found: _Place, split: Split, called: str | None, *, strict: bool, note: Callable[[str], None]) -> Dataset:
    """Return a split that was found. With ``strict``, files in a published data set's form must be the published ones."""
    form, place = found.form, found.path
    files = form.read(place, split) if isinstance(form, FileForm) else []
    known = _published_name(form, files, called, strict=strict)
    if known is not None:
        if called not in (None, known):
            note(f"{place} holds the published images of {known}, not of {called}")
        return SOURCES[known].read(files, known)
    name = _own_name(place) if called is None or called in SOURCES else called
    if called in SOURCES:
        note(f"{place} does not hold the published images of {called}: the data set is called {name}")
    return form.parse(files, name) if isinstance(form, FileForm) else form.read(place, split, name)


def _published_name(form: FileForm | _OwnForm, files: list[DataFile], called: str | None, *, strict: bool) -> str | None:
    """Return which published data set files must be, with ``strict``, or are. Other names are given by users to any files."""
    if called is not None and called not in SOURCES:
        return None
    if called is not None and strict and SOURCES[called].form is form:
        return called
    return next((name for name, source in SOURCES.items() if source.form is form and source.is_in(files)), None)


def _own_name(place: Path) -> str:
    """Return the name of a user's own data set in a place."""
    place = place.resolve()
    name = place.name if place.is_dir() else place.name.removesuffix(".npz").removesuffix(".tar.gz")
    name = printable(name, _MOST_CHARACTERS) or "data"
    return f"own-{name}" if any(name in _folder_names(known) for known in SOURCES) else name
