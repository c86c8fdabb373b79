"""Published data sets: their files and digests, and where they are downloaded from."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..common.errors import InputError
from ..common.files import check_writable_folder, write_file
from .cifar import CIFAR
from .dataset import Dataset
from .idx import IDX
from .named_files import DataFile, FileForm

#: Most bytes of a downloaded file.
MOST_DOWNLOADED_BYTES = 1 << 28


@dataclass(frozen=True)
class Source:
    """A published data set.

    Attributes
    ----------
    form : FileForm
        Its files.
    mirrors : tuple of str
        URLs of folders with the packed files or the archive, tried in turn.
    digests : dict of str to set of str
        By a file's name, MD5 or SHA-256 digests of its published forms, packed or unpacked.
    folders : tuple of str
        Names of folders in which it is often kept, besides its own name.
    class_names : tuple of str
        Names of the classes, if they are not numbers.
    """

    form: FileForm
    mirrors: tuple[str, ...]
    digests: dict[str, set[str]]
    folders: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()

    def is_in(self, files: Sequence[DataFile]) -> bool:
        """Return whether each of a split's files is a published one."""
        return all(file.has_digest(self.digests.get(file.name, set())) for file in files)

    def read(self, files: Sequence[DataFile], name: str) -> Dataset:
        """Return the split in its files.

        Raises
        ------
        InputError
            If a file is damaged or not a published one.
        """
        for file in files:
            file.check_digest(self.digests.get(file.name, set()))
        return replace(self.form.parse(files, name), class_names=self.class_names)


SOURCES = {
    "mnist": Source(
        IDX,
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
        IDX,
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
    "cifar10": Source(
        CIFAR,
        ("https://www.cs.toronto.edu/~kriz/",),
        {
            "data_batch_1.bin": {"cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"},
            "data_batch_2.bin": {"a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"},
            "data_batch_3.bin": {"bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"},
            "data_batch_4.bin": {"014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"},
            "data_batch_5.bin": {"755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"},
            "test_batch.bin": {"8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"},
        },
        ("cifar-10", "cifar-10-batches-bin"),
        ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
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
    """Download a published file into the folder ``place``, as it is, if it passes its checks.

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
    source, failures = SOURCES[name], []
    for mirror in source.mirrors:
        address = f"{mirror}{file}"
        note(f"downloading {address}")
        try:
            with urllib.request.urlopen(address, timeout=30) as reply:
                content = reply.read(MOST_DOWNLOADED_BYTES)
            for data_file in source.form.unpack(file, content, address):
                data_file.check_digest(source.digests[data_file.name])
        except (OSError, http.client.HTTPException, InputError) as error:
            cause = error.reason if type(error) is urllib.error.URLError else error  # whose own text is <urlopen error ...>
            failures.append(f"{address}: {cause}")
            continue
        write_file(place / file, content)
        return
    raise InputError(
        f"the data set {name} is not here and could not be downloaded ({'; '.join(failures)}); "
        "download it yourself and name its folder with --data"
    )
