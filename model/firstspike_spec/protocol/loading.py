"""How a network travels over the link: the bodies of the messages that load it and read it back."""

import zlib
from collections.abc import Iterator

import numpy as np

from ..common.words import Memory
from ..compiler.contents import EngineContents, MemoryContents
from .messages import BLOCK_HEAD, CHECK_BYTES, COUNT_BYTES, DIGEST_BYTES


def blocks(image: EngineContents, most_bytes: int) -> Iterator[bytes]:
    """Yield the bodies of the `Kind.LOAD_BLOCK` messages that load a network.

    Parameters
    ----------
    image : EngineContents
    most_bytes : int
        Length of the longest body.
    """
    for part in image.memories():
        data, width = _bytes(part)
        words = (most_bytes - sum(BLOCK_HEAD.values())) // width
        for first in range(0, len(part.words), words):
            yield _head(part, width, first) + data[width * first : width * (first + words)]


def load_end(image: EngineContents, check: int) -> bytes:
    """Return the body of a `Kind.LOAD_END`; ``check`` is the CRC-32 of all blocks."""
    digest = bytes.fromhex(image.digest)
    assert len(digest) == DIGEST_BYTES
    return check.to_bytes(CHECK_BYTES, "little") + digest


def check_range(part: MemoryContents, first: int, count: int) -> tuple[bytes, bytes]:
    """Return the body of a `Kind.CHECK`, and that of the answer if the memory holds what it should.

    Parameters
    ----------
    part : MemoryContents
    first, count : int
        The words to read.
    """
    data, width = _bytes(part)
    check = zlib.crc32(data[width * first : width * (first + count)])
    return _head(part, width, first) + count.to_bytes(COUNT_BYTES, "little"), check.to_bytes(CHECK_BYTES, "little")


def readable(image: EngineContents) -> list[MemoryContents]:
    """Return what can be read back of a network: all but ``T``, and memories without words."""
    return [part for part in image.memories() if part.memory != Memory.TIME_STEPS and len(part.words)]


def _head(part: MemoryContents, width: int, address: int) -> bytes:
    fields = {"layer": part.layer, "lane": part.lane, "memory": part.memory, "word_bytes": width, "address": address}
    return b"".join(fields[name].to_bytes(count, "little") for name, count in BLOCK_HEAD.items())


def _bytes(part: MemoryContents) -> tuple[bytes, int]:
    """Return the words as bytes, low byte first, and how many each has."""
    width = -(-part.bits // 8)
    return part.words.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :width].tobytes(), width
