"""Arrays in NumPy's files. Code in a file is never run, and an array takes no more memory than the file's size allows."""

import io
import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping

import numpy as np

from .errors import InputError
from .text import quoted, reason

#: Most bytes of a file with images, and of an unpacked array in it.
MOST_ARRAY_BYTES = 1 << 31

#: Most sides of an image, such as height and width.
MAX_SIDES = 8

#: Most dimensions of an array: the sides of an image, and the number of images.
MOST_DIMENSIONS = MAX_SIDES + 1

#: How each ``.npy`` file begins.
NPY_MAGIC = np.lib.format.MAGIC_PREFIX

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def parse_npy(content: bytes, name: str) -> np.ndarray:
    """Return the array in the bytes of a ``.npy`` file, read-only.

    Parameters
    ----------
    content : bytes
    name : str
        What errors call it.

    Raises
    ------
    InputError
        If it is not such a file, is cut, or holds objects or records instead of plain values.
    """
    file = io.BytesIO(content)
    try:
        read_header = _HEADERS[np.lib.format.read_magic(file)]
        shape, columns_first, kind = read_header(file)
    except Exception as error:  # of damaged headers, NumPy raises anything
        raise InputError(
            f"{name} is not a .npy file of numbers (its beginning is not one that NumPy writes); save an array with numpy.save"
        ) from error
    if kind.hasobject or kind.names is not None or kind.itemsize == 0:
        raise InputError(f"{name} is not a .npy file of numbers (its values are of {kind}); save a plain uint8 array")
    start = file.tell()
    if len(shape) > MOST_DIMENSIONS or any(size < 0 for size in shape):
        raise InputError(f"{name} is not a .npy file of numbers (its shape is {quoted(shape)}); save it with numpy.save")
    if math.prod(shape) * kind.itemsize != len(content) - start:
        raise InputError(
            f"{name} is not a .npy file of numbers, or cut: it has {len(content) - start:,} bytes, but the shape "
            f"{quoted(shape)} of {kind}; save it again with numpy.save"
        )
    return np.frombuffer(content, kind, offset=start).reshape(shape, order="F" if columns_first else "C")


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return the content of a file in an archive, no longer than the archive's directory says.

    Raises
    ------
    OSError, RuntimeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error
        If it is damaged.
    """
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # other methods cannot be unpacked in part
        raise zipfile.BadZipFile("it is not packed with deflate")
    if info.flag_bits & 1:
        raise zipfile.BadZipFile("it is encrypted")
    with archive.open(info) as file:
        return file.read(info.file_size)


class Archive(Mapping[str, np.ndarray]):
    """The arrays in the bytes of an ``.npz`` file, by name. Each is read when it is accessed.

    Parameters
    ----------
    content : bytes
    name : str
        What errors call it.

    Raises
    ------
    InputError
        If it is not such a file. Reading an array raises it if the array is damaged or larger than `MOST_ARRAY_BYTES`.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self.name = name
        try:
            self._file = zipfile.ZipFile(io.BytesIO(content))
            members = self._file.infolist()
        except Exception as error:  # of damaged archives, zipfile raises anything
            raise InputError(f"{name} is not a .npz file ({reason(error)}); save arrays with numpy.savez") from error
        self._members: dict[str, zipfile.ZipInfo] = {}
        for info in members:
            key = info.filename.removesuffix(".npy")
            if key in self._members:
                raise InputError(f"{name} has two arrays that are called {quoted(key)}; give each its own name")
            self._members[key] = info

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, key: str) -> np.ndarray:
        info, name = self._members[key], f"{quoted(key)} in {self.name}"
        if info.file_size > MOST_ARRAY_BYTES:
            raise InputError(f"{name} has {info.file_size:,} bytes, at most {MOST_ARRAY_BYTES:,} are read; make it smaller")
        try:
            content = read_member(self._file, info)
        except (OSError, RuntimeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise InputError(f"{name} is damaged ({reason(error)}); save the arrays again with numpy.savez") from error
        return parse_npy(content, name)

    def names(self) -> str:
        """Return the names of the arrays for an error message, at most 12."""
        return ", ".join(quoted(key) for key in list(self)[:12]) + (", ..." if len(self) > 12 else "")
