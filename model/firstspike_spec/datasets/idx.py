"""The IDX file format, in which MNIST is published."""

import gzip
import hashlib
import io
import zlib

import numpy as np

from ..common.arrays import MOST_ARRAY_BYTES
from ..common.errors import InputError

#: Types of values by their code in a file: those of images, and those of labels.
PIXELS: dict[int, np.dtype] = {0x08: np.dtype(np.uint8)}
LABELS: dict[int, np.dtype] = PIXELS | {0x0B: np.dtype(">i2"), 0x0C: np.dtype(">i4")}

_CHUNK = 1 << 20


def read_idx(content: bytes, name: str, digests: set[str] | None = None, kinds: dict[int, np.dtype] = PIXELS) -> np.ndarray:
    """Return the array in the bytes of an IDX file, packed with gzip or not.

    Parameters
    ----------
    content : bytes
    name : str
        What errors call it.
    digests : set of str, optional
        MD5 digests; the packed or the unpacked bytes must have one of them.
    kinds : dict
        The types of values that are accepted, `PIXELS` or `LABELS`.

    Raises
    ------
    InputError
        If the bytes are damaged, cut, of another type, or have another digest.
    """
    raw = unpacked(content, name)
    dimensions = raw[3] if len(raw) > 4 else 0
    start = 4 + 4 * dimensions
    if raw[:2] != b"\0\0" or raw[2:3] not in map(bytes, ([kind] for kind in kinds)) or dimensions == 0 or len(raw) < start:
        raise InputError(
            f"{name} is not an IDX file of bytes (its start is {raw[:4].hex() or 'empty'}); get the data set again"
        )
    kind = kinds[raw[2]]
    shape = tuple(int.from_bytes(raw[at : at + 4], "big") for at in range(4, start, 4))
    size = int(np.prod(shape, dtype=object))
    if len(raw) != start + size * kind.itemsize:
        held = (len(raw) - start) // kind.itemsize
        raise InputError(f"{name} is damaged: it holds {held:,} of {size:,} values; get the data set again")
    if digests is not None and not digests & {_md5(content), _md5(raw)}:
        raise InputError(
            f"{name} is damaged or not the published file: its digest is not known; get the data set again, or, if the file "
            "is your own, give another name with --dataset"
        )
    if size == 0 or dimensions > 3:
        raise InputError(f"{name} is not an IDX file of images or labels: its sizes are {shape}; get the data set again")
    return np.frombuffer(raw, kind, offset=start).reshape(shape)


def is_published(content: bytes, name: str, digests: set[str]) -> bool:
    """Return whether the bytes of an IDX file, packed or unpacked, have one of the MD5 digests."""
    return bool(digests & {_md5(content), _md5(unpacked(content, name))})


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def unpacked(content: bytes, name: str) -> bytes:
    """Return bytes unpacked, if they are packed with gzip, or unchanged.

    Raises
    ------
    InputError
        If they are damaged, or unpack to more than `MOST_ARRAY_BYTES`.
    """
    if content[:2] != b"\x1f\x8b":
        return content
    parts, size = [], 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            while part := file.read(_CHUNK):
                parts.append(part)
                size += len(part)
                if size > MOST_ARRAY_BYTES:
                    raise InputError(f"{name} unpacks to more than {MOST_ARRAY_BYTES:,} bytes; split it into several files")
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{name} is damaged ({error}); get the data set again") from error
    return b"".join(parts)
