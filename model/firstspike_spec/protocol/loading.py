"""Loading a network over the link: the bodies of the messages that load it and read it back."""

import zlib
from collections.abc import Iterator

import numpy as np

from ..common.words import Memory
from ..compiler.contents import Contents, MemoryContents
from .messages import BLOCK_HEAD, CHECK_BYTES, COUNT_BYTES, DIGEST_BYTES


def blocks(contents: Contents, most_bytes: int) -> Iterator[bytes]:
    """Yield the bodies of the `Kind.LOAD_BLOCK` messages that load a network.

    Parameters
    ----------
    contents : Contents
    most_bytes : int
        Length of the longest body.
    """
    for part in contents.memories():
        data, width = _bytes(part)
        words = (most_bytes - sum(BLOCK_HEAD.values())) // width
        for first in range(0, len(part.words), words):
            yield _head(part, width, first) + data[width * first : width * (first + words)]


def load_end(contents: Contents, check: int) -> bytes:
    """Return the body of a `Kind.LOAD_END`; ``check`` is the CRC-32 of all blocks."""
    digest = bytes.fromhex(contents.digest)
    assert len(digest) == DIGEST_BYTES
    return check.to_bytes(CHECK_BYTES, "little") + digest


def check_range(part: MemoryContents, first: int, count: int) -> tuple[bytes, bytes]:
    """Return the body of a `Kind.CHECK`, and the body of the answer if the memory holds the right words.

    Parameters
    ----------
    part : MemoryContents
    first, count : int
        The address of the first word to read, and the number of words.
    """
    data, width = _bytes(part)
    check = zlib.crc32(data[width * first : width * (first + count)])
    return _head(part, width, first) + count.to_bytes(COUNT_BYTES, "little"), check.to_bytes(CHECK_BYTES, "little")


def readable(contents: Contents) -> list[MemoryContents]:
    """Return the memories that can be read back: all but ``T`` and those without words."""
    return [part for part in contents.memories() if part.memory != Memory.TIME_STEPS and len(part.words)]


def _head(part: MemoryContents, width: int, address: int) -> bytes:
    fields = {"layer": part.layer, "lane": part.lane, "memory": part.memory, "word_bytes": width, "address": address}
    return b"".join(fields[name].to_bytes(count, "little") for name, count in BLOCK_HEAD.items())


def _bytes(part: MemoryContents) -> tuple[bytes, int]:
    """Return the words as bytes, low byte first, and the number of bytes of a word."""
    width = -(-part.bits // 8)
    return part.words.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :width].tobytes(), width
