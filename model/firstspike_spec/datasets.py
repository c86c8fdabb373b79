"""Images and labels in the IDX format, found, downloaded and checked.

A data set is looked for in the folder that the user names, then in ``$FIRSTSPIKE_DATA``, then in the user's cache folder,
and only then downloaded into that cache. The named folder may hold the files themselves or a folder with the data set's
name; the other two hold a folder for each data set.
"""

import gzip
import hashlib
import http.client
import os
import urllib.request
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from .errors import InputError
from .files import write_file

Split = Literal["train", "test"]

_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


@dataclass(frozen=True)
class Source:
    """Where a published data set comes from, and how to know it.

    Attributes
    ----------
    mirrors : tuple of str
        Addresses that the gzip files' names are appended to, tried in turn.
    digests : dict of str to set of str
        For each file, the MD5 of a published form of it, packed or unpacked.
    """

    mirrors: tuple[str, ...]
    digests: dict[str, set[str]]


SOURCES = {
    "mnist": Source(
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        {
            "train-images-idx3-ubyte": {"6bbc9ace898e44ae57da46a324031adb"},
            "train-labels-idx1-ubyte": {"a25bea736e30d166cdddb491f175f624"},
            "t10k-images-idx3-ubyte": {"2646ac647ad5339dbf082846283269ea"},
            "t10k-labels-idx1-ubyte": {"27ae3e4e09519cfbb04c329615203637"},
        },
    ),
    # First the publisher's packed files; then the same images interleaved by class, unpacked.
    "fashion-mnist": Source(
        (
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        {
            "train-images-idx3-ubyte": {"8d4fb7e6c68d591d4c3dfef9ec88bf0d", "47efd753255a5937dfb35de39f99b565"},
            "train-labels-idx1-ubyte": {"25c81989df183df01b3e8a0aad5dffbe", "5a253e020608e966802a89b57aed9925"},
            "t10k-images-idx3-ubyte": {"bef4ecab320f06d8554ea6380940ec79", "772c40246e8ae8d4b21bba511fd3ad75"},
            "t10k-labels-idx1-ubyte": {"bb300cfdad3c16e7a12a480ee83cd310", "e1ab381c4e3b8ad75348081c60fd4e18"},
        },
    ),
}


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with their true classes.

    Attributes
    ----------
    name : str
    images : ndarray of uint8, shape (count, height, width)
    labels : ndarray of uint8, shape (count,)
    """

    name: str
    images: np.ndarray
    labels: np.ndarray

    def first(self, count: int | None) -> "Dataset":
        """Return the first ``count`` images, or all of them."""
        return Dataset(self.name, self.images[:count], self.labels[:count])


def cache_folder() -> Path:
    """Return the folder that downloads are kept in: ``$XDG_CACHE_HOME/firstspike``, by default ``~/.cache/firstspike``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "firstspike"


def load_dataset(
    name: str, split: Split, folder: str | os.PathLike | None = None, *, note: Callable[[str], None] = lambda text: None
) -> Dataset:
    """Return one split of a data set.

    Parameters
    ----------
    name : str
        One of `SOURCES`; or any name, with a ``folder`` that holds IDX files under the usual names (which nobody can then
        check against a published digest).
    split : {"train", "test"}
    folder : path, optional
        Look here and nowhere else.
    note : callable
        Told of a download, which takes a while.

    Raises
    ------
    InputError
        If the files are not found, damaged, or not the published ones.
    """
    if not isinstance(name, str):
        raise InputError(f"a data set is named by a string, not {name!r}")
    if folder is None and name not in SOURCES:
        raise InputError(f"unknown data set {name!r}: name one of {', '.join(SOURCES)}, or a folder with IDX files")
    image_name, label_name = _FILES[split]
    place = _find(name, image_name, folder)
    if place is None:
        place = cache_folder() / name
        for file in (label_name, image_name):  # what `_find` asks for comes last: the folder is complete once it is there
            _download(name, file, place, note)
    digests = SOURCES[name].digests if name in SOURCES else {}
    images = _read(place, image_name, digests)
    labels = _read(place, label_name, digests)
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise InputError(f"{place}: {len(labels)} labels do not fit images of the shape {images.shape}; get the files again")
    return Dataset(name, images, labels)


def _find(name: str, file: str, folder: str | os.PathLike | None) -> Path | None:
    """Return the folder that holds a file of the data set, or ``None``."""
    if folder is not None:
        if not Path(folder).is_dir():
            raise InputError(f"the data folder {folder} does not exist; name a folder that holds {file}.gz")
        places = [Path(folder) / name, Path(folder)]
    else:
        shared = os.environ.get("FIRSTSPIKE_DATA")
        places = [Path(shared) / name] if shared else []
        places.append(cache_folder() / name)
    for place in places:
        if _packed(place, file) or (place / file).is_file():
            return place
    if folder is not None:
        raise InputError(f"the data folder {folder} has no {file}.gz, neither directly nor in {name}/; name another folder")
    return None


def _packed(place: Path, file: str) -> bool:
    return (place / f"{file}.gz").is_file()


def _read(place: Path, file: str, digests: dict[str, set[str]]) -> np.ndarray:
    path = place / f"{file}.gz" if _packed(place, file) else place / file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; get the data set again") from error
    return read_idx(content, str(path), digests.get(file))


def read_idx(content: bytes, name: str, digests: set[str] | None = None) -> np.ndarray:
    """Return the array in the bytes of an IDX file of ``uint8``, packed with gzip or not.

    Parameters
    ----------
    content : bytes
    name : str
        How an error calls it.
    digests : set of str, optional
        MD5 digests, of which the packed or the unpacked bytes must have one.

    Raises
    ------
    InputError
        If the bytes are damaged, cut, or not the ones wanted.
    """
    raw = content
    if content[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{name} is damaged ({error}); get the data set again") from error
    dimensions = raw[3] if len(raw) > 4 else 0
    start = 4 + 4 * dimensions
    if raw[:3] != b"\0\0\x08" or dimensions == 0 or len(raw) < start:
        raise InputError(f"{name} is no IDX file of bytes (its start is {raw[:4].hex() or 'empty'}); get the data set again")
    shape = tuple(int.from_bytes(raw[at : at + 4], "big") for at in range(4, start, 4))
    size = int(np.prod(shape, dtype=object))
    if len(raw) != start + size:
        raise InputError(f"{name} is damaged: it holds {len(raw) - start:,} of {size:,} values; get the data set again")
    if digests is not None and not digests & {_md5(content), _md5(raw)}:
        raise InputError(f"{name} is damaged or not the published file: its digest is not known; get the data set again")
    if size == 0 or dimensions > 3:
        raise InputError(f"{name} is no IDX file of images or labels: its sizes are {shape}; get the data set again")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _download(name: str, file: str, place: Path, note: Callable[[str], None]) -> None:
    """Fetch a packed file into the folder ``place``, once it has been checked."""
    failures = []
    for mirror in SOURCES[name].mirrors:
        address = f"{mirror}{file}.gz"
        note(f"downloading {address}")
        try:
            with urllib.request.urlopen(address, timeout=30) as reply:
                content = reply.read()
            read_idx(content, address, SOURCES[name].digests[file])
        except (OSError, http.client.HTTPException, InputError) as error:
            failures.append(f"{address}: {error}")
            continue
        write_file(place / f"{file}.gz", content)
        return
    raise InputError(
        f"the data set {name} is not here and could not be downloaded ({'; '.join(failures)}); "
        "download it by hand and name its folder with --data"
    )
