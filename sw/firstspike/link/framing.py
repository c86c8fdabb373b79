"""Frames on the host's side, with the cobs library. `firstspike_spec.protocol.frames` defines them."""

import zlib

from cobs import cobs

from firstspike_spec.protocol.frames import CHECK_BYTES, DELIMITER


def frame(content: bytes) -> bytes:
    """Return the bytes of a frame."""
    return cobs.encode(content + zlib.crc32(content).to_bytes(CHECK_BYTES, "little")) + bytes([DELIMITER])


class FrameReader:
    """Finds the complete frames in a stream of bytes.

    Attributes
    ----------
    damaged : int
        Number of damaged frames; they are dropped.
    """

    #: Longer than any frame of a board. More bytes than these without a delimiter are not a frame.
    LONGEST = 1 << 16

    def __init__(self) -> None:
        self._rest = bytearray()
        self.damaged = 0

    def read(self, data: bytes) -> list[bytes]:
        """Take more bytes, and return the contents of the frames that they complete."""
        self._rest += data
        *ended, self._rest = self._rest.split(bytes([DELIMITER]))
        if len(self._rest) > self.LONGEST:
            self._rest = bytearray()
            self.damaged += 1
        contents = (self._content(bytes(stuffed)) for stuffed in ended if stuffed)
        return [content for content in contents if content is not None]

    def _content(self, stuffed: bytes) -> bytes | None:
        try:
            content = cobs.decode(stuffed) if len(stuffed) <= self.LONGEST else b""
        except cobs.DecodeError:
            content = b""
        content, check = content[:-CHECK_BYTES], content[-CHECK_BYTES:]
        if not content or zlib.crc32(content).to_bytes(CHECK_BYTES, "little") != check:
            self.damaged += 1
            return None
        return content
