"""Damage within the check's guarantee is never taken for another frame of the same length: a proof by going through all."""

import zlib

import numpy as np

from firstspike_spec.protocol.frames import CHECK_BYTES

#: Contents of so many bytes, at most those of the buffers in a board.
LONGEST = 2048


def syndromes(content_bytes: int) -> np.ndarray:
    """Return what each wrong bit of a frame changes in the comparison of its content with its check, uint32.

    CRC-32 is linear: the change does not depend on the content.
    """
    silence = zlib.crc32(bytes(content_bytes))
    changes = [1 << bit for bit in range(8 * CHECK_BYTES)]
    for at in range(content_bytes):
        for bit in range(8):
            content = bytearray(content_bytes)
            content[at] = 1 << bit
            changes.append(zlib.crc32(content) ^ silence)
    return np.array(changes, np.uint32)


def test_up_to_three_wrong_bits_are_noticed():
    """In a frame of any length up to the longest: what its bits change is among what those of the longest one do."""
    changes = syndromes(LONGEST)
    assert len(np.unique(changes)) == len(changes)
    assert changes.all()
    known = np.zeros(1 << 32 >> 3, np.uint8)  # a bit for each word
    np.bitwise_or.at(known, changes >> 3, np.uint8(1) << (changes & 7).astype(np.uint8))
    compared = 0
    for at in range(len(changes)):
        pairs = changes[at] ^ changes[at + 1 :]
        # Three wrong bits cancel if two of them make the change of the third one.
        assert not (known[pairs >> 3] >> (pairs & 7).astype(np.uint8) & 1).any(), at
        compared += len(pairs)
    assert compared == len(changes) * (len(changes) - 1) // 2
