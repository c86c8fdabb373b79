"""Published data sets: their digests, and where they are downloaded from."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..common.errors import InputError
from ..common.files import check_writable_folder, write_file
from .idx import read_idx

#: Most bytes of a downloaded file.
MOST_DOWNLOADED_BYTES = 1 << 28


@dataclass(frozen=True)
class Source:
    """Where a published data set comes from, and the digests of its files.

    Attributes
    ----------
    mirrors : tuple of str
        URLs of folders with the gzip files, tried in turn.
    digests : dict of str to set of str
        By file name, the MD5 digests of its published forms, packed or unpacked.
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


def cache_folder() -> Path:
    """Return the folder for downloads: ``$XDG_CACHE_HOME/firstspike``, by default ``~/.cache/firstspike``.

    Raises
    ------
    InputError
        If neither is known, for example in a container whose user has no home folder.
    """
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "firstspike"
    except RuntimeError as error:
        raise InputError("there is no home folder: set HOME, or XDG_CACHE_HOME, to a folder that you can write to") from error


def download(name: str, file: str, place: Path, note: Callable[[str], None]) -> None:
    """Download a packed file into the folder ``place``, if it passes its checks.

    Raises
    ------
    InputError
        If the folder cannot be written, or no mirror has the file; the message has the error of each mirror.
    """
    import http.client  # imported here because every command would start later
    import urllib.error
    import urllib.request

    advice = "set XDG_CACHE_HOME to a folder that you can write to, or name a folder that has the data set with --data"
    check_writable_folder(place, advice=advice)
    failures = []
    for mirror in SOURCES[name].mirrors:
        address = f"{mirror}{file}.gz"
        note(f"downloading {address}")
        try:
            with urllib.request.urlopen(address, timeout=30) as reply:
                content = reply.read(MOST_DOWNLOADED_BYTES)
            read_idx(content, address, SOURCES[name].digests[file])
        except (OSError, http.client.HTTPException, InputError) as error:
            cause = error.reason if type(error) is urllib.error.URLError else error  # whose own text is <urlopen error ...>
            failures.append(f"{address}: {cause}")
            continue
        write_file(place / f"{file}.gz", content)
        return
    raise InputError(
        f"the data set {name} is not here and could not be downloaded ({'; '.join(failures)}); "
        "download it yourself and name its folder with --data"
    )
