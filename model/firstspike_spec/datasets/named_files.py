"""Data sets in files of fixed names, packed or not, alone or in an archive: the forms in which data sets are published."""

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..common.arrays import MOST_ARRAY_BYTES
from ..common.errors import InputError
from ..common.files import read_file
from .dataset import Dataset, Split
from .packing import PACKINGS, archived, unpacked

_ADVICE = "get the data set again"


@dataclass(frozen=True, eq=False)
class DataFile:
    """A file of a data set.

    Attributes
    ----------
    name : str
        Its published name, without the ending of a packed file.
    place : str
        Where it was found, for errors.
    content : bytes
        As it was found, possibly packed.
    raw : bytes
        Unpacked.
    """

    name: str
    place: str
    content: bytes
    raw: bytes

    def has_digest(self, known: Collection[str]) -> bool:
        """Return whether an MD5 or SHA-256 digest of the bytes, unpacked or as they were found, is known."""
        forms = (self.raw,) if self.content is self.raw else (self.raw, self.content)
        digests = (hash_(form).hexdigest() for form in forms for hash_ in (hashlib.sha256, _md5))
        return any(digest in known for digest in digests)  # computes no more of them than it needs

    def check_digest(self, known: Collection[str]) -> None:
        """Raise `InputError` unless `has_digest`."""
        if not self.has_digest(known):
            raise InputError(
                f"{self.place} is damaged or not the published file: its digest is not known; {_ADVICE}, or, if the file "
                "is your own, give another name with --dataset"
            )


@dataclass(frozen=True, eq=False)
class FileForm:
    """A form of data sets: files of fixed names.

    Attributes
    ----------
    names : dict of str to tuple of str
        For each split, the names of its files, without the ending of a packed file. The first is the one to look for.
    parse : callable
        Returns a split of the given name from its files, in the order of their names; raises `InputError` if they are damaged.
    most_bytes : int
        Most bytes of an unpacked file.
    archive : str, optional
        Name of a ``.tar.gz`` archive with the files of both splits. Such data sets are published as this archive, others as
        files packed with gzip.
    """

    names: dict[Split, tuple[str, ...]]
    parse: Callable[[Sequence[DataFile], str], Dataset]
    most_bytes: int = MOST_ARRAY_BYTES
    archive: str | None = None

    def published_files(self, split: Split) -> tuple[str, ...]:
        """Return the names of the files in which a split is published."""
        return tuple(f"{name}.gz" for name in self.names[split]) if self.archive is None else (self.archive,)

    def wanted(self, split: Split) -> str:
        """Return what a folder must hold, for errors."""
        file = self.published_files(split)[0]
        return file if self.archive is None else f"{self.names[split][0]} or {file}"

    def holds(self, place: Path, split: Split) -> bool:
        """Return whether a folder holds a split's first file, packed or not, or the archive. The archive holds itself."""
        return _path(place, self.names[split][0]).is_file() or self._archive(place) is not None

    def read(self, place: Path, split: Split) -> list[DataFile]:
        """Return a split's files in a place that holds them.

        Raises
        ------
        InputError
            If one is missing, too large, or damaged.
        """
        names = self.names[split]
        paths = [_path(place, name) for name in names]
        archive = self._archive(place)
        if archive is not None and not all(path.is_file() for path in paths):
            content = read_file(archive, MOST_ARRAY_BYTES, _ADVICE)
            files = {file.name: file for file in self._archived(content, str(archive), names)}
            return [files[name] for name in names]
        contents = [read_file(path, self.most_bytes, _ADVICE) for path in paths]
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # unpacking releases Python's lock
            raws = pool.map(lambda content, path: unpacked(content, str(path), self.most_bytes), contents, paths)
            return [DataFile(*parts) for parts in zip(names, map(str, paths), contents, raws, strict=True)]

    def unpack(self, file: str, content: bytes, place: str) -> Iterator[DataFile]:
        """Yield the files in one of the `published_files`.

        Parameters
        ----------
        file : str
            Its name.
        content : bytes
        place : str
            Where it comes from, for errors.

        Raises
        ------
        InputError
            If it is damaged.
        """
        if file == self.archive:
            yield from self._archived(content, place, [name for names in self.names.values() for name in names])
        else:
            yield DataFile(file.removesuffix(".gz"), place, content, unpacked(content, place, self.most_bytes))

    def _archive(self, place: Path) -> Path | None:
        if self.archive is None:
            return None
        return next((path for path in (place, place / self.archive) if path.name == self.archive and path.is_file()), None)

    def _archived(self, content: bytes, place: str, names: Collection[str]) -> Iterator[DataFile]:
        for name, raw in archived(content, place, names, self.most_bytes):
            yield DataFile(name, f"{place}, {name}", raw, raw)


def _md5(content: bytes) -> "hashlib._Hash":
    return hashlib.md5(content, usedforsecurity=False)


def _path(place: Path, name: str) -> Path:
    """Return the path of a file, packed if a packed one is there."""
    packed = [place / f"{name}{ending}" for ending in PACKINGS]
    return next((path for path in packed if path.is_file()), place / name)
